use rusqlite::Connection;

use super::*;
use crate::policy::PrivateEndpoint;

/// Takes from a file what the second layout brought, the third, the fourth, and the fifth.
const WITHOUT_PRIVATE_ENDPOINTS: &str = "DROP TABLE private_endpoints; PRAGMA user_version = 1;";
const WITHOUT_SERVICE_TAGS: &str = "DROP TABLE service_tag_file; DROP TABLE service_tags; DROP TABLE service_tag_rules; \
                                    PRAGMA user_version = 2;";

const WITH_IP_RULES_BY_ID: &str = "\
CREATE TABLE ip_rules_by_id (
    id INTEGER PRIMARY KEY,
    registry INTEGER NOT NULL REFERENCES registries (id),
    prefix BLOB NOT NULL,
    value TEXT NOT NULL,
    action TEXT NOT NULL,
    counter INTEGER NOT NULL,
    UNIQUE (registry, prefix)
) STRICT;
INSERT INTO ip_rules_by_id (registry, prefix, value, action, counter)
    SELECT registry, prefix, value, action, counter FROM ip_rules ORDER BY place;
DROP TABLE ip_rules;
ALTER TABLE ip_rules_by_id RENAME TO ip_rules;
PRAGMA user_version = 3;";

const WITHOUT_HISTORY: &str = "DROP TABLE revisions; DROP TABLE unconfirmed; PRAGMA user_version = 4;";

/// A closed store as an earlier version left it: the first, the second, which had private endpoints, the third, which had
/// service tags, or the fourth, which had IP rules in the order of their prefixes.
fn of_layout(version: i64) -> (tempfile::TempDir, Policy) {
    let Kept { folder, store, mut policy } = Kept::furnished();
    drop(store);
    let file = Connection::open(folder.path().join(SqliteStore::FILE)).unwrap();
    file.execute_batch(WITHOUT_HISTORY).unwrap();
    if version == 4 {
        return (folder, policy);
    }
    file.execute_batch(WITH_IP_RULES_BY_ID).unwrap();
    if version == 3 {
        return (folder, policy);
    }
    file.execute_batch(WITHOUT_SERVICE_TAGS).unwrap();
    policy.service_tags = None;
    for registry in policy.registries.values_mut() {
        for rule in registry.service_tag_rules.drain(..) {
            policy.counters.release(rule.counter);
        }
    }
    if version == 1 {
        file.execute_batch(WITHOUT_PRIVATE_ENDPOINTS).unwrap();
        for registry in policy.registries.values_mut() {
            for PrivateEndpoint { counter, .. } in registry.private_endpoints.drain(..) {
                policy.counters.release(counter);
            }
        }
    }
    (folder, policy)
}

fn version(store: &SqliteStore) -> i64 {
    store.connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

#[test]
fn an_older_store_keeps_all_it_holds_and_can_do_what_is_new() {
    for layout in [1, 2, 3, 4] {
        let (folder, before) = of_layout(layout);
        let (store, policy) = opened(folder.path()).unwrap();
        assert_eq!((version(&store), &policy), (5, &before), "from {layout}");
        let mut kept = Kept { folder, store, policy };
        kept.change(&put_endpoint("contoso", "new", "hub", "10.1.0.5", "Approved"));
        kept.change(&import(8, &[("Storage", &["198.51.100.0/24"]), ("Sql", &["192.0.2.0/24"])]));
        kept.change(&add_tag("fabrikam", "Storage", "Allow"));
        kept.change(&add_ip("192.0.2.1"));
        let back = kept.policy.before(kept.store.undos(before.revision, before.revision + 4).unwrap());
        assert_eq!(back.registries["contoso"].ip_rules.len(), before.registries["contoso"].ip_rules.len());
        assert!(
            kept.store
                .history()
                .unwrap()
                .iter()
                .map(|entry| entry.revision)
                .eq(before.revision + 1..=before.revision + 4)
        );
        let after = kept.policy.clone();
        assert_eq!(after.revision, before.revision + 4);
        assert_eq!(kept.reopened().policy, after);
    }
}

#[test]
fn a_step_that_fails_leaves_the_older_layout_as_it_was() {
    for (layout, table) in [
        (1, "private_endpoints"),
        (1, "service_tags"),
        (2, "service_tag_rules"),
        (3, "ip_rules_by_prefix"),
        (4, "revisions"),
    ] {
        let (folder, before) = of_layout(layout);
        let path = folder.path().join(SqliteStore::FILE);
        let in_the_way = Connection::open(&path).unwrap();
        in_the_way.execute_batch(&format!("CREATE TABLE {table} (a TEXT) STRICT")).unwrap();
        drop(in_the_way);
        let error = opened(folder.path()).map(drop).unwrap_err();
        assert!(error.to_string().contains(&format!("{table} already exists")), "{error}");
        let file = Connection::open(&path).unwrap();
        assert_eq!(file.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).unwrap(), layout);
        file.execute_batch(&format!("DROP TABLE {table}")).unwrap();
        drop(file);
        assert_eq!(opened(folder.path()).unwrap().1, before);
    }
}

#[test]
fn a_fresh_store_and_one_brought_up_to_date_have_the_same_tables() {
    let tables = |store: &SqliteStore| -> Vec<String> {
        let mut all =
            store.connection.prepare("SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name").unwrap();
        all.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
    };
    for layout in [1, 2, 3, 4] {
        let (folder, _) = of_layout(layout);
        let (store, _) = opened(folder.path()).unwrap();
        assert_eq!(tables(&store), tables(&Kept::new().store), "from {layout}");
    }
}
