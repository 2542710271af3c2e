use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::front::FrontBits;
use crate::{Address, Family, Reason, Tag};

/// The key of a registry's trie, without the prefix length that BPF puts before it: family (8 bits), tag (24 bits),
/// address (128 bits), all in network byte order, since the trie compares bits from the first byte on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RuleKey {
    /// Family and tag.
    scope: u32,
    words: [u32; 4],
}

impl RuleKey {
    /// Set in the family byte of a key that holds a destination.
    const DESTINATION: u32 = 0x10;
    /// Bits of family alone: a prefix this long covers every tag and every address.
    pub const FAMILY_BITS: u32 = 8;
    /// Bits before the address: what an address prefix length is added to.
    pub const SCOPE_BITS: u32 = 32;

    /// The key of `address` as it is seen on the network `tag`.
    #[inline(always)]
    pub const fn new(tag: Tag, address: &Address) -> Self {
        Self { scope: ((address.family() as u32) << 24 | tag.value()).to_be(), words: address.words() }
    }

    /// The key of a private endpoint: `destination` as it is reached inside the network `tag`. It has a family of its own, so
    /// that no row about sources, a whole family's included, covers it.
    #[inline(always)]
    pub const fn private_endpoint(tag: Tag, destination: &Address) -> Self {
        let family = destination.family() as u32 | Self::DESTINATION;
        Self { scope: (family << 24 | tag.value()).to_be(), words: destination.words() }
    }

    /// The family of the address.
    #[inline(always)]
    pub const fn family(&self) -> Family {
        if self.scope() >> 24 & 0x0f == Family::V4 as u32 { Family::V4 } else { Family::V6 }
    }

    /// The network.
    #[inline(always)]
    pub const fn tag(&self) -> Tag {
        Tag::vni(self.scope())
    }

    /// Whether the address is a destination.
    #[inline(always)]
    pub const fn is_destination(&self) -> bool {
        self.scope() >> 24 & Self::DESTINATION != 0
    }

    /// Tag and IPv4 address, from the highest bit on.
    #[inline(always)]
    pub const fn narrow_bits(&self) -> u64 {
        (self.tag().value() as u64) << 40 | (u32::from_be(self.words[0]) as u64) << 8
    }

    /// Tag and IPv6 address, from the highest bit of the first word on.
    #[inline(always)]
    pub const fn wide_bits(&self) -> FrontBits {
        let [a, b, c, d] = self.words;
        let high = (u32::from_be(a) as u64) << 32 | u32::from_be(b) as u64;
        let low = (u32::from_be(c) as u64) << 32 | u32::from_be(d) as u64;
        [(self.tag().value() as u64) << 40 | high >> 24, high << 40 | low >> 24, low << 40]
    }

    #[inline(always)]
    const fn scope(&self) -> u32 {
        u32::from_be(self.scope)
    }

    /// Whether the first `bits` bits are those of `prefix`, as a trie compares them.
    pub fn starts_with(&self, prefix: &Self, bits: u32) -> bool {
        let whole = (bits / 8) as usize;
        let (this, prefix) = (self.as_bytes(), prefix.as_bytes());
        let rest = 0xff_u8.checked_shl(8 - bits % 8).unwrap_or(0);
        this[..whole] == prefix[..whole]
            && this.get(whole).copied().unwrap_or(0) & rest == prefix.get(whole).copied().unwrap_or(0) & rest
    }

    /// The prefix length to look up one address with.
    #[inline(always)]
    pub const fn lookup_bits(address: &Address) -> u32 {
        match address.family() {
            Family::V4 => Self::SCOPE_BITS + 32,
            Family::V6 => Self::SCOPE_BITS + 128,
        }
    }
}

/// Whether a source may reach the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It may.
    Allow,
    /// It may not.
    Deny,
}

/// [`Entry::counter`] of an entry that is nobody's rule.
pub const NO_COUNTER: u32 = u32::MAX;

/// The value of a registry's trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Entry {
    /// Index into the array of per-rule hit counters, or [`NO_COUNTER`].
    counter: u32,
    /// The number of the [`Reason`] to give.
    reason: u32,
}

impl Entry {
    /// An entry that answers with `reason` and counts its hits at index `counter`.
    pub const fn new(reason: Reason, counter: u32) -> Self {
        Self { counter, reason: reason as u32 }
    }

    /// The reason to give. A number that is no reason denies.
    #[inline(always)]
    pub const fn reason(&self) -> Reason {
        match self.reason {
            n if n == Reason::IpRule as u32 => Reason::IpRule,
            n if n == Reason::SubnetRule as u32 => Reason::SubnetRule,
            n if n == Reason::ServiceTagRule as u32 => Reason::ServiceTagRule,
            n if n == Reason::DefaultAllow as u32 => Reason::DefaultAllow,
            n if n == Reason::PrivateEndpoint as u32 => Reason::PrivateEndpoint,
            n if n == Reason::TrustedService as u32 => Reason::TrustedService,
            n if n == Reason::DenyRule as u32 => Reason::DenyRule,
            n if n == Reason::PublicAccessDisabled as u32 => Reason::PublicAccessDisabled,
            _ => Reason::NoRule,
        }
    }

    /// Index of the hit counter, or [`NO_COUNTER`].
    #[inline(always)]
    pub const fn counter(&self) -> u32 {
        self.counter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Address = Address::v4([198, 51, 100, 7]);

    #[test]
    fn the_tag_stands_in_the_key_in_network_byte_order() {
        let key = RuleKey::new(Tag::vni(0x01_0203), &SOURCE);
        assert_eq!(key.as_bytes()[..8], [4, 1, 2, 3, 198, 51, 100, 7]);
        assert_eq!(key.as_bytes()[8..], [0; 12]);
    }

    #[test]
    fn the_same_source_on_another_network_has_another_key() {
        assert_ne!(RuleKey::new(Tag::vni(5001), &SOURCE), RuleKey::new(Tag::vni(5002), &SOURCE));
        assert_ne!(RuleKey::new(Tag::vni(5001), &SOURCE), RuleKey::new(Tag::PUBLIC, &SOURCE));
    }

    #[test]
    fn an_ipv4_source_and_its_mapped_form_have_different_keys() {
        let mapped = Address::v6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 7]);
        let (v4, v6) = (RuleKey::new(Tag::PUBLIC, &SOURCE), RuleKey::new(Tag::PUBLIC, &mapped));
        assert!(!v6.starts_with(&v4, RuleKey::FAMILY_BITS));
    }

    #[test]
    fn no_row_about_sources_covers_a_private_endpoint() {
        let private = RuleKey::private_endpoint(Tag::vni(5001), &SOURCE);
        assert_eq!(private.as_bytes()[..8], [0x14, 0, 0x13, 0x89, 198, 51, 100, 7]);
        assert!(!private.starts_with(&RuleKey::new(Tag::PUBLIC, &SOURCE), RuleKey::FAMILY_BITS));
    }

    #[test]
    fn a_prefix_covers_its_edges_and_not_their_neighbours() {
        let key = |last| RuleKey::new(Tag::PUBLIC, &Address::v4([198, 51, 100, last]));
        for (source, covered) in [(64, true), (127, true), (63, false), (128, false)] {
            assert_eq!(key(source).starts_with(&key(64), RuleKey::SCOPE_BITS + 26), covered, "{source}");
        }
    }

    #[test]
    fn an_entry_with_an_unknown_reason_denies() {
        for number in [Reason::NotIp as u32, Reason::NotGuarded as u32, 63, u32::MAX] {
            assert_eq!(Entry { counter: 0, reason: number }.reason(), Reason::NoRule);
        }
    }
}
