//! What the program knows about this host: endpoints, trusted VTEPs, the VXLAN port.

use std::collections::HashMap as Collection;

use aya::Ebpf;
use aya::maps::lpm_trie::Key;
use aya::maps::{Array, HashMap, LpmTrie, MapData};
use ipnet::IpNet;
use registry_guard_common::{Endpoint, EndpointKey, RuleKey, Settings};

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
}

pub(super) struct HostMaps {
    endpoints: HashMap<MapData, EndpointKey, Endpoint>,
    vteps: LpmTrie<MapData, RuleKey, u32>,
    settings: Array<MapData, Settings>,
}

impl HostMaps {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        Ok(Self {
            endpoints: HashMap::try_from(take(ebpf, "ENDPOINTS")?)?,
            vteps: LpmTrie::try_from(take(ebpf, "VTEPS")?)?,
            settings: Array::try_from(take(ebpf, "SETTINGS")?)?,
        })
    }

    pub(super) fn set(&mut self, tables: &HostTables) -> Result<(), KernelError> {
        self.settings.set(0, Settings::new(tables.vxlan_port), 0)?;
        self.set_vteps(&tables.trusted_vteps)?;
        for (key, endpoint) in &tables.endpoints {
            self.endpoints.insert(key, endpoint, 0)?;
        }
        let stale: Vec<_> = self
            .endpoints
            .keys()
            .filter(|key| key.as_ref().map_or(true, |key| !tables.endpoints.contains_key(key)))
            .collect::<Result<_, _>>()?;
        for key in stale {
            self.endpoints.remove(&key)?;
        }
        Ok(())
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

fn same(one: &Key<RuleKey>, other: &Key<RuleKey>) -> bool {
    one.prefix_len() == other.prefix_len() && one.data() == other.data()
}
