use super::checksum::Checksum;
use super::layer::Surroundings;

/// A UDP header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Udp {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// Written instead of the datagram's length in bytes.
    pub length: Option<u16>,
    /// The checksum over header, data and addresses; 0 means that the sender made none.
    pub checksum: Checksum,
}

impl Udp {
    /// Its number in IP headers.
    pub const PROTOCOL: u8 = 17;
    /// The port that RFC 7348 gives to VXLAN.
    pub const VXLAN: u16 = 4789;
    /// The port that RFC 8926 gives to Geneve.
    pub const GENEVE: u16 = 6081;

    /// A datagram to this port, from port 40000.
    pub fn to(destination: u16) -> Self {
        Self { source: 40000, destination, length: None, checksum: Checksum::Right }
    }

    /// A datagram to the port of VXLAN.
    pub fn vxlan() -> Self {
        Self::to(Self::VXLAN)
    }

    /// The same datagram from another port.
    pub fn from(self, source: u16) -> Self {
        Self { source, ..self }
    }

    /// The same datagram with this checksum, right or wrong.
    pub fn checksum(self, checksum: u16) -> Self {
        Self { checksum: Checksum::Is(checksum), ..self }
    }

    /// The same datagram claiming another length, in bytes.
    pub fn length(self, length: u16) -> Self {
        Self { length: Some(length), ..self }
    }

    pub(super) fn encode(&self, around: &Surroundings, inside: &[u8]) -> Vec<u8> {
        let length =
            self.length.unwrap_or_else(|| u16::try_from(8 + inside.len()).expect("UDP datagrams are below 64 KiB"));
        let mut datagram = Vec::new();
        datagram.extend(self.source.to_be_bytes());
        datagram.extend(self.destination.to_be_bytes());
        datagram.extend(length.to_be_bytes());
        datagram.extend([0; 2]);
        datagram.extend(inside);
        let right = match around.pseudo_header.checksum(Self::PROTOCOL, &datagram) {
            // Zero would say that there is none.
            0 => 0xffff,
            checksum => checksum,
        };
        datagram[6..8].copy_from_slice(&self.checksum.or(right).to_be_bytes());
        datagram
    }
}
