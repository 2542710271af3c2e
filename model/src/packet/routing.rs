use super::layer::Surroundings;

/// An IPv6 routing header of 8 bytes, by default of the experimental type 253 with nothing left to visit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Routing {
    /// Written instead of the next header of the layer that follows.
    pub next_header: Option<u8>,
    /// Written instead of the header's length, which counts 8-byte units after the first.
    pub length: Option<u8>,
    /// The routing type.
    pub kind: u8,
    /// Nodes still to visit.
    pub segments_left: u8,
    /// What follows the first 4 bytes; filled up with zeros to whole 8-byte units.
    pub data: Vec<u8>,
}

impl Default for Routing {
    fn default() -> Self {
        Self::kind(253)
    }
}

impl Routing {
    /// A header of this routing type with nothing left to visit.
    pub fn kind(kind: u8) -> Self {
        Self { next_header: None, length: None, kind, segments_left: 0, data: vec![0; 4] }
    }

    /// The same header with that many nodes still to visit.
    pub fn segments_left(self, segments_left: u8) -> Self {
        Self { segments_left, ..self }
    }

    pub(super) fn encode(&self, around: &Surroundings, inside: &[u8]) -> Vec<u8> {
        let mut data = self.data.clone();
        data.resize((4 + data.len()).next_multiple_of(8) - 4, 0);
        let length = self
            .length
            .unwrap_or_else(|| u8::try_from((4 + data.len()) / 8 - 1).expect("a routing header is at most 2 KiB"));
        let next_header = self.next_header.unwrap_or(around.protocol);
        [&[next_header, length, self.kind, self.segments_left][..], &data, inside].concat()
    }
}
