use rusqlite::Connection;

use super::*;
use crate::policy::PrivateEndpoint;

/// A closed store as the first version left it: without private endpoints.
fn of_layout_1() -> (tempfile::TempDir, Policy) {
    let Kept { folder, store, mut policy } = Kept::furnished();
    drop(store);
    let file = Connection::open(folder.path().join(SqliteStore::FILE)).unwrap();
    file.execute_batch("BEGIN; DROP TABLE private_endpoints; PRAGMA user_version = 1; COMMIT;").unwrap();
    drop(file);
    for registry in policy.registries.values_mut() {
        for PrivateEndpoint { counter, .. } in registry.private_endpoints.drain(..) {
            policy.counters.release(counter);
        }
    }
    (folder, policy)
}

fn version(store: &SqliteStore) -> i64 {
    store.connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

#[test]
fn an_older_store_keeps_all_it_holds_and_can_do_what_is_new() {
    let (folder, before) = of_layout_1();
    let (store, policy) = opened(folder.path()).unwrap();
    assert_eq!((version(&store), &policy), (2, &before));
    let mut kept = Kept { folder, store, policy };
    kept.change(&put_endpoint("contoso", "desk", "hub", "10.1.0.4", "Approved"));
    let after = kept.policy.clone();
    assert_eq!(after.revision, before.revision + 1);
    assert_eq!(kept.reopened().policy, after);
}

#[test]
fn a_step_that_fails_leaves_the_older_layout_as_it_was() {
    let (folder, before) = of_layout_1();
    let path = folder.path().join(SqliteStore::FILE);
    let in_the_way = Connection::open(&path).unwrap();
    in_the_way.execute_batch("CREATE TABLE private_endpoints (a TEXT) STRICT").unwrap();
    drop(in_the_way);
    let error = opened(folder.path()).map(drop).unwrap_err();
    assert!(error.to_string().contains("private_endpoints already exists"), "{error}");
    let file = Connection::open(&path).unwrap();
    assert_eq!(file.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    file.execute_batch("DROP TABLE private_endpoints").unwrap();
    drop(file);
    assert_eq!(opened(folder.path()).unwrap().1, before);
}

#[test]
fn a_fresh_store_and_one_brought_up_to_date_have_the_same_tables() {
    let tables = |store: &SqliteStore| -> Vec<String> {
        let mut all =
            store.connection.prepare("SELECT sql FROM sqlite_master WHERE sql NOT NULL ORDER BY name").unwrap();
        all.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<_>>().unwrap()
    };
    let (folder, _) = of_layout_1();
    let (store, _) = opened(folder.path()).unwrap();
    assert_eq!(tables(&store), tables(&Kept::new().store));
}
