use std::time::{Duration, Instant};

use super::*;

fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let result = what();
    (result, started.elapsed())
}

#[test]
fn a_million_rules_are_replaced_and_loaded_in_seconds() {
    let mut kept = Kept::new();
    let commit = |kept: &mut Kept, change: &Change| {
        let edits = kept.edits(change);
        let revision = kept.policy.revision + 1;
        let ((), time) = timed(|| commit(&mut kept.store, &kept.policy, &edits, &mut || Ok(())).map(drop).unwrap());
        kept.policy.apply(&edits);
        kept.policy.revision = revision;
        time
    };
    let first = commit(&mut kept, &patch_ips(addresses(1_000_000)));
    let other = addresses(1_000_000).map(|address| address + "/32");
    let again = commit(&mut kept, &patch_ips(other));
    let one = commit(&mut kept, &add_ip("203.0.113.9"));
    let none = commit(&mut kept, &Change::RemoveIpRule { registry: "contoso".into(), value: "203.0.113.9".into() });
    let before = kept.policy.clone();
    drop(kept.store);
    let (mut store, open) = timed(|| SqliteStore::open(kept.folder.path()).unwrap());
    let (policy, load) = timed(|| store.load(&names(&["Contoso", "fabrikam"])).unwrap());
    assert_eq!(policy.registry("contoso").unwrap().ip_rules.len(), 1_000_000);
    assert!(policy == before);
    let size = kept.folder.path().join(SqliteStore::FILE).metadata().unwrap().len() >> 20;
    eprintln!(
        "write {first:?}, replace {again:?}, add one {one:?}, remove one {none:?}, open {open:?}, load {load:?}, {size} MiB"
    );
    for (time, most) in [(first, 60), (again, 60), (open, 20), (load, 20)] {
        assert!(time < Duration::from_secs(most), "{time:?}");
    }
    assert!(one < Duration::from_millis(500), "{one:?}");
}
