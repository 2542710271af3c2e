use core::ops::Range;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::endpoint::{Endpoint, EndpointKey, HOST};
use crate::{Address, Family, GuardedPorts};

const ROWS: usize = LISTENER_ROWS as usize;
/// The row that leaves it to the map, for the ports that found no row of their own.
const LAST: u8 = u8::MAX;
/// The row of a port that is only named: nobody listens there.
const ONLY_NAMED: u8 = LAST - 1;

/// Rows of listeners: one for each value of a byte.
pub const LISTENER_ROWS: u32 = 1 << 8;

/// One half of the rows for ports where somebody listens. A row is never changed while a packet may look at it: one half is in force
/// while the other is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The first.
    Lower,
    /// The second.
    Upper,
}

impl Half {
    const ROWS: u8 = (ONLY_NAMED - 1) / 2;

    /// The half that `ports` does not name; none if it names both, as after a change that was not carried through.
    pub fn beside(ports: &GuardedPorts) -> Option<Self> {
        [Self::Lower, Self::Upper].into_iter().find(|half| !ports.name_any_of(&half.rows()))
    }

    const fn rows(self) -> Range<u8> {
        match self {
            Self::Lower => 1..1 + Self::ROWS,
            Self::Upper => 1 + Self::ROWS..1 + 2 * Self::ROWS,
        }
    }
}

/// The endpoints of the host as they are mostly: few ports, and at each one address or all. A table in front of the endpoint
/// map, so that a packet to a guarded port costs no look-up in a hash.
#[derive(Clone)]
pub struct HostTable {
    ports: GuardedPorts,
    rows: [Listeners; ROWS],
    half: Half,
}

/// Who listens at one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Listeners {
    v4: Listener,
    v6: Listener,
}

/// Who listens at one port of the addresses of one family. Groups are left to the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Listener {
    words: [u32; 4],
    endpoint: Endpoint,
    kind: u32,
}

impl HostTable {
    /// The table in front of a map with these entries, in one half of the rows. Those of other network namespaces are left out. The
    /// VXLAN port (host byte order) is named too.
    pub fn of<'a>(
        vxlan_port: u16,
        endpoints: impl Iterator<Item = (&'a EndpointKey, &'a Endpoint)> + Clone,
        half: Half,
    ) -> Self {
        let mut rows = [Listeners::NOBODY; ROWS];
        rows[usize::from(LAST)] = Listeners { v4: Listener::MAP, v6: Listener::MAP };
        let mut table = Self { ports: GuardedPorts::none(), rows, half };
        let mut free = half.rows();
        let here = endpoints.filter(|(key, _)| key.namespace() == HOST);
        let is_group = |key: &EndpointKey| key.address().is_group();
        for (key, endpoint) in here.clone().filter(|(key, _)| !is_group(key)) {
            if let Some(listener) = table.listener_mut(key, &mut free) {
                *listener = match listener.kind {
                    Listener::KIND_NOBODY if key.is_wildcard() => Listener::everywhere(*endpoint),
                    Listener::KIND_NOBODY => Listener::at(key, *endpoint),
                    _ => Listener::MAP,
                };
            }
        }
        for (key, _) in here.filter(|(key, _)| is_group(key)) {
            if let Some(listener) =
                table.listener_mut(key, &mut free).filter(|listener| listener.kind == Listener::KIND_NOBODY)
            {
                *listener = Listener::MAP;
            }
        }
        let vxlan = table.ports.row_mut(vxlan_port.to_be());
        if *vxlan == GuardedPorts::NOBODY {
            *vxlan = ONLY_NAMED;
        }
        table
    }

    /// The place for `key` in the row of its port, which becomes the next of those that are `free` if it has none; `None` where all
    /// rows are taken.
    fn listener_mut(&mut self, key: &EndpointKey, free: &mut Range<u8>) -> Option<&mut Listener> {
        let number = self.ports.row_mut(key.port().to_be());
        if *number == GuardedPorts::NOBODY {
            *number = free.next().unwrap_or(LAST);
        }
        let row = &mut self.rows[usize::from(*number)];
        let listener = match key.address().family() {
            Family::V4 => &mut row.v4,
            Family::V6 => &mut row.v6,
        };
        (*number != LAST).then_some(listener)
    }

    /// The row of each port.
    pub const fn ports(&self) -> &GuardedPorts {
        &self.ports
    }

    /// The same ports, all of them left to the map.
    pub fn in_map(ports: &GuardedPorts) -> GuardedPorts {
        ports.all_at(LAST)
    }

    /// All rows that its ports name, and those that mean the same in each table.
    pub fn rows(&self) -> impl Iterator<Item = (u32, &Listeners)> {
        self.half
            .rows()
            .chain([GuardedPorts::NOBODY, ONLY_NAMED, LAST])
            .map(|row| (u32::from(row), &self.rows[usize::from(row)]))
    }

    /// Who listens at `port`, network byte order, of the addresses of `family`; `None` if the port is not named.
    pub const fn listener(&self, family: Family, port: u16) -> Option<&Listener> {
        if self.ports.name(port) { Some(self.rows[self.ports.row(port) as usize].of(family)) } else { None }
    }
}

