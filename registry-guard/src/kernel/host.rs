//! What the programs know about this host: endpoints, budgets, trusted VTEPs, the VXLAN port, interfaces, addresses.

use std::collections::{BTreeMap, BTreeSet, HashMap as Collection};
use std::hash::Hash;
use std::net::IpAddr;

use aya::maps::lpm_trie::Key;
use aya::maps::{Array, HashMap, LpmTrie, MapData, MapError};
use aya::{Ebpf, Pod};
use ipnet::IpNet;
use registry_guard_common::{
    Address, Budget, Endpoint, EndpointKey, GuardedPorts, Half, HostTable, Interface, InterfaceKey, Listeners,
    LocalAddressKey, RuleKey, Settings,
};

use super::rules::Row;
use super::{KernelError, take};

/// Host facts as the program needs them.
#[derive(Clone, Debug, Default)]
pub struct HostTables {
    /// UDP port of VXLAN.
    pub vxlan_port: u16,
    /// Outer sources whose VXLAN packets carry an identity.
    pub trusted_vteps: Vec<IpNet>,
    /// The guarded endpoints.
    pub endpoints: Collection<EndpointKey, Endpoint>,
    /// How many denied SYNs to each registry, by its index, may go on to be told why.
    pub budgets: BTreeMap<u32, Budget>,
}

/// A second of the kernel's monotonic clock that is over: nobody has vouched for namespaces in a map that was just made, although an
/// earlier agent may have left connections that end there, by the maps of another layout.
const LONG_AGO: u32 = 1;

pub(super) struct HostMaps {
    endpoints: HashMap<MapData, EndpointKey, Endpoint>,
    ports: Array<MapData, GuardedPorts>,
    listeners: Array<MapData, Listeners>,
    vteps: LpmTrie<MapData, RuleKey, u32>,
    settings: Array<MapData, Settings>,
    budgets: Array<MapData, Budget>,
    interfaces: HashMap<MapData, InterfaceKey, Interface>,
    local_addresses: HashMap<MapData, LocalAddressKey, u32>,
    vxlan_port: u16,
    second_layer_stands: bool,
    vouched_until: u32,
    /// The VXLAN port and the endpoints, once they were set.
    in_force: Option<(u16, Collection<EndpointKey, Endpoint>)>,
}

