use super::layer::Surroundings;

/// A Geneve header (RFC 8926) without options; goes into a datagram to [`super::Udp::GENEVE`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Geneve {
    /// The network identifier, below 2^24.
    pub vni: u32,
}

impl Geneve {
    /// A header of this network.
    pub fn vni(vni: u32) -> Self {
        Self { vni }
    }

    pub(super) fn encode(&self, around: &Surroundings, inside: &[u8]) -> Vec<u8> {
        let [_, vni @ ..] = self.vni.to_be_bytes();
        [&[0, 0][..], &around.ethertype.to_be_bytes(), &vni, &[0], inside].concat()
    }
}
