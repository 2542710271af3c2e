//! A prefix as the bytes that the store keeps: the address in network order, then the length in bits.

use std::cmp::Ordering;
use std::net::IpAddr;

use ipnet::IpNet;
use rusqlite::ToSql;
use rusqlite::types::ToSqlOutput;

/// One prefix as bytes. They compare as the blob does in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blob {
    bytes: [u8; 17],
    length: usize,
}

impl Blob {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Ord for Blob {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for Blob {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl ToSql for Blob {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.as_bytes()))
    }
}

pub(super) fn encode(prefix: &IpNet) -> Blob {
    let mut bytes = [0; 17];
    let length = match prefix.addr() {
        IpAddr::V4(address) => {
            bytes[..4].copy_from_slice(&address.octets());
            4
        }
        IpAddr::V6(address) => {
            bytes[..16].copy_from_slice(&address.octets());
            16
        }
    };
    bytes[length] = prefix.prefix_len();
    Blob { bytes, length: length + 1 }
}

/// `None` when the bytes are no prefix, or one with host bits set.
pub(super) fn decode(blob: &[u8]) -> Option<IpNet> {
    let (length, address) = blob.split_last()?;
    let address = match address.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(address).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
        _ => return None,
    };
    let prefix = IpNet::new(address, *length).ok()?;
    (prefix.network() == address).then_some(prefix)
}

/// A list of prefixes as bytes: each as [`encode`] makes it, behind the number of its bytes.
pub(super) fn encode_list(prefixes: &[IpNet]) -> Vec<u8> {
    let mut blob = Vec::new();
    for prefix in prefixes {
        let one = encode(prefix);
        blob.extend(u8::try_from(one.length));
        blob.extend(one.as_bytes());
    }
    blob
}

/// `None` when the bytes are no list of prefixes in ascending order, each once.
pub(super) fn decode_list(mut blob: &[u8]) -> Option<Vec<IpNet>> {
    let mut prefixes = Vec::with_capacity(blob.len() / 6);
    while let Some((length, rest)) = blob.split_first() {
        let (one, rest) = rest.split_at_checked((*length).into())?;
        prefixes.push(decode(one)?);
        blob = rest;
    }
    prefixes.is_sorted_by(|before, after| before < after).then_some(prefixes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_comes_back_as_it_was() {
        for prefix in ["0.0.0.0/0", "203.0.113.0/24", "203.0.113.9/32", "::/0", "2001:db8::/32", "2001:db8::9/128"] {
            let prefix: IpNet = prefix.parse().unwrap();
            assert_eq!(decode(encode(&prefix).as_bytes()), Some(prefix));
        }
    }

    #[test]
    fn a_list_comes_back_as_it_was() {
        let list: Vec<IpNet> =
            ["203.0.113.0/24", "203.0.113.9/32", "2001:db8::/32"].map(|prefix| prefix.parse().unwrap()).into();
        assert_eq!(decode_list(&encode_list(&list)), Some(list));
        assert_eq!(decode_list(&[]), Some(Vec::new()));
    }

    #[test]
    fn other_bytes_are_no_list() {
        let list: Vec<IpNet> = ["203.0.113.0/24", "203.0.113.9/32"].map(|prefix| prefix.parse().unwrap()).into();
        let whole = encode_list(&list);
        for cut in (1..whole.len()).filter(|cut| *cut != 6) {
            assert_eq!(decode_list(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(decode_list(&[&whole[..6], &whole[..6]].concat()), None, "twice the same");
        assert_eq!(decode_list(&[&whole[6..], &whole[..6]].concat()), None, "not sorted");
        assert_eq!(decode_list(&[0]), None);
    }

    #[test]
    fn other_bytes_are_no_prefix() {
        for blob in [
            &[][..],
            &[24],
            &[203, 0, 113, 24],
            &[203, 0, 113, 0, 33],
            &[203, 0, 113, 9, 24],
            &[203, 0, 113, 0, 24, 0],
            &[0xff; 17],
            &[0; 18],
        ] {
            assert_eq!(decode(blob), None, "{blob:?}");
        }
    }
}
