use std::net::{Ipv4Addr, Ipv6Addr};

/// What a layer writes into its checksum field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// The right one.
    #[default]
    Right,
    /// This one, whether right or not.
    Is(u16),
}

impl Checksum {
    /// The field's value, given the right one.
    pub(super) fn or(self, right: u16) -> u16 {
        match self {
            Self::Right => right,
            Self::Is(value) => value,
        }
    }
}

/// The addresses that a transport checksum covers beside the transport's own bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum PseudoHeader {
    /// Source and destination of an IPv4 packet.
    V4(Ipv4Addr, Ipv4Addr),
    /// Source and destination of an IPv6 packet.
    V6(Ipv6Addr, Ipv6Addr),
}

impl PseudoHeader {
    /// The Internet checksum of a transport segment whose own checksum field holds zero.
    pub(super) fn checksum(self, protocol: u8, segment: &[u8]) -> u16 {
        let mut covered = match self {
            Self::V4(source, destination) => [source.octets(), destination.octets()].concat(),
            Self::V6(source, destination) => [source.octets(), destination.octets()].concat(),
        };
        let length = u32::try_from(segment.len()).expect("a packet is shorter than 4 GiB");
        covered.extend(length.to_be_bytes());
        covered.extend([0, 0, 0, protocol]);
        covered.extend(segment);
        internet_checksum(&covered)
    }
}

/// RFC 1071: the complement of the sum of all 16-bit words in ones' complement arithmetic.
pub(super) fn internet_checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("the carry was folded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_holds() {
        assert_eq!(internet_checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }
}
