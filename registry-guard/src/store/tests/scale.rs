use std::time::{Duration, Instant};

use super::*;

fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let result = what();
    (result, started.elapsed())
}

#[test]
fn a_million_rules_are_replaced_and_loaded() {
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
    println!(
        "FIGURE: 1000000 rules in the store: written in {first:.1?}, replaced in {again:.1?}, one more {one:.1?}, one less {none:.1?}, \
         opened in {open:.1?}, loaded in {load:.1?}, {size} MiB"
    );
}
