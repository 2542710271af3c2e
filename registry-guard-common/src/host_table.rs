use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes};

use crate::endpoint::{Endpoint, EndpointKey, HOST};
use crate::{Address, Family};

const PORTS: usize = 1 << 16;
/// One for each value of a byte.
const ROWS: usize = 1 << 8;
/// The number of the row that says nobody listens.
const NOBODY: u8 = 0;
/// The number of the row that leaves it to the map, for the ports that found no row of their own.
const LAST: u8 = u8::MAX;

/// The endpoints of the host as they are mostly: few ports, and at each one address or all. A table in front of the endpoint
/// map, so that a packet to a guarded port costs no look-up in a hash.
///
/// A table is never changed: it is swapped as a whole for another.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct HostTable {
    /// The number of each port's row. By port in network byte order, so that a port is an index as it was read from a packet,
    /// and the verifier knows its bound.
    numbers: [u8; PORTS],
    rows: [Row; ROWS],
}

/// Who listens at one port.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Row {
    v4: Listener,
    v6: Listener,
}

/// Who listens at one port of the addresses of one family. Groups are left to the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Listener {
    words: [u32; 4],
    endpoint: Endpoint,
    kind: u32,
}

impl HostTable {
    /// The table in front of a map with these entries. Those of other network namespaces are left out.
    pub fn of<'a>(endpoints: impl Iterator<Item = (&'a EndpointKey, &'a Endpoint)> + Clone) -> Self {
        let mut table = Self::new_zeroed();
        table.rows = [Row { v4: Listener::NOBODY, v6: Listener::NOBODY }; ROWS];
        table.rows[usize::from(LAST)] = Row { v4: Listener::MAP, v6: Listener::MAP };
        let mut last = NOBODY;
        let here = endpoints.filter(|(key, _)| key.namespace() == HOST);
        let is_group = |key: &EndpointKey| key.address().is_group();
        for (key, endpoint) in here.clone().filter(|(key, _)| !is_group(key)) {
            if let Some(listener) = table.listener_mut(key, &mut last) {
                *listener = match listener.kind {
                    Listener::KIND_NOBODY if key.is_wildcard() => Listener::everywhere(*endpoint),
                    Listener::KIND_NOBODY => Listener::at(key, *endpoint),
                    _ => Listener::MAP,
                };
            }
        }
        for (key, _) in here.filter(|(key, _)| is_group(key)) {
            if let Some(listener) =
                table.listener_mut(key, &mut last).filter(|listener| listener.kind == Listener::KIND_NOBODY)
            {
                *listener = Listener::MAP;
            }
        }
        table
    }

    /// The place for `key` in the row of its port, which becomes the row behind `last` if it has none; `None` where all rows
    /// are taken.
    fn listener_mut(&mut self, key: &EndpointKey, last: &mut u8) -> Option<&mut Listener> {
        let number = &mut self.numbers[usize::from(key.port().to_be())];
        if *number == NOBODY {
            *last = last.saturating_add(1);
            *number = *last;
        }
        let row = &mut self.rows[usize::from(*number)];
        let listener = match key.address().family() {
            Family::V4 => &mut row.v4,
            Family::V6 => &mut row.v6,
        };
        (*number != LAST).then_some(listener)
    }

    /// Who listens at `port`, network byte order, of the addresses of `family`.
    #[inline(always)]
    pub const fn listener(&self, family: Family, port: u16) -> &Listener {
        let row = &self.rows[self.numbers[port as usize] as usize];
        match family {
            Family::V4 => &row.v4,
            Family::V6 => &row.v6,
        }
    }
}

impl Listener {
    const KIND_NOBODY: u32 = 0;
    const KIND_ONE_ADDRESS: u32 = 1;
    const KIND_EVERY_ADDRESS: u32 = 2;
    const KIND_MAP: u32 = 3;

    const NOBODY: Self = Self { words: [0; 4], endpoint: Endpoint::UNGUARDED, kind: Self::KIND_NOBODY };
    const MAP: Self = Self { kind: Self::KIND_MAP, ..Self::NOBODY };

    const fn at(key: &EndpointKey, endpoint: Endpoint) -> Self {
        Self { words: key.address().words(), endpoint, kind: Self::KIND_ONE_ADDRESS }
    }

    const fn everywhere(endpoint: Endpoint) -> Self {
        Self { words: [0; 4], endpoint, kind: Self::KIND_EVERY_ADDRESS }
    }

