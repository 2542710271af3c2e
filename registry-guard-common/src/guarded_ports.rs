use core::ops::Range;

use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes};

const PORTS: usize = 1 << 16;

/// Where the listeners of each port of the host stand: the number of their row. Most packets are told by it to be none of ours, so
/// it is read without any step between.
///
/// It may name a port too many; a port that matters is always named.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct GuardedPorts {
    /// By port in network byte order, so that a port is an index as it was read from a packet, and the verifier knows its bound.
    rows: [u8; PORTS],
}

impl GuardedPorts {
    /// The row of ports at which nobody listens, and which are not that of VXLAN.
    pub const NOBODY: u8 = 0;

    /// No port is named.
    pub fn none() -> Self {
        Self::new_zeroed()
    }

    /// The row of `port`, network byte order.
    #[inline(always)]
    pub const fn row(&self, port: u16) -> u8 {
        self.rows[port as usize]
    }

    pub(crate) fn row_mut(&mut self, port: u16) -> &mut u8 {
        &mut self.rows[usize::from(port)]
    }

    /// Whether any port has one of these rows.
    pub(crate) fn name_any_of(&self, rows: &Range<u8>) -> bool {
        self.rows.iter().any(|row| rows.contains(row))
    }

    /// Names the same ports, all with this row.
    #[must_use]
    pub(crate) fn all_at(mut self, row: u8) -> Self {
        self.rows.iter_mut().filter(|here| **here != Self::NOBODY).for_each(|here| *here = row);
        self
    }

    /// Names what either of the two does; where both do, as this one.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        let missing = self.rows.iter_mut().zip(&other.rows).filter(|(here, _)| **here == Self::NOBODY);
        missing.for_each(|(here, there)| *here = *there);
        self
    }

    /// Whether `port`, network byte order, is named.
    #[inline(always)]
    pub const fn name(&self, port: u16) -> bool {
        self.row(port) != Self::NOBODY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tables_together_name_what_either_does_and_the_first_goes_before() {
        let (mut one, mut other) = (GuardedPorts::none(), GuardedPorts::none());
        for (port, row) in [(443, 1), (444, 2)] {
            *one.row_mut(port) = row;
        }
        for (port, row) in [(444, 130), (5000, 131)] {
            *other.row_mut(port) = row;
        }
        let both = one.or(&other);
        for port in 0..=u16::MAX {
            let want = match port {
                443 => 1,
                444 => 2,
                5000 => 131,
                _ => GuardedPorts::NOBODY,
            };
            assert_eq!((both.row(port), both.name(port)), (want, want != 0), "{port}");
        }
    }
}
