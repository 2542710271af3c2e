mod commit;
mod crash;
mod damage;
mod history;
mod migration;
mod power_cut;
mod registries;
mod scale;

use std::path::Path;

use serde_json::json;

use super::*;
use crate::policy::{
    Change, Limits, NetworkRequest, PrivateEndpointRequest, RegistryPatch, RuleRequest, SubnetId, SubnetRequest,
};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// A store in a folder of its own, with its policy as the agent would hold it.
struct Kept {
    folder: tempfile::TempDir,
    store: SqliteStore,
    policy: Policy,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(folder.path()).unwrap();
        let policy = store.load(&names(&["Contoso", "fabrikam"])).unwrap();
        Self { folder, store, policy }
    }

    /// A little of everything: both kinds of rules in two registries, two networks, private endpoints, settings.
    fn furnished() -> Self {
        let mut kept = Self::new();
        for change in furnishing() {
            kept.change(&change);
        }
        kept
    }

    fn edits(&self, change: &Change) -> Vec<Edit> {
        self.policy.validate(change, &limits()).unwrap_or_else(|error| panic!("{change:?}: {error}"))
    }

    fn change(&mut self, change: &Change) {
        let edits = self.edits(change);
        commit(&mut self.store, &self.policy, &edits, &mut || Ok(())).unwrap();
        self.policy.apply(&edits);
        self.policy.revision += 1;
    }

    /// Closes the store and opens it again.
    fn reopened(self) -> Self {
        let Self { folder, store, .. } = self;
        drop(store);
        let (store, policy) = opened(folder.path()).unwrap();
        Self { folder, store, policy }
    }
}

/// What makes a little of everything.
fn furnishing() -> Vec<Change> {
    let mut changes = Vec::new();
    for (registry, value, action) in [
        ("contoso", "203.0.113.0/24", "Allow"),
        ("contoso", "203.0.113.9", "Deny"),
        ("contoso", "2001:DB8:7::/48", "Allow"),
        ("fabrikam", "198.51.100.7/32", "Allow"),
    ] {
        changes.push(add_ip_with(registry, value, action));
    }
    changes.push(put_network("Hub", 5001, &["10.1.0.0/16", "2001:db8:1::/48"]));
    changes.push(put_network("spoke", 16_777_215, &["10.2.0.0/16"]));
    changes.push(put_subnet(
        "Hub",
        "Builders",
        &["10.1.0.0/24", "2001:db8:1:1::/64"],
        &["Microsoft.ContainerRegistry"],
    ));
    changes.push(put_subnet("Hub", "others", &["10.1.1.0/24"], &[]));
    for subnet in ["others", "Builders"] {
        changes.push(Change::AddSubnetRule {
            registry: "contoso".into(),
            subnet_id: SubnetId::new("hub", subnet).to_string(),
            only_if_absent: false,
            action: None,
        });
    }
    changes.push(put_endpoint("contoso", "Desk", "hub", "10.1.0.4", "Approved"));
    changes.push(put_endpoint("fabrikam", "desk", "spoke", "10.2.0.4", "Rejected"));
    changes.push(import(7, &[("Storage", &["198.51.100.0/25", "2001:db8:9::/48"]), ("Sql", &["192.0.2.0/24"])]));
    changes.push(add_tag("contoso", "storage", "Allow"));
    changes.push(add_tag("fabrikam", "Sql", "Deny"));
    changes.push(Change::PatchRegistry {
        registry: "fabrikam".into(),
        patch: RegistryPatch {
            default_action: Some("Allow".into()),
            public_network_access: Some("Disabled".into()),
            bypass: Some("None".into()),
            data_endpoint_enabled: Some(true),
            ..RegistryPatch::default()
        },
    });
    changes
}

/// What is remembered of a revision, for a test.
fn entry(revision: u64) -> Entry {
    Entry {
        revision,
        made: "2026-07-01T08:00:00Z".to_owned(),
        who: "root (uid 0)".to_owned(),
        origin: "unix socket".to_owned(),
        what: format!("change {revision}"),
        registries: vec!["contoso".to_owned()],
        beginning: false,
    }
}

