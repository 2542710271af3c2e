//! Where walks begin.

use super::FRONT_LINE_WORDS;
use crate::{Family, RuleKey, Tag};

/// The kinds of keys that have a root of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root(u32);

impl Root {
    /// Every root.
    pub const ALL: [Self; 6] = [Self(1), Self(2), Self(3), Self(4), Self(5), Self(6)];

    /// The root of keys like `key`.
    #[inline(always)]
    pub const fn of(key: &RuleKey) -> Self {
        let wide = matches!(key.family(), Family::V6) as u32;
        if key.is_destination() {
            Self(5 + wide)
        } else if key.tag().value() == Tag::PUBLIC.value() {
            Self(1 + wide)
        } else {
            Self(3 + wide)
        }
    }

    /// The roots of sources of one family.
    pub const fn sources(family: Family) -> [Self; 2] {
        match family {
            Family::V4 => [Self(1), Self(3)],
            Family::V6 => [Self(2), Self(4)],
        }
    }

    /// Whether keys are wider than a word.
    pub const fn is_wide(self) -> bool {
        self.0.is_multiple_of(2)
    }

    /// Bits of an IPv4 address that tell keys apart least: none.
    pub(super) const NARROW_SKIPPED: u32 = 0;
    /// Bits of an IPv6 address that tell least, since addresses of the Internet share them (RFC 4291 section 2.5.4).
    pub(super) const WIDE_SKIPPED: u32 = 3;

    /// Bits of an address that a [`Summary`](super::Summary) does not look at.
    pub(super) const fn skipped(self) -> u32 {
        if self.is_wide() { Self::WIDE_SKIPPED } else { Self::NARROW_SKIPPED }
    }

    /// Bits of a key that stand before those by which a [`Summary`](super::Summary) tells keys with one tag apart.
    pub const fn before_cells(self) -> u32 {
        Tag::BITS + self.skipped()
    }

    /// The index of its word.
    #[inline(always)]
    pub const fn index(self) -> u32 {
        self.0
    }

    /// The index of the word of its finer [`Summary`](super::Summary), which is 0 if there is none.
    #[inline(always)]
    pub const fn finer_summary(self) -> u32 {
        FRONT_LINE_WORDS + self.0
    }
}
