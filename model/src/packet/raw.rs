use super::layer::Surroundings;

/// Bytes without a meaning: payload, or a header that no other layer writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Raw {
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Raw {
    /// The Ethernet type for local experiments (IEEE 802).
    pub const ETHERTYPE: u16 = 0x88b5;
    /// The IP protocol for experiments (RFC 3692).
    pub const PROTOCOL: u8 = 253;

    /// These bytes.
    pub fn from(bytes: impl AsRef<[u8]>) -> Self {
        Self { bytes: bytes.as_ref().to_vec() }
    }

    /// That many zeros.
    pub fn zeros(length: usize) -> Self {
        Self { bytes: vec![0; length] }
    }

    pub(super) fn encode(&self, _: &Surroundings, inside: &[u8]) -> Vec<u8> {
        [&self.bytes, inside].concat()
    }
}
