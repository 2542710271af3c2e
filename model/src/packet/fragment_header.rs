use super::layer::Surroundings;

/// An IPv6 fragment header; by default that of an atomic fragment, which is the whole packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct FragmentHeader {
    /// Written instead of the next header of the layer that follows.
    pub next_header: Option<u8>,
    /// In units of 8 bytes, 0 to 8191.
    pub offset: u16,
    /// The M bit.
    pub more: bool,
    /// What the fragments of one packet have in common.
    pub identification: u32,
}

impl FragmentHeader {
    /// A fragment at `offset` (in units of 8 bytes), with or without more to follow.
    pub fn at(offset: u16, more: bool) -> Self {
        Self { offset, more, ..Self::default() }
    }

    /// The same header announcing another next header.
    pub fn next_header(self, next_header: u8) -> Self {
        Self { next_header: Some(next_header), ..self }
    }

    /// The same header with the fragments' common number.
    pub fn identification(self, identification: u32) -> Self {
        Self { identification, ..self }
    }

    pub(super) fn encode(&self, around: &Surroundings, inside: &[u8]) -> Vec<u8> {
        let offset_and_more = self.offset << 3 | u16::from(self.more);
        [
            &[self.next_header.unwrap_or(around.protocol), 0][..],
            &offset_and_more.to_be_bytes(),
            &self.identification.to_be_bytes(),
            inside,
        ]
        .concat()
    }
}