    /// Whether only the map knows who listens on `address`.
    #[inline(always)]
    pub const fn is_in_map(&self, address: &Address) -> bool {
        self.kind == Self::KIND_MAP || address.is_group()
    }

    /// The endpoint that listens on `address`, or [`Endpoint::UNGUARDED`], if this is not for the map to say.
    #[inline(always)]
    pub fn endpoint(&self, address: &Address) -> Endpoint {
        // Word by word: LLVM would compare arrays by wider reads of the stack than the verifier lets it make there.
        let [a, b, c, d] = address.words();
        let is_same = (self.words[0] ^ a) | (self.words[1] ^ b) | (self.words[2] ^ c) | (self.words[3] ^ d) == 0;
        let hears = self.kind == Self::KIND_EVERY_ADDRESS || is_same;
        if hears { self.endpoint } else { Endpoint::UNGUARDED }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::collections::HashMap;
    use std::vec::Vec;

    use super::*;
    use crate::{Datagrams, LocalTraffic, Response};

    const fn v4(last: u8) -> Address {
        Address::v4([203, 0, 113, last])
    }

    const fn v6(last: u8) -> Address {
        Address::v6([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last])
    }

    fn all_addresses() -> [Address; 7] {
        [
            v4(10),
            v4(11),
            v6(10),
            v6(11),
            Address::group(Family::V4),
            Address::v4([239, 1, 2, 3]),
            Address::group(Family::V6),
        ]
    }

    fn endpoint(registry: u16) -> Endpoint {
        Endpoint::new(registry, Response::Drop, Datagrams::Deny, LocalTraffic::Judge)
    }

    fn in_map(map: &HashMap<EndpointKey, Endpoint>, address: &Address, port: u16) -> Endpoint {
        let keys = [EndpointKey::exact(HOST, address, port), EndpointKey::wildcard(HOST, address.family(), port)];
        keys.iter().find_map(|key| map.get(key)).copied().unwrap_or(Endpoint::UNGUARDED)
    }

    fn in_table(table: &HostTable, map: &HashMap<EndpointKey, Endpoint>, address: &Address, port: u16) -> Endpoint {
        let listener = table.listener(address.family(), port.to_be());
        if listener.is_in_map(address) { in_map(map, address, port) } else { listener.endpoint(address) }
    }

    fn keys(port: u16) -> Vec<EndpointKey> {
        let wildcards = [Family::V4, Family::V6].map(|family| EndpointKey::wildcard(HOST, family, port));
        let exact = all_addresses().map(|address| EndpointKey::exact(HOST, &address, port));
        wildcards.into_iter().chain(exact).collect()
    }

    #[test]
    fn whoever_listens_how_at_a_port_the_table_says_what_the_map_says() {
        let keys = keys(443);
        for chosen in 0_u32..1 << keys.len() {
            let map: HashMap<_, _> = (0_u16..)
                .zip(&keys)
                .filter(|(number, _)| chosen >> number & 1 == 1)
                .map(|(number, key)| (*key, endpoint(number)))
                .collect();
            let table = HostTable::of(map.iter());
            for address in &all_addresses() {
                assert_eq!(in_table(&table, &map, address, 443), in_map(&map, address, 443), "{address:?} in {map:?}");
                assert_eq!(in_table(&table, &map, address, 444), Endpoint::UNGUARDED);
            }
        }
    }

    #[test]
    fn more_ports_than_rows_are_left_to_the_map() {
        for ports in [254, 255, 256, 257, 1000] {
            let map: HashMap<_, _> =
                (0..ports).map(|port| (EndpointKey::exact(HOST, &v4(10), port), endpoint(port % 60))).collect();
            let table = HostTable::of(map.iter());
            for port in 0..=ports {
                assert_eq!(in_table(&table, &map, &v4(10), port), in_map(&map, &v4(10), port), "{port} of {ports}");
                assert_eq!(in_table(&table, &map, &v4(11), port), Endpoint::UNGUARDED, "{port} of {ports}");
            }
        }
    }

    #[test]
    fn other_network_namespaces_are_left_out() {
        let map = HashMap::from([(EndpointKey::exact(HOST + 1, &v4(10), 443), endpoint(0))]);
        let table = HostTable::of(map.iter());
        assert!((0..=u16::MAX).all(|port| *table.listener(Family::V4, port) == Listener::NOBODY));
    }
}
