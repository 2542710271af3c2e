use super::layer::Surroundings;

/// A VXLAN header (RFC 7348).
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Vxlan {
    /// The flag byte; only `0x08`, which says that the VNI counts, is legitimate.
    pub flags: u8,
    /// Bytes 1 to 3, zero in a legitimate header.
    pub reserved: [u8; 3],
    /// The network identifier, below 2^24.
    pub vni: u32,
    /// Byte 7, zero in a legitimate header.
    pub last_reserved: u8,
}

impl Vxlan {
    /// A legitimate header of this network.
    pub fn vni(vni: u32) -> Self {
        Self { flags: 0x08, reserved: [0; 3], vni, last_reserved: 0 }
    }

    /// The same header with this flag byte.
    pub fn flags(self, flags: u8) -> Self {
        Self { flags, ..self }
    }

    /// The same header with these bytes where RFC 7348 wants zeros: three before the VNI, one after it.
    pub fn reserved(self, reserved: [u8; 3], last_reserved: u8) -> Self {
        Self { reserved, last_reserved, ..self }
    }

    pub(super) fn encode(&self, _: &Surroundings, inside: &[u8]) -> Vec<u8> {
        let [_, vni @ ..] = self.vni.to_be_bytes();
        [&[self.flags][..], &self.reserved, &vni, &[self.last_reserved], inside].concat()
    }
}
