use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use ipnet::IpNet;
use rusqlite::{Connection, named_params, params};

use super::{StoreError, prefix_blob};
use crate::policy::{
    Edit, IpRule, IpRules, PrivateEndpoint, ServiceTagRule, ServiceTags, Settings, SubnetId, SubnetRule, VirtualNetwork,
};

/// Rules that may come with one revision; above [`crate::config::MOST_RULES`], since a rule may come and go in one.
const PLACES: i64 = 1 << 26;

/// Writes the edits of one revision inside a transaction that its owner commits.
pub(super) struct Writer<'a> {
    path: &'a Path,
    connection: &'a Connection,
    /// Where the next IP rule stands in its registry's list.
    place: i64,
    written: &'a AtomicU64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(path: &'a Path, connection: &'a Connection, revision: u64, written: &'a AtomicU64) -> Self {
        Self { path, connection, place: i64::try_from(revision).unwrap_or(i64::MAX).saturating_mul(PLACES), written }
    }

    pub(super) fn write(&mut self, edit: &Edit) -> Result<(), StoreError> {
        match edit {
            Edit::SetRegistry { registry, settings } => self.set_registry(registry, *settings),
            Edit::InsertIpRule { registry, rule } => self.insert_ip_rule(self.registry(registry)?, rule),
            Edit::RemoveIpRule { registry, prefix } => self.remove_ip_rule(self.registry(registry)?, prefix),
            Edit::ReplaceIpRules { registry, rules } => self.replace_ip_rules(self.registry(registry)?, rules),
            Edit::InsertSubnetRule { registry, rule } => self.insert_subnet_rule(self.registry(registry)?, rule),
            Edit::RemoveSubnetRule { registry, subnet } => self.remove_subnet_rule(self.registry(registry)?, subnet),
            Edit::ReplaceSubnetRules { registry, rules } => self.replace_subnet_rules(self.registry(registry)?, rules),
            Edit::InsertServiceTagRule { registry, rule } => {
                self.insert_service_tag_rule(self.registry(registry)?, rule)
            }
            Edit::RemoveServiceTagRule { registry, tag } => self.remove_service_tag_rule(self.registry(registry)?, tag),
            Edit::ReplaceServiceTagRules { registry, rules } => {
                self.replace_service_tag_rules(self.registry(registry)?, rules)
            }
            Edit::ImportServiceTags(tags) => self.replace_service_tags(tags),
            Edit::DropServiceTags => self.drop_service_tags(),
            Edit::PutPrivateEndpoint { registry, endpoint } => {
                self.put_private_endpoint(self.registry(registry)?, endpoint)
            }
            Edit::RemovePrivateEndpoint { registry, name } => {
                self.remove_private_endpoint(self.registry(registry)?, name)
            }
            Edit::PutNetwork(network) => self.put_network(network),
            Edit::RemoveNetwork(key) => self.remove_network(key).and_then(|rows| self.one_row(rows, key)),
        }
    }

    fn registry(&self, key: &str) -> Result<i64, StoreError> {
        let mut statement = self.prepare("SELECT id FROM registries WHERE key = ?1")?;
        statement.query_row([key], |row| row.get(0)).map_err(|error| self.fault(&error))
    }

    fn set_registry(&self, key: &str, settings: Settings) -> Result<(), StoreError> {
        let sql = "UPDATE registries SET default_action = :action, public_network_access = :access, bypass = :bypass, \
                   data_endpoint_enabled = :data WHERE key = :key";
        let rows = self.prepare(sql)?.execute(named_params! {
            ":action": settings.default_action.as_str(),
            ":access": settings.public_network_access.as_str(),
            ":bypass": settings.bypass.as_str(),
            ":data": settings.data_endpoint_enabled,
            ":key": key,
        });
        self.one_row(rows.map_err(|error| self.fault(&error))?, key)
    }

    /// Last, or in the place of the one with the same prefix.
    fn insert_ip_rule(&mut self, registry: i64, rule: &IpRule) -> Result<(), StoreError> {
        let sql = "INSERT INTO ip_rules (registry, prefix, place, value, action, counter) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                   ON CONFLICT (registry, prefix) \
                   DO UPDATE SET value = excluded.value, action = excluded.action, counter = excluded.counter";
        let IpRule { value, prefix, action, counter } = rule;
        let row = params![registry, prefix_blob::encode(prefix), self.place, value, action.as_str(), counter];
        self.prepare(sql)?.execute(row).map_err(|error| self.fault(&error))?;
        self.place += 1;
        self.written.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn remove_ip_rule(&self, registry: i64, prefix: &IpNet) -> Result<(), StoreError> {
        let mut statement = self.prepare("DELETE FROM ip_rules WHERE registry = ?1 AND prefix = ?2")?;
        let rows = statement.execute(params![registry, prefix_blob::encode(prefix)]);
        self.one_row(rows.map_err(|error| self.fault(&error))?, &prefix.to_string())
    }

    /// Writes them in the order of their prefixes, which fills one page of the file after the other.
    fn replace_ip_rules(&mut self, registry: i64, rules: &IpRules) -> Result<(), StoreError> {
        self.clear("DELETE FROM ip_rules WHERE registry = ?1", registry)?;
        let mut rows: Vec<_> = rules
            .iter()
            .zip(self.place..)
            .map(|(rule, place)| (prefix_blob::encode(&rule.prefix), place, rule))
            .collect();
        rows.sort_unstable_by_key(|(prefix, ..)| *prefix);
        let sql =
            "INSERT INTO ip_rules (registry, prefix, place, value, action, counter) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let mut insert = self.prepare(sql)?;
        for (prefix, place, IpRule { value, action, counter, .. }) in rows {
            let row = params![registry, prefix, place, value, action.as_str(), counter];
            insert.execute(row).map_err(|error| self.fault(&error))?;
            self.written.fetch_add(1, Ordering::Relaxed);
        }
        drop(insert);
        self.place = self.place.saturating_add(i64::try_from(rules.len()).unwrap_or(PLACES));
        Ok(())
    }

    fn insert_subnet_rule(&self, registry: i64, rule: &SubnetRule) -> Result<(), StoreError> {
        let sql = "INSERT INTO subnet_rules (registry, network, subnet, action, counter) VALUES (?1, ?2, ?3, ?4, ?5) \
                   ON CONFLICT (registry, network, subnet) \
                   DO UPDATE SET action = excluded.action, counter = excluded.counter";
        let SubnetId { network, subnet } = &rule.subnet;
        let row = params![registry, network, subnet, rule.action.as_str(), rule.counter];
        self.prepare(sql)?.execute(row).map(drop).map_err(|error| self.fault(&error))
    }

    fn remove_subnet_rule(&self, registry: i64, id: &SubnetId) -> Result<(), StoreError> {
        let sql = "DELETE FROM subnet_rules WHERE registry = ?1 AND network = ?2 AND subnet = ?3";
        let rows = self.prepare(sql)?.execute(params![registry, id.network, id.subnet]);
        self.one_row(rows.map_err(|error| self.fault(&error))?, &id.to_string())
    }

    fn replace_subnet_rules(&self, registry: i64, rules: &[SubnetRule]) -> Result<(), StoreError> {
        self.clear("DELETE FROM subnet_rules WHERE registry = ?1", registry)?;
        rules.iter().try_for_each(|rule| self.insert_subnet_rule(registry, rule))
    }

    fn insert_service_tag_rule(&self, registry: i64, rule: &ServiceTagRule) -> Result<(), StoreError> {
        let sql = "INSERT INTO service_tag_rules (registry, tag, action, counter) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (registry, tag) DO UPDATE SET action = excluded.action, counter = excluded.counter";
        let row = params![registry, rule.tag, rule.action.as_str(), rule.counter];
        self.prepare(sql)?.execute(row).map(drop).map_err(|error| self.fault(&error))
    }

    fn remove_service_tag_rule(&self, registry: i64, tag: &str) -> Result<(), StoreError> {
        let mut statement = self.prepare("DELETE FROM service_tag_rules WHERE registry = ?1 AND tag = ?2")?;
        let rows = statement.execute(params![registry, tag]);
        self.one_row(rows.map_err(|error| self.fault(&error))?, tag)
    }

    fn replace_service_tag_rules(&self, registry: i64, rules: &[ServiceTagRule]) -> Result<(), StoreError> {
        self.clear("DELETE FROM service_tag_rules WHERE registry = ?1", registry)?;
        rules.iter().try_for_each(|rule| self.insert_service_tag_rule(registry, rule))
    }

    fn drop_service_tags(&self) -> Result<(), StoreError> {
        for sql in ["DELETE FROM service_tag_file", "DELETE FROM service_tags"] {
            self.prepare(sql)?.execute([]).map_err(|error| self.fault(&error))?;
        }
        Ok(())
    }

    fn replace_service_tags(&self, tags: &ServiceTags) -> Result<(), StoreError> {
        let fault = |error| self.fault(&error);
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let sql =
            "INSERT OR REPLACE INTO service_tag_file (only, cloud, change_number, imported) VALUES (1, ?1, ?2, ?3)";
        self.prepare(sql)?.execute(params![tags.cloud, number(tags.change_number), tags.imported]).map_err(fault)?;
        self.prepare("DELETE FROM service_tags")?.execute([]).map_err(fault)?;
        let sql = "INSERT INTO service_tags \
                   (key, name, change_number, region, platform, system_service, prefixes) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let mut insert = self.prepare(sql)?;
        for (key, tag) in &tags.tags {
            let prefixes = prefix_blob::encode_list(&tag.prefixes);
            let change_number = tag.change_number.map(number);
            let row = params![key, tag.name, change_number, tag.region, tag.platform, tag.system_service, prefixes];
            insert.execute(row).map_err(fault)?;
        }
        Ok(())
    }

    fn put_private_endpoint(&self, registry: i64, endpoint: &PrivateEndpoint) -> Result<(), StoreError> {
        let sql = "INSERT INTO private_endpoints (registry, name, network, address, status, description, counter) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (registry, name) \
                   DO UPDATE SET network = excluded.network, address = excluded.address, status = excluded.status, \
                   description = excluded.description, counter = excluded.counter";
        let PrivateEndpoint { name, network, address, status, description, counter } = endpoint;
        let row = params![registry, name, network, address.to_string(), status.as_str(), description, counter];
        self.prepare(sql)?.execute(row).map(drop).map_err(|error| self.fault(&error))
    }

    fn remove_private_endpoint(&self, registry: i64, name: &str) -> Result<(), StoreError> {
        let mut statement = self.prepare("DELETE FROM private_endpoints WHERE registry = ?1 AND name = ?2")?;
        let rows = statement.execute(params![registry, name]);
        self.one_row(rows.map_err(|error| self.fault(&error))?, name)
    }

    fn put_network(&self, network: &VirtualNetwork) -> Result<(), StoreError> {
        let key = network.name.to_ascii_lowercase();
        self.remove_network(&key)?;
        let sql = "INSERT INTO networks (key, name, vni, prefixes) VALUES (?1, ?2, ?3, ?4)";
        let row = params![key, network.name, network.vni, spaced(&network.prefixes)];
        self.prepare(sql)?.execute(row).map_err(|error| self.fault(&error))?;
        let sql = "INSERT INTO subnets (network, name, prefixes, service_endpoints) VALUES (?1, ?2, ?3, ?4)";
        for subnet in &network.subnets {
            let row = params![key, subnet.name, spaced(&subnet.prefixes), subnet.service_endpoints.join(" ")];
            self.prepare(sql)?.execute(row).map_err(|error| self.fault(&error))?;
        }
        Ok(())
    }

    /// How many networks that were: one or none.
    fn remove_network(&self, key: &str) -> Result<usize, StoreError> {
        self.prepare("DELETE FROM subnets WHERE network = ?1")?.execute([key]).map_err(|error| self.fault(&error))?;
        self.prepare("DELETE FROM networks WHERE key = ?1")?.execute([key]).map_err(|error| self.fault(&error))
    }

    fn clear(&self, sql: &str, registry: i64) -> Result<(), StoreError> {
        self.prepare(sql)?.execute([registry]).map(drop).map_err(|error| self.fault(&error))
    }

    fn prepare(&self, sql: &str) -> Result<rusqlite::CachedStatement<'_>, StoreError> {
        self.connection.prepare_cached(sql).map_err(|error| self.fault(&error))
    }

    fn fault(&self, error: &rusqlite::Error) -> StoreError {
        StoreError::from_sqlite(self.path, error)
    }

    /// An edit of what the policy holds meets exactly one row.
    fn one_row(&self, rows: usize, what: &str) -> Result<(), StoreError> {
        if rows == 1 {
            return Ok(());
        }
        let problem = format!("{rows} rows where there should be one for {what}");
        Err(StoreError::Corrupt { path: self.path.to_owned(), problem })
    }
}

pub(super) fn set_revision(connection: &Connection, revision: u64) -> rusqlite::Result<()> {
    connection.execute("UPDATE state SET revision = ?1", [i64::try_from(revision).unwrap_or(i64::MAX)]).map(drop)
}

fn spaced(prefixes: &[IpNet]) -> String {
    prefixes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