impl Listeners {
    const NOBODY: Self = Self { v4: Listener::NOBODY, v6: Listener::NOBODY };

    /// Those at the addresses of one family.
    #[inline(always)]
    pub const fn of(&self, family: Family) -> &Listener {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
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

    /// What the kernel would find in the rows that are written, and in the map behind them.
    fn in_table(table: &HostTable, map: &HashMap<EndpointKey, Endpoint>, address: &Address, port: u16) -> Endpoint {
        if !table.ports().name(port.to_be()) {
            return Endpoint::UNGUARDED;
        }
        let row = u32::from(table.ports().row(port.to_be()));
        let written = table.rows().find(|(number, _)| *number == row);
        let (_, listeners) = written.unwrap_or_else(|| panic!("port {port} names row {row}, which is not written"));
        let listener = listeners.of(address.family());
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
            let table = HostTable::of(4789, map.iter(), Half::Upper);
            for address in &all_addresses() {
                assert_eq!(in_table(&table, &map, address, 443), in_map(&map, address, 443), "{address:?} in {map:?}");
                assert_eq!(in_table(&table, &map, address, 444), Endpoint::UNGUARDED);
            }
        }
    }

    #[test]
    fn more_ports_than_rows_are_left_to_the_map() {
        for ports in [125, 126, 127, 255, 256, 257, 1000] {
            let map: HashMap<_, _> =
                (0..ports).map(|port| (EndpointKey::exact(HOST, &v4(10), port), endpoint(port % 60))).collect();
            let table = HostTable::of(4789, map.iter(), Half::Upper);
            for port in 0..=ports {
                assert_eq!(in_table(&table, &map, &v4(10), port), in_map(&map, &v4(10), port), "{port} of {ports}");
                assert_eq!(in_table(&table, &map, &v4(11), port), Endpoint::UNGUARDED, "{port} of {ports}");
            }
        }
    }

    #[test]
    fn other_network_namespaces_are_left_out() {
        let map = HashMap::from([(EndpointKey::exact(HOST + 1, &v4(10), 443), endpoint(0))]);
        let table = HostTable::of(4789, map.iter(), Half::Upper);
        assert!((0..=u16::MAX).all(|port| table.ports.name(port) == (port == 4789_u16.to_be())));
        assert_eq!(table.listener(Family::V4, 4789_u16.to_be()), Some(&Listener::NOBODY));
    }

    #[test]
    fn a_table_stands_in_rows_that_the_one_before_does_not_name() {
        let keys: Vec<_> = (1..=300).map(|port| EndpointKey::exact(HOST, &v4(10), port)).collect();
        for count in [0, 1, 2, 126, 127, 300] {
            let map: HashMap<_, _> = keys.iter().take(count).map(|key| (*key, endpoint(0))).collect();
            let mut before = HostTable::of(4789, map.iter(), Half::Lower);
            for _ in 0..3 {
                let half = Half::beside(before.ports()).unwrap();
                let after = HostTable::of(4789, map.iter(), half);
                let changed: Vec<u32> = after.rows().map(|(row, _)| row).filter(|row| (1..254).contains(row)).collect();
                let named =
                    |table: &HostTable| (0..=u16::MAX).map(|port| u32::from(table.ports.row(port))).collect::<Vec<_>>();
                assert!(!named(&before).iter().any(|row| changed.contains(row)), "{count} ports");
                assert!(
                    named(&after).iter().all(|row| *row == 0 || *row >= 254 || changed.contains(row)),
                    "{count} ports"
                );
                let both = after.ports.or(&before.ports);
                let in_map = HostTable::in_map(&both);
                assert_eq!((0..=u16::MAX).find(|port| both.name(*port) != in_map.name(*port)), None);
                assert_eq!(Half::beside(&in_map), Some(Half::Lower));
                before = after;
            }
        }
        let (one, other) = (HostTable::of(1, [(&keys[0], &endpoint(0))].into_iter(), Half::Lower), &keys[1]);
        let both = one.ports.or(&HostTable::of(1, [(other, &endpoint(0))].into_iter(), Half::Upper).ports);
        assert_eq!(Half::beside(&both), None);
    }
}
