use super::layer::Surroundings;

/// A VLAN tag of IEEE 802.1Q or 802.1ad.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Vlan {
    /// The type by which the layer before announces the tag: `0x8100`, or `0x88a8` for a service tag.
    pub tpid: u16,
    /// The VLAN's number, 0 to 4095; 0 is a tag of priority only, which Linux accepts without a VLAN device.
    pub vid: u16,
    /// Written instead of the type of the layer that follows.
    pub ethertype: Option<u16>,
}

impl Vlan {
    /// A customer tag with this VLAN number.
    pub fn vid(vid: u16) -> Self {
        Self { tpid: 0x8100, vid, ethertype: None }
    }

    /// A customer tag that carries a priority and no VLAN.
    pub fn priority() -> Self {
        Self::vid(0)
    }

    /// The same tag as a service tag (`0x88a8`).
    pub fn service(self) -> Self {
        Self { tpid: 0x88a8, ..self }
    }

    /// The same tag announced by another type.
    pub fn tpid(self, tpid: u16) -> Self {
        Self { tpid, ..self }
    }

    /// The same tag announcing another type.
    pub fn ethertype(self, ethertype: u16) -> Self {
        Self { ethertype: Some(ethertype), ..self }
    }

    pub(super) fn encode(&self, around: &Surroundings, inside: &[u8]) -> Vec<u8> {
        let ethertype = self.ethertype.unwrap_or(around.ethertype);
        [&self.vid.to_be_bytes()[..], &ethertype.to_be_bytes(), inside].concat()
    }
}
