use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Text from a stranger: at most `MOST` bytes of printable ASCII, with `?` for each byte that is not.
///
/// Reading it from a message cleans it again, so it holds for text from a sender that cannot be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Printable<const MOST: usize>(String);

impl<const MOST: usize> Printable<MOST> {
    /// Cleans `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let shown = |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' };
        Self(bytes.iter().take(MOST).map(shown).collect())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MOST: usize> fmt::Display for Printable<MOST> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl<'d, const MOST: usize> Deserialize<'d> for Printable<MOST> {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::of(text.as_bytes()))
    }
}
