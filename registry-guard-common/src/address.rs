use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The family of an address, as it stands in map keys.
///
/// Every key carries it, so that a v6 packet from `::ffff:a.b.c.d` can never meet an IPv4 rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Family {
    /// IPv4: the first 32 bits of [`Address::words`] count, the rest is zero.
    V4 = 4,
    /// IPv6.
    V6 = 6,
}

/// An IPv4 or IPv6 address in network byte order. Aligned, since LLVM reads two words of it at once where it can, and the BPF
/// verifier wants such a read to be aligned on the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(8))]
pub struct Address {
    words: [u32; 4],
    family: u32,
    _rest: u32,
}

impl Address {
    /// An IPv4 address from its four octets as they stand on the wire.
    pub const fn v4(octets: [u8; 4]) -> Self {
        Self::from_word(u32::from_ne_bytes(octets))
    }

    /// An IPv6 address from its sixteen octets as they stand on the wire.
    pub const fn v6(octets: [u8; 16]) -> Self {
        Self::from_words([word(octets, 0), word(octets, 4), word(octets, 8), word(octets, 12)])
    }

    /// An IPv4 address from a word in network byte order.
    #[inline(always)]
    pub const fn from_word(word: u32) -> Self {
        Self { words: [word, 0, 0, 0], family: Family::V4 as u32, _rest: 0 }
    }

    /// An IPv6 address from its words in network byte order.
    #[inline(always)]
    pub const fn from_words(words: [u32; 4]) -> Self {
        Self { words, family: Family::V6 as u32, _rest: 0 }
    }

    /// The family this address belongs to.
    #[inline(always)]
    pub const fn family(&self) -> Family {
        if self.family == Family::V4 as u32 { Family::V4 } else { Family::V6 }
    }

    /// The address as four words, each in network byte order; IPv4 uses the first.
    #[inline(always)]
    pub const fn words(&self) -> [u32; 4] {
        self.words
    }

    /// What stands for every group of one family, multicast and the limited broadcast.
    #[inline(always)]
    pub const fn group(family: Family) -> Self {
        match family {
            Family::V4 => Self::v4([224, 0, 0, 0]),
            Family::V6 => Self::v6([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        }
    }

    /// Whether this is the address of a group: 224.0.0.0/4 (RFC 5771), 255.255.255.255 and what is reserved below it, `ff00::/8`
    /// (RFC 4291).
    #[inline(always)]
    pub const fn is_group(&self) -> bool {
        let first = u32::from_be(self.words()[0]) >> 24;
        match self.family() {
            Family::V4 => first >= 224,
            Family::V6 => first == 0xff,
        }
    }

    /// Whether this is an IPv6 address of the form `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2), which is an API notation
    /// and never a source on the wire (RFC 4942 section 2.2).
    #[inline(always)]
    pub const fn is_v4_mapped(&self) -> bool {
        matches!(self.family(), Family::V6)
            && self.words[0] == 0
            && self.words[1] == 0
            && self.words[2] == 0x0000_ffff_u32.to_be()
    }
}

const fn word(octets: [u8; 16], at: usize) -> u32 {
    u32::from_ne_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
}

impl From<core::net::IpAddr> for Address {
    fn from(address: core::net::IpAddr) -> Self {
        match address {
            core::net::IpAddr::V4(address) => Self::v4(address.octets()),
            core::net::IpAddr::V6(address) => Self::v6(address.octets()),
        }
    }
}

impl From<Address> for core::net::IpAddr {
    fn from(address: Address) -> Self {
        let [a, b, c, d] = address.words.map(u32::from_be);
        match address.family() {
            Family::V4 => Self::V4(core::net::Ipv4Addr::from_bits(a)),
            Family::V6 => Self::V6(core::net::Ipv6Addr::from_bits(
                u128::from(a) << 96 | u128::from(b) << 64 | u128::from(c) << 32 | u128::from(d),
            )),
        }
    }
}
