use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;
use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::{SqliteStore, StoreError, prefix_blob};
use crate::config::{MOST_REGISTRIES, MOST_RULES};
use crate::policy::{
    Action, BypassOptions, ConnectionStatus, Counters, IpRule, Policy, PrivateEndpoint, PublicNetworkAccess, Registry,
    ServiceTag, ServiceTagRule, ServiceTags, Settings, Subnet, SubnetId, SubnetRule, VirtualNetwork,
};

/// The policy of the named registries, after those that are new got their rows.
pub(super) fn load(store: &mut SqliteStore, names: &[String]) -> Result<Policy, StoreError> {
    let SqliteStore { path, connection, .. } = store;
    let fault = |error| StoreError::from_sqlite(path, &error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    let reader = Reader { path, connection: &transaction };
    reader.add_registries(names)?;
    let policy = reader.policy(names)?;
    transaction.commit().map_err(fault)?;
    Ok(policy)
}

struct Reader<'a> {
    path: &'a Path,
    connection: &'a Connection,
}

/// Gives every stored counter to one rule or private endpoint only.
struct Tally {
    all: Counters,
    reserved: Vec<u32>,
}

impl Reader<'_> {
    fn add_registries(&self, names: &[String]) -> Result<(), StoreError> {
        let stored: Vec<(String, Option<u32>)> =
            self.rows("SELECT key, slot FROM registries", |row| Ok((row.get(0)?, row.get(1)?)))?;
        let wanted: HashSet<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        let mut taken: BTreeMap<u32, &str> =
            stored.iter().filter_map(|(key, slot)| Some((slot.as_ref().copied()?, key.as_str()))).collect();
        let slots: HashMap<&str, Option<u32>> = stored.iter().map(|(key, slot)| (key.as_str(), *slot)).collect();
        for name in names {
            let key = name.to_ascii_lowercase();
            if matches!(slots.get(key.as_str()), Some(Some(_))) {
                continue;
            }
            let slot = match (0..).take(MOST_REGISTRIES).find(|slot| !taken.contains_key(slot)) {
                Some(free) => free,
                None => self.take_back(&mut taken, &wanted, name)?,
            };
            self.give(&key, slot)?;
            taken.insert(slot, "");
        }
        Ok(())
    }

    /// Frees the slot of a registry that config.toml does not name any more.
    fn take_back(
        &self,
        taken: &mut BTreeMap<u32, &str>,
        wanted: &HashSet<String>,
        wanting: &str,
    ) -> Result<u32, StoreError> {
        let unnamed = taken.iter().find(|(_, key)| !key.is_empty() && !wanted.contains(**key));
        let Some((&slot, _)) = unnamed else {
            return Err(StoreError::TooManyRegistries {
                path: self.path.to_owned(),
                registry: wanting.to_owned(),
                most: MOST_REGISTRIES,
            });
        };
        taken.remove(&slot);
        let freed = self.connection.execute("UPDATE registries SET slot = NULL WHERE slot = ?1", [slot]);
        freed.map(|_| slot).map_err(|error| self.fault(&error))
    }

    fn give(&self, key: &str, slot: u32) -> Result<(), StoreError> {
        let sql = "INSERT INTO registries \
                   (key, slot, default_action, public_network_access, bypass, data_endpoint_enabled, created) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, strftime('%Y-%m-%dT%H:%M:%SZ', 'now')) \
                   ON CONFLICT (key) DO UPDATE SET slot = excluded.slot";
        let fresh = Settings::FRESH;
        let row = params![
            key,
            slot,
            fresh.default_action.as_str(),
            fresh.public_network_access.as_str(),
            fresh.bypass.as_str(),
            fresh.data_endpoint_enabled
        ];
        self.connection.execute(sql, row).map(drop).map_err(|error| self.fault(&error))
    }

    fn policy(&self, names: &[String]) -> Result<Policy, StoreError> {
        let revision: Vec<i64> = self.rows("SELECT revision FROM state", |row| row.get(0))?;
        let revision = match revision.as_slice() {
            [revision] => u64::try_from(*revision).map_err(|_| self.corrupt("the revision is negative"))?,
            _ => return Err(self.corrupt("there is not exactly one revision")),
        };
        let wanted: HashMap<String, &String> = names.iter().map(|name| (name.to_ascii_lowercase(), name)).collect();
        let mut registries = self.registries(&wanted)?;
        let mut tally = Tally { all: Counters::default(), reserved: Vec::new() };
        self.ip_rules(&mut registries, &mut tally)?;
        self.subnet_rules(&mut registries, &mut tally)?;
        self.service_tag_rules(&mut registries, &mut tally)?;
        self.private_endpoints(&mut registries, &mut tally)?;
        let registries = registries.into_values().map(|registry| (registry.name.to_ascii_lowercase(), registry));
        let mut policy = Policy::new(revision, registries.collect(), self.networks()?, tally.reserved);
        policy.service_tags = self.service_tags()?.map(Arc::new);
        Ok(policy)
    }

    /// The named registries by the id of their row.
    fn registries(&self, wanted: &HashMap<String, &String>) -> Result<HashMap<i64, Registry>, StoreError> {
        let sql = "SELECT id, key, slot, default_action, public_network_access, bypass, data_endpoint_enabled, created \
                   FROM registries";
        let mut registries = HashMap::new();
        self.each(sql, |row| {
            let key: String = row.get("key")?;
            let Some(name) = wanted.get(&key) else { return Ok(Ok(())) };
            let slot: Option<u32> = row.get("slot")?;
            let action: String = row.get("default_action")?;
            let access: String = row.get("public_network_access")?;
            let bypass: String = row.get("bypass")?;
            let words = (Action::parse(&action), PublicNetworkAccess::parse(&access), BypassOptions::parse(&bypass));
            let (Some(default_action), Some(public_network_access), Some(bypass)) = words else {
                return Ok(Err(format!("registry `{key}` has an unknown setting")));
            };
            let Some(slot) = slot.filter(|slot| (*slot as usize) < MOST_REGISTRIES) else {
                return Ok(Err(format!("registry `{key}` has no valid slot")));
            };
            let data_endpoint_enabled = row.get("data_endpoint_enabled")?;
            let settings = Settings { default_action, public_network_access, bypass, data_endpoint_enabled };
            let created: String = row.get("created")?;
            registries.insert(row.get("id")?, Registry::new(name.as_str(), slot, created, settings));
            Ok(Ok(()))
        })?;
        Ok(registries)
    }

    fn ip_rules(&self, registries: &mut HashMap<i64, Registry>, tally: &mut Tally) -> Result<(), StoreError> {
        // To sort them here is faster than an `ORDER BY`.
        let sql = "SELECT registry, prefix, value, action, counter, place FROM ip_rules";
        let mut rules: HashMap<i64, Vec<(i64, IpRule)>> = HashMap::new();
        self.each(sql, |row| {
            let registry = row.get(0)?;
            let value: String = row.get(2)?;
            let action = Action::parse(row.get_ref(3)?.as_str()?);
            let (Some(prefix), Some(action)) = (prefix_blob::decode(row.get_ref(1)?.as_blob()?), action) else {
                return Ok(Err(format!("IP rule `{value}` has an invalid prefix or action")));
            };
            let counter = row.get(4)?;
            if !tally.give(counter, registries.contains_key(&registry)) {
                return Ok(Err(format!("IP rule `{value}` has no counter of its own")));
            }
            if registries.contains_key(&registry) {
                let rule = IpRule { value, prefix, action, counter };
                rules.entry(registry).or_default().push((row.get(5)?, rule));
            }
            Ok(Ok(()))
        })?;
        for (registry, mut rules) in rules {
            if let Some(registry) = registries.get_mut(&registry) {
                rules.sort_unstable_by_key(|(place, _)| *place);
                registry.ip_rules = rules.into_iter().map(|(_, rule)| rule).collect();
            }
        }
        Ok(())
    }

    fn subnet_rules(&self, registries: &mut HashMap<i64, Registry>, tally: &mut Tally) -> Result<(), StoreError> {
        let sql = "SELECT registry, network, subnet, action, counter FROM subnet_rules ORDER BY id";
        self.each(sql, |row| {
            let registry = registries.get_mut(&row.get(0)?);
            let subnet = SubnetId::new(row.get::<_, String>(1)?, row.get::<_, String>(2)?);
            let Some(action) = Action::parse(row.get_ref(3)?.as_str()?) else {
                return Ok(Err(format!("the rule for {subnet} has an invalid action")));
            };
            let counter = row.get(4)?;
            if !tally.give(counter, registry.is_some()) {
                return Ok(Err(format!("the rule for {subnet} has no counter of its own")));
            }
            if let Some(registry) = registry {
                registry.subnet_rules.push(SubnetRule { subnet, action, counter });
            }
            Ok(Ok(()))
        })
    }

    fn service_tag_rules(&self, registries: &mut HashMap<i64, Registry>, tally: &mut Tally) -> Result<(), StoreError> {
        self.each("SELECT registry, tag, action, counter FROM service_tag_rules ORDER BY id", |row| {
            let registry = registries.get_mut(&row.get(0)?);
            let tag: String = row.get(1)?;
            let Some(action) = Action::parse(row.get_ref(2)?.as_str()?) else {
                return Ok(Err(format!("the rule for service tag `{tag}` has an invalid action")));
            };
            let counter = row.get(3)?;
            if !tally.give(counter, registry.is_some()) {
                return Ok(Err(format!("the rule for service tag `{tag}` has no counter of its own")));
            }
            if let Some(registry) = registry {
                registry.service_tag_rules.push(ServiceTagRule { tag, action, counter });
            }
            Ok(Ok(()))
        })
    }

    fn service_tags(&self) -> Result<Option<ServiceTags>, StoreError> {
        let file: Vec<(String, i64, String)> = self
            .rows("SELECT cloud, change_number, imported FROM service_tag_file", |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let Some((cloud, change_number, imported)) = file.into_iter().next() else {
            let count: Vec<i64> = self.rows("SELECT count(*) FROM service_tags", |row| row.get(0))?;
            return if count == [0] { Ok(None) } else { Err(self.corrupt("there are service tags of no file")) };
        };
        let Ok(change_number) = u64::try_from(change_number) else {
            return Err(self.corrupt("the number of the service tags is negative"));
        };
        let mut tags = BTreeMap::new();
        let sql = "SELECT key, name, change_number, region, platform, system_service, prefixes FROM service_tags";
        self.each(sql, |row| {
            let (key, name): (String, String) = (row.get(0)?, row.get(1)?);
            let Some(prefixes) = prefix_blob::decode_list(row.get_ref(6)?.as_blob()?) else {
                return Ok(Err(format!("service tag `{name}` has an invalid prefix")));
            };
            if key != name.to_ascii_lowercase() {
                return Ok(Err(format!("service tag `{name}` has another key than its name")));
            }
            let Ok(change_number) = row.get::<_, Option<i64>>(2)?.map(u64::try_from).transpose() else {
                return Ok(Err(format!("service tag `{name}` has an invalid number")));
            };
            let (region, platform, system_service) = (row.get(3)?, row.get(4)?, row.get(5)?);
            tags.insert(key, ServiceTag { name, change_number, region, platform, system_service, prefixes });
            Ok(Ok(()))
        })?;
        Ok(Some(ServiceTags { cloud, change_number, imported, tags }))
    }

    fn private_endpoints(&self, registries: &mut HashMap<i64, Registry>, tally: &mut Tally) -> Result<(), StoreError> {
        let sql = "SELECT registry, name, network, address, status, description, counter \
                   FROM private_endpoints ORDER BY id";
        self.each(sql, |row| {
            let registry = registries.get_mut(&row.get(0)?);
            let (name, network): (String, String) = (row.get(1)?, row.get(2)?);
            let address = row.get_ref(3)?.as_str()?.parse().ok();
            let (Some(address), Some(status)) = (address, ConnectionStatus::parse(row.get_ref(4)?.as_str()?)) else {
                return Ok(Err(format!("private endpoint connection `{name}` has an invalid address or status")));
            };
            let (description, counter) = (row.get(5)?, row.get(6)?);
            if !tally.give(counter, registry.is_some()) {
                return Ok(Err(format!("private endpoint connection `{name}` has no counter of its own")));
            }
            if let Some(registry) = registry {
                let endpoint = PrivateEndpoint { name, network, address, status, description, counter };
                registry.private_endpoints.push(endpoint);
            }
            Ok(Ok(()))
        })
    }

    fn networks(&self) -> Result<BTreeMap<String, VirtualNetwork>, StoreError> {
        let mut networks = BTreeMap::new();
        self.each("SELECT key, name, vni, prefixes FROM networks", |row| {
            let (key, name): (String, String) = (row.get(0)?, row.get(1)?);
            let Some(prefixes) = prefixes(row.get_ref(3)?.as_str()?) else {
                return Ok(Err(format!("virtual network `{name}` has an invalid prefix")));
            };
            networks.insert(key, VirtualNetwork { name, vni: row.get(2)?, prefixes, subnets: Vec::new() });
            Ok(Ok(()))
        })?;
        self.each("SELECT network, name, prefixes, service_endpoints FROM subnets ORDER BY id", |row| {
            let (network, name): (String, String) = (row.get(0)?, row.get(1)?);
            let (Some(network), Some(prefixes)) = (networks.get_mut(&network), prefixes(row.get_ref(2)?.as_str()?))
            else {
                return Ok(Err(format!("subnet `{name}` has no virtual network, or an invalid prefix")));
            };
            let service_endpoints = row.get_ref(3)?.as_str()?.split_whitespace().map(str::to_owned).collect();
            network.subnets.push(Subnet { name, prefixes, service_endpoints });
            Ok(Ok(()))
        })?;
        Ok(networks)
    }

    fn rows<T>(&self, sql: &str, read: impl Fn(&Row<'_>) -> rusqlite::Result<T>) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.each(sql, |row| {
            all.push(read(row)?);
            Ok(Ok(()))
        })?;
        Ok(all)
    }

    /// Hands every row to `take`, which says what is wrong with one that makes no sense.
    fn each(
        &self,
        sql: &str,
        mut take: impl FnMut(&Row<'_>) -> rusqlite::Result<Result<(), String>>,
    ) -> Result<(), StoreError> {
        let fault = |error| self.fault(&error);
        let mut statement = self.connection.prepare(sql).map_err(fault)?;
        let mut rows = statement.query([]).map_err(fault)?;
        while let Some(row) = rows.next().map_err(fault)? {
            take(row).map_err(fault)?.map_err(|problem| self.corrupt(&problem))?;
        }
        Ok(())
    }

    /// Values of another type than the column's are damage, like pages that `SQLite` cannot read.
    fn fault(&self, error: &rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            None => self.corrupt(&error.to_string()),
            Some(_) => StoreError::from_sqlite(self.path, error),
        }
    }

    fn corrupt(&self, problem: &str) -> StoreError {
        StoreError::Corrupt { path: self.path.to_owned(), problem: problem.to_owned() }
    }
}

impl Tally {
    fn give(&mut self, counter: u32, wanted: bool) -> bool {
        if counter >= MOST_RULES {
            return false;
        }
        if !wanted {
            self.reserved.push(counter);
        }
        self.all.take(counter)
    }
}

fn prefixes(text: &str) -> Option<Vec<IpNet>> {
    text.split_whitespace().map(|prefix| crate::policy::parse_prefix(prefix).ok()).collect()
}
