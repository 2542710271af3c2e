use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// Bytes that are overwritten when they are no longer needed, and that no log shows.
///
/// In a message they are hexadecimal digits: a JSON string without escapes is read in place, so no further copy is made.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = Zeroizing::new(String::with_capacity(2 * self.0.len()));
        for byte in self.0.iter() {
            for digit in [byte >> 4, byte & 0xf] {
                digits.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        serializer.serialize_str(&digits)
    }
}

impl<'d> Deserialize<'d> for Secret {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Digits)
    }
}

struct Digits;

impl Visitor<'_> for Digits {
    type Value = Secret;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("pairs of hexadecimal digits")
    }

    fn visit_str<E: Error>(self, digits: &str) -> Result<Secret, E> {
        let value = |digit: &u8| char::from(*digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len() / 2));
        for pair in digits.as_bytes().chunks(2) {
            match pair {
                [high, low] => match (value(high), value(low)) {
                    (Some(high), Some(low)) => bytes.push(high << 4 | low),
                    _ => return Err(E::custom("a secret holds what is no hexadecimal digit")),
                },
                _ => return Err(E::custom("a secret has an odd number of digits")),
            }
        }
        Ok(Secret(bytes))
    }
}