impl HostMaps {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        let settings = Array::try_from(take(ebpf, "SETTINGS")?)?;
        let inherited: Settings = settings.get(&0, 0)?;
        // UDP port 0 is nobody's.
        let is_fresh = inherited.vxlan_port() == 0;
        Ok(Self {
            endpoints: HashMap::try_from(take(ebpf, "ENDPOINTS")?)?,
            ports: Array::try_from(take(ebpf, "GUARDED_PORTS")?)?,
            listeners: Array::try_from(take(ebpf, "LISTENERS")?)?,
            vteps: LpmTrie::try_from(take(ebpf, "VTEPS")?)?,
            settings,
            budgets: Array::try_from(take(ebpf, "BUDGETS")?)?,
            interfaces: HashMap::try_from(take(ebpf, "INTERFACES")?)?,
            local_addresses: HashMap::try_from(take(ebpf, "LOCAL_ADDRESSES")?)?,
            vxlan_port: inherited.vxlan_port(),
            second_layer_stands: inherited.second_layer_stands(0),
            vouched_until: if is_fresh { LONG_AGO } else { inherited.until() },
            in_force: None,
        })
    }

    /// `settle` returns after a grace period.
    pub(super) fn set(
        &mut self,
        tables: &HostTables,
        mut settle: impl FnMut() -> Result<(), KernelError>,
    ) -> Result<(), KernelError> {
        for (&registry, &budget) in &tables.budgets {
            self.budgets.set(registry, budget, 0)?;
        }
        self.set_vteps(&tables.trusted_vteps)?;
        let endpoints = (tables.vxlan_port, tables.endpoints.clone());
        // Mostly nothing is another.
        if self.in_force.as_ref() != Some(&endpoints) {
            self.in_force = None;
            self.set_endpoints(tables, &mut settle)?;
            self.in_force = Some(endpoints);
        }
        Ok(())
    }

    /// An endpoint that moves is guarded at both places for a moment, never at neither. A port that matters is named before it
    /// does, and for as long. No packet looks at the rows that are written: those who saw a port name one, before the last change,
    /// are through once it has settled.
    fn set_endpoints(
        &mut self,
        tables: &HostTables,
        settle: &mut impl FnMut() -> Result<(), KernelError>,
    ) -> Result<(), KernelError> {
        let mut before = self.ports.get(&0, 0)?;
        let half = if let Some(half) = Half::beside(&before) {
            half
        } else {
            // Somebody ended in the middle of this. The map knows everything meanwhile.
            before = HostTable::in_map(&before);
            self.ports.set(0, before, 0)?;
            Half::Lower
        };
        settle()?;
        let table = HostTable::of(tables.vxlan_port, tables.endpoints.iter(), half);
        for (row, listeners) in table.rows() {
            self.listeners.set(row, listeners, 0)?;
        }
        insert(&mut self.endpoints, &tables.endpoints)?;
        self.ports.set(0, table.ports().or(&before), 0)?;
        self.vxlan_port = tables.vxlan_port;
        self.write_settings()?;
        remove(&mut self.endpoints, |key| !tables.endpoints.contains_key(key))?;
        Ok(self.ports.set(0, table.ports(), 0)?)
    }

    pub(super) fn endpoint(
        &self,
        namespace: u8,
        address: &Address,
        port: u16,
    ) -> Result<Option<Endpoint>, KernelError> {
        let wildcard = EndpointKey::wildcard(namespace, address.family(), port);
        for key in [EndpointKey::exact(namespace, address, port), wildcard] {
            match self.endpoints.get(&key, 0) {
                Err(MapError::KeyNotFound) => {}
                found => return Ok(Some(found?)),
            }
        }
        Ok(None)
    }

    pub(super) const fn second_layer_stands(&self) -> bool {
        self.second_layer_stands
    }

    pub(super) fn set_second_layer(&mut self, stands: bool) -> Result<(), KernelError> {
        self.second_layer_stands = stands;
        self.write_settings()
    }

    pub(super) fn set_vouched_until(&mut self, second: u32) -> Result<(), KernelError> {
        self.vouched_until = second;
        self.write_settings()
    }

    fn write_settings(&mut self) -> Result<(), KernelError> {
        let settings = Settings::new(self.vxlan_port, self.second_layer_stands).vouched_until(self.vouched_until);
        Ok(self.settings.set(0, settings, 0)?)
    }

    /// What must not be known any more goes first: an interface that is not known denies.
    pub(super) fn set_interfaces(&mut self, namespace: u8, want: &BTreeMap<u32, Interface>) -> Result<(), KernelError> {
        let want: Collection<_, _> =
            want.iter().map(|(ifindex, interface)| (InterfaceKey::new(namespace, *ifindex), *interface)).collect();
        let is_here = |key: &InterfaceKey| key.namespace() == u32::from(namespace);
        remove(&mut self.interfaces, |key| is_here(key) && !want.contains_key(key))?;
        insert(&mut self.interfaces, &want)
    }

    pub(super) fn set_local_addresses(&mut self, namespace: u8, want: &BTreeSet<IpAddr>) -> Result<(), KernelError> {
        let want: Collection<_, _> =
            want.iter().map(|address| (LocalAddressKey::new(namespace, &Address::from(*address)), 1)).collect();
        let is_here = |key: &LocalAddressKey| key.namespace() == u32::from(namespace);
        remove(&mut self.local_addresses, |key| is_here(key) && !want.contains_key(key))?;
        insert(&mut self.local_addresses, &want)
    }

    fn set_vteps(&mut self, want: &[IpNet]) -> Result<(), KernelError> {
        let want: Vec<_> = want.iter().map(|prefix| Row::trusted(*prefix).key()).collect();
        let stale: Vec<Key<RuleKey>> = self
            .vteps
            .keys()
            .filter(|key| key.as_ref().map_or(true, |key| !want.iter().any(|want| same(want, key))))
            .collect::<Result<_, _>>()?;
        for key in stale {
            self.vteps.remove(&key)?;
        }
        for key in &want {
            self.vteps.insert(key, 1, 0)?;
        }
        Ok(())
    }
}

fn insert<K: Pod + Eq + Hash, V: Pod>(
    map: &mut HashMap<MapData, K, V>,
    want: &Collection<K, V>,
) -> Result<(), KernelError> {
    want.iter().try_for_each(|(key, value)| Ok(map.insert(key, value, 0)?))
}

fn remove<K: Pod, V: Pod>(map: &mut HashMap<MapData, K, V>, is_stale: impl Fn(&K) -> bool) -> Result<(), KernelError> {
    let stale: Vec<K> = map.keys().filter(|key| key.as_ref().map_or(true, &is_stale)).collect::<Result<_, _>>()?;
    stale.iter().try_for_each(|key| Ok(map.remove(key)?))
}

fn same(one: &Key<RuleKey>, other: &Key<RuleKey>) -> bool {
    one.prefix_len() == other.prefix_len() && one.data() == other.data()
}