/// Commits edits that come from validating a change of `before`.
fn commit(
    store: &mut SqliteStore,
    before: &Policy,
    edits: &[Edit],
    enforce: &mut dyn FnMut() -> anyhow::Result<()>,
) -> Result<u64, StoreError> {
    let (entry, undo) = (entry(before.revision + 1), Undo::of(before, edits));
    store.commit(&Revision { edits, entry: &entry, undo: &undo, unconfirmed: None }, enforce)
}

fn opened(folder: &Path) -> Result<(SqliteStore, Policy), StoreError> {
    let mut store = SqliteStore::open(folder)?;
    let policy = store.load(&names(&["Contoso", "fabrikam"]))?;
    Ok((store, policy))
}

/// The files of a store as they are on disk at this moment, in a folder of their own.
fn copied(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

/// Both registries listen everywhere.
fn limits() -> Limits {
    let everywhere = ["contoso", "fabrikam"].map(|name| (name.to_owned(), vec!["::".parse().unwrap()]));
    Limits { listening: everywhere.into(), ..Limits::default() }
}

fn put_endpoint(registry: &str, name: &str, network: &str, address: &str, status: &str) -> Change {
    let request = PrivateEndpointRequest {
        network: Some(network.into()),
        address: Some(address.into()),
        status: Some(status.into()),
        description: Some(format!("{status} by hand")),
    };
    Change::PutPrivateEndpoint { registry: registry.into(), name: name.into(), only_if_absent: false, request }
}

/// A published file of these tags.
fn import(number: u64, tags: &[(&str, &[&str])]) -> Change {
    let tag = |(name, prefixes): &(&str, &[&str])| {
        json!({"name": name, "properties": {"region": "west", "changeNumber": 3,
        "platform": "Azure", "systemService": name, "addressPrefixes": prefixes}})
    };
    let values: Vec<_> = tags.iter().map(tag).collect();
    let file = serde_json::from_value(json!({"changeNumber": number, "cloud": "Public", "values": values})).unwrap();
    Change::ImportServiceTags { file, at: "2026-07-01T08:00:00Z".to_owned() }
}

fn add_tag(registry: &str, tag: &str, action: &str) -> Change {
    Change::AddServiceTagRule {
        registry: registry.into(),
        tag: tag.into(),
        action: Some(action.into()),
        only_if_absent: false,
    }
}

fn add_ip(value: &str) -> Change {
    add_ip_with("contoso", value, "Allow")
}

fn add_ip_with(registry: &str, value: &str, action: &str) -> Change {
    Change::AddIpRule {
        registry: registry.into(),
        value: value.into(),
        only_if_absent: false,
        action: Some(action.into()),
    }
}

fn patch_ips(values: impl IntoIterator<Item = String>) -> Change {
    let rules = values.into_iter().map(|value| RuleRequest { value, action: None }).collect();
    Change::PatchRegistry {
        registry: "contoso".into(),
        patch: RegistryPatch { ip_rules: Some(rules), ..RegistryPatch::default() },
    }
}

/// Different public addresses.
fn addresses(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|n| std::net::Ipv4Addr::from(0x2000_0000 + n.wrapping_mul(0x9E37_79B1) % 0x3000_0000).to_string())
}

fn put_network(name: &str, vni: i64, prefixes: &[&str]) -> Change {
    let request = NetworkRequest { vni: Some(vni), prefixes: Some(names(prefixes)), subnets: None };
    Change::PutNetwork { name: name.into(), only_if_absent: false, request }
}

fn put_subnet(network: &str, name: &str, prefixes: &[&str], services: &[&str]) -> Change {
    let request = SubnetRequest { prefixes: Some(names(prefixes)), service_endpoints: Some(names(services)) };
    Change::PutSubnet { network: network.into(), name: name.into(), only_if_absent: false, request }
}
