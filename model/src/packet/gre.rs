use super::layer::Surroundings;

/// A GRE header (RFC 2784) without options, around an IP packet or a whole frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Gre {
    /// Written instead of the type of the layer that follows.
    pub ethertype: Option<u16>,
}

impl Gre {
    /// The type that announces a whole Ethernet frame.
    pub const TRANSPARENT_ETHERNET: u16 = 0x6558;

    pub(super) fn encode(&self, around: &Surroundings, inside: &[u8]) -> Vec<u8> {
        let ethertype = self.ethertype.unwrap_or(around.ethertype);
        [&[0, 0][..], &ethertype.to_be_bytes(), inside].concat()
    }
}
