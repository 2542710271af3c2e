use super::layer::Surroundings;

/// Six bytes of padding in one option, the most that Linux takes in a row is seven.
const PADDING: [u8; 6] = [1, 4, 0, 0, 0, 0];

/// An IPv6 extension header that carries options; by default 8 bytes of padding. The protocol is its own number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct OptionsHeader<const PROTOCOL: u8> {
    /// Written instead of the next header of the layer that follows.
    pub next_header: Option<u8>,
    /// Written instead of the header's length, which counts 8-byte units after the first.
    pub length: Option<u8>,
    /// The options; filled up with zeros (one-byte padding) to whole 8-byte units. None means six bytes of padding.
    pub options: Vec<u8>,
}

/// An IPv6 hop-by-hop options header.
pub type HopByHop = OptionsHeader<0>;

/// An IPv6 destination options header.
pub type DestinationOptions = OptionsHeader<60>;

impl<const PROTOCOL: u8> OptionsHeader<PROTOCOL> {
    pub(super) const PROTOCOL: u8 = PROTOCOL;

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
        let mut options = if self.options.is_empty() { PADDING.to_vec() } else { self.options.clone() };
        options.resize((2 + options.len()).next_multiple_of(8) - 2, 0);
        let units = (2 + options.len()) / 8 - 1;
        let length = self.length.unwrap_or_else(|| u8::try_from(units).expect("an option header is at most 2 KiB"));
        [&[self.next_header.unwrap_or(around.protocol), length][..], &options, inside].concat()
    }
}
