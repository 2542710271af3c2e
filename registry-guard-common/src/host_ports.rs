use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::Family;
use crate::endpoint::{EndpointKey, HOST};

const PORTS: usize = 1 << 16;

/// At which ports of the host registries listen, and how: a table in front of the endpoint map, so that traffic to other ports
/// costs no look-up there, and traffic to a guarded one mostly a single one.
///
/// It may name what the map has not; what the map has is always named here.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct HostPorts {
    /// By port in network byte order, so that a port is an index as it was read from a packet, and the verifier knows its bound.
    listeners: [u8; PORTS],
}

impl HostPorts {
    /// The table in front of a map with these keys. Those of other network namespaces are left out.
    pub fn of<'a>(keys: impl IntoIterator<Item = &'a EndpointKey>) -> Self {
        let mut ports = Self { listeners: [0; PORTS] };
        for key in keys.into_iter().filter(|key| key.namespace() == HOST) {
            let kind = if key.is_wildcard() { Listeners::EVERY_ADDRESS } else { Listeners::ONE_ADDRESS };
            ports.listeners[usize::from(key.port().to_be())] |= kind << Listeners::shift(key.family());
        }
        ports
    }

    /// What one of the two names or the other.
    #[must_use]
    pub fn or(mut self, other: &Self) -> Self {
        self.listeners.iter_mut().zip(&other.listeners).for_each(|(here, there)| *here |= there);
        self
    }

    /// How registries listen at `port`, network byte order.
    #[inline(always)]
    pub const fn at(&self, port: u16) -> Listeners {
        Listeners(self.listeners[port as usize])
    }
}

/// How registries listen at one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listeners(u8);

impl Listeners {
    /// In every way, as far as anybody knows.
    pub const UNKNOWN: Self = Self(u8::MAX);

    const ONE_ADDRESS: u8 = 1;
    const EVERY_ADDRESS: u8 = 2;

    #[inline(always)]
    const fn shift(family: Family) -> u8 {
        match family {
            Family::V4 => 0,
            Family::V6 => 4,
        }
    }

    /// Whether there may be any.
    #[inline(always)]
    pub const fn are_any(self) -> bool {
        self.0 != 0
    }

    /// Whether one may listen on one address of this family.
    #[inline(always)]
    pub const fn on_one_address(self, family: Family) -> bool {
        self.0 & Self::ONE_ADDRESS << Self::shift(family) != 0
    }

    /// Whether one may listen on every address of this family.
    #[inline(always)]
    pub const fn on_every_address(self, family: Family) -> bool {
        self.0 & Self::EVERY_ADDRESS << Self::shift(family) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Address;

    const OFFICE: Address = Address::v4([203, 0, 113, 10]);

    #[test]
    fn every_endpoint_of_the_host_is_named_and_no_other() {
        let ports = HostPorts::of(&[
            EndpointKey::exact(HOST, &OFFICE, 443),
            EndpointKey::wildcard(HOST, Family::V6, 443),
            EndpointKey::wildcard(HOST, Family::V4, 5000),
            EndpointKey::exact(HOST + 1, &OFFICE, 5001),
        ]);
        let named = |port: u16| {
            let listeners = ports.at(port.to_be());
            [Family::V4, Family::V6]
                .map(|family| (listeners.on_one_address(family), listeners.on_every_address(family)))
        };
        assert_eq!(named(443), [(true, false), (false, true)]);
        assert_eq!(named(5000), [(false, true), (false, false)]);
        for port in (0..=u16::MAX).filter(|port| ![443, 5000].contains(port)) {
            assert!(!ports.at(port.to_be()).are_any(), "{port}");
        }
    }

    #[test]
    fn two_tables_together_name_what_either_does() {
        let one = HostPorts::of(&[EndpointKey::exact(HOST, &OFFICE, 443)]);
        let other = HostPorts::of(&[EndpointKey::wildcard(HOST, Family::V4, 443)]);
        let both = one.or(&other).at(443_u16.to_be());
        assert!(both.on_one_address(Family::V4) && both.on_every_address(Family::V4));
    }
}
