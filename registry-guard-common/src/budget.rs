use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Address, Family};

/// How many denied SYNs to one registry may go on to be told why, in one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Budget {
    per_source: u32,
    total: u32,
}

impl Budget {
    /// At most `per_source` from each source and `total` from all of them, in one second.
    pub const fn new(per_source: u32, total: u32) -> Self {
        Self { per_source, total }
    }

    /// SYNs in one second from one source.
    #[inline(always)]
    pub const fn per_source(&self) -> u32 {
        self.per_source
    }

    /// SYNs in one second from all sources.
    #[inline(always)]
    pub const fn total(&self) -> u32 {
        self.total
    }
}

/// Who spends: an IPv4 address, or the first 64 bits of an IPv6 address, since one host has all of those that follow
/// (RFC 6177 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BudgetSource {
    registry: u16,
    family: u16,
    words: [u32; 2],
}

impl BudgetSource {
    /// The spender behind `address` at the registry with this index.
    #[inline(always)]
    pub const fn new(registry: u32, address: &Address) -> Self {
        let [first, second, ..] = address.words();
        let second = match address.family() {
            Family::V4 => 0,
            Family::V6 => second,
        };
        Self { registry: (registry & 0xffff) as u16, family: address.family() as u16, words: [first, second] }
    }
}

/// What was spent in one second: the second in the upper half of a word, the number in the lower, so that both change in
/// one atomic step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent(u64);

impl Spent {
    /// As it stands in a map.
    #[inline(always)]
    pub const fn from_word(word: u64) -> Self {
        Self(word)
    }

    /// The first one spent in `second`.
    #[inline(always)]
    pub const fn first_in(second: u32) -> Self {
        Self((second as u64) << 32 | 1)
    }

    /// One more in the same second; only for what does not reach a limit yet, so that the second is never touched.
    #[must_use]
    #[inline(always)]
    pub const fn one_more(self) -> Self {
        Self(self.0 + 1)
    }

    /// As it goes into a map.
    #[inline(always)]
    pub const fn word(self) -> u64 {
        self.0
    }

    /// Whether this is about a second before `second`. A later one, which another CPU saw already, goes on to count.
    #[inline(always)]
    pub const fn is_stale(self, second: u32) -> bool {
        self.0 >> 32 < second as u64
    }

    /// Whether `limit` or more are spent.
    #[inline(always)]
    pub const fn reaches(self, limit: u32) -> bool {
        self.0 & 0xffff_ffff >= limit as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_one_v6_prefix_spend_together_and_v4_sources_alone() {
        let v6 = |last| {
            let mut octets = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
            octets[15] = last;
            BudgetSource::new(1, &Address::v6(octets))
        };
        assert_eq!(v6(1), v6(2));
        let v4 = |last| BudgetSource::new(1, &Address::v4([198, 51, 100, last]));
        assert_ne!(v4(1), v4(2));
        assert_ne!(v4(1), BudgetSource::new(2, &Address::v4([198, 51, 100, 1])));
    }

    #[test]
    fn the_second_and_the_number_share_a_word() {
        let spent = Spent::first_in(7);
        assert!(!spent.is_stale(6) && !spent.is_stale(7) && spent.is_stale(8));
        assert!(spent.reaches(1) && !spent.reaches(2));
        assert!(spent.one_more().reaches(2) && !spent.one_more().is_stale(7));
    }
}
