use super::layer::Surroundings;

/// An Ethernet II header; its addresses are from the documentation range of RFC 7042.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Ethernet {
    /// Where the frame goes.
    pub destination: [u8; 6],
    /// Where it comes from.
    pub source: [u8; 6],
    /// Written instead of the type of the layer that follows.
    pub ethertype: Option<u16>,
}

impl Default for Ethernet {
    fn default() -> Self {
        Self {
            destination: [0x00, 0x00, 0x5e, 0x00, 0x53, 0x01],
            source: [0x00, 0x00, 0x5e, 0x00, 0x53, 0x02],
            ethertype: None,
        }
    }
}

impl Ethernet {
    /// A header that names this type, whatever follows.
    pub fn ethertype(ethertype: u16) -> Self {
        Self { ethertype: Some(ethertype), ..Self::default() }
    }

    /// A header from one hardware address to another.
    pub fn between(source: [u8; 6], destination: [u8; 6]) -> Self {
        Self { destination, source, ethertype: None }
    }

    pub(super) fn encode(&self, around: &Surroundings, inside: &[u8]) -> Vec<u8> {
        let ethertype = self.ethertype.unwrap_or(around.ethertype);
        [&self.destination[..], &self.source, &ethertype.to_be_bytes(), inside].concat()
    }
}
