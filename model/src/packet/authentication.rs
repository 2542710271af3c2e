use super::layer::Surroundings;

/// An authentication header (RFC 4302) with a check value that proves nothing; 24 bytes by default.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Authentication {
    /// Written instead of the next header of the layer that follows.
    pub next_header: Option<u8>,
    /// Written instead of the header's length, which counts 4-byte units after the first two.
    pub length: Option<u8>,
    /// The integrity check value; filled up with zeros to whole 4-byte units.
    pub check_value: Vec<u8>,
}

impl Default for Authentication {
    fn default() -> Self {
        Self { next_header: None, length: None, check_value: vec![0; 12] }
    }
}

impl Authentication {
    pub(super) fn encode(&self, around: &Surroundings, inside: &[u8]) -> Vec<u8> {
        let mut check_value = self.check_value.clone();
        check_value.resize(check_value.len().next_multiple_of(4), 0);
        let length = self.length.unwrap_or_else(|| {
            u8::try_from((12 + check_value.len()) / 4 - 2).expect("an authentication header is at most 1 KiB")
        });
        let next_header = self.next_header.unwrap_or(around.protocol);
        // Reserved, a security parameters index and a sequence number.
        let fixed = [next_header, length, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
        [&fixed[..], &check_value, inside].concat()
    }
}
