use super::layer::Surroundings;
use super::option_header;

/// An IPv6 destination options header; by default 8 bytes of padding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct DestinationOptions {
    /// Written instead of the next header of the layer that follows.
    pub next_header: Option<u8>,
    /// Written instead of the header's length, which counts 8-byte units after the first.
    pub length: Option<u8>,
    /// The options; filled up with zeros (one-byte padding) to whole 8-byte units. None means six bytes of padding.
    pub options: Vec<u8>,
}

impl DestinationOptions {
    /// A header with these options.
    pub fn options(options: &[u8]) -> Self {
        Self { options: options.to_vec(), ..Self::default() }
    }

    /// The same header announcing another next header.
    pub fn next_header(self, next_header: u8) -> Self {
        Self { next_header: Some(next_header), ..self }
    }

    /// The same header claiming another length, in 8-byte units after the first.
    pub fn length(self, length: u8) -> Self {
        Self { length: Some(length), ..self }
    }

    pub(super) fn encode(&self, around: &Surroundings, inside: &[u8]) -> Vec<u8> {
        option_header::encode(self.next_header, self.length, &self.options, around, inside)
    }
}
