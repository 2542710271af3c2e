use super::layer::Surroundings;

/// Six bytes of padding in one option, the most that Linux takes in a row is seven.
const PADDING: [u8; 6] = [1, 4, 0, 0, 0, 0];

/// The shape that hop-by-hop and destination options share.
pub(super) fn encode(
    next_header: Option<u8>,
    length: Option<u8>,
    options: &[u8],
    around: &Surroundings,
    inside: &[u8],
) -> Vec<u8> {
    let mut options = if options.is_empty() { PADDING.to_vec() } else { options.to_vec() };
    options.resize((2 + options.len()).next_multiple_of(8) - 2, 0);
    let length =
        length.unwrap_or_else(|| u8::try_from((2 + options.len()) / 8 - 1).expect("an option header is at most 2 KiB"));
    [&[next_header.unwrap_or(around.protocol), length][..], &options, inside].concat()
}
