use super::*;

/// What a process that dies, or a host that loses power, at this moment leaves behind.
fn left_by_a_crash(folder: &Path) -> Policy {
    let copy = copied(folder);
    opened(copy.path()).unwrap().1
}

#[test]
fn a_crash_before_the_commit_leaves_the_old_policy() {
    let mut kept = Kept::furnished();
    // So little memory that rows reach the log before the commit.
    kept.store.connection.pragma_update(None, "cache_size", 10).unwrap();
    let before = kept.policy.clone();
    let edits = kept.edits(&patch_ips(addresses(20_000)));
    let folder = kept.folder.path().to_owned();
    let mut left = None;
    let mut log = 0;
    commit(&mut kept.store, &before, &edits, &mut || {
        log = folder.join("policy.db-wal").metadata()?.len();
        left = Some(left_by_a_crash(&folder));
        Ok(())
    })
    .unwrap();
    assert!(log > 500_000, "the log held {log} bytes of the change");
    assert_eq!(left.unwrap(), before);
}

#[test]
fn a_crash_after_the_commit_leaves_the_new_policy() {
    let mut kept = Kept::furnished();
    kept.change(&patch_ips(addresses(1000)));
    kept.change(&add_ip("203.0.113.200"));
    assert_eq!(left_by_a_crash(kept.folder.path()), kept.policy);
}

#[test]
fn a_log_that_is_cut_off_anywhere_leaves_one_whole_policy() {
    let mut kept = Kept::furnished();
    kept.store.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let mut policies = vec![kept.policy.clone()];
    for change in [add_ip("192.0.2.1"), patch_ips(addresses(40)), put_network("third", 9, &["10.3.0.0/16"])] {
        kept.change(&change);
        policies.push(kept.policy.clone());
    }
    let whole = std::fs::read(kept.folder.path().join("policy.db-wal")).unwrap();
    let mut reached = std::collections::BTreeSet::new();
    for cut in (0..whole.len()).step_by(509).chain([whole.len()]) {
        let copy = copied(kept.folder.path());
        std::fs::write(copy.path().join("policy.db-wal"), &whole[..cut]).unwrap();
        let policy = opened(copy.path()).unwrap().1;
        let revision = usize::try_from(policy.revision - policies[0].revision).unwrap();
        assert_eq!(policy, policies[revision], "cut at {cut}");
        reached.insert(revision);
    }
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn a_process_killed_at_any_time_leaves_one_whole_policy() {
    const FOLDER: &str = "REGISTRY_GUARD_TEST_STORE_TO_KILL";
    if let Ok(folder) = std::env::var(FOLDER) {
        write_until_killed(Path::new(&folder));
    }
    let mut latest = 0;
    for moment in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::crash::a_process_killed_at_any_time_leaves_one_whole_policy"])
            .env(FOLDER, folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let started = folder.path().join("started");
        while !started.exists() {
            assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        std::thread::sleep(std::time::Duration::from_millis(moment * 37));
        child.kill().unwrap();
        child.wait().unwrap();
        let (_store, policy) = opened(folder.path()).unwrap();
        let rules = policy.registry("contoso").unwrap().ip_rules.len() as u64;
        let expected = if policy.revision == 0 { 0 } else { 2000 + policy.revision };
        assert_eq!(rules, expected, "revision {}", policy.revision);
        latest = latest.max(policy.revision);
    }
    assert!(latest > 0, "no child committed anything");
}

/// Every revision replaces all rules, and has as many as its number says.
fn write_until_killed(folder: &Path) -> ! {
    let (mut store, mut policy) = opened(folder).unwrap();
    std::fs::write(folder.join("started"), []).unwrap();
    loop {
        let count = 2001 + u32::try_from(policy.revision).unwrap();
        let edits = policy.validate(&patch_ips(addresses(count).map(|a| a + "/32")), &Limits::default()).unwrap();
        let edits = match edits.as_slice() {
            [Edit::InsertIpRule { .. }] => {
                let rules: Vec<_> = policy.registry("contoso").unwrap().ip_rules.iter().cloned().collect();
                let [Edit::InsertIpRule { registry, rule }] = edits.as_slice() else { unreachable!() };
                let rules = rules.into_iter().chain([rule.clone()]).rev().collect();
                vec![Edit::ReplaceIpRules { registry: registry.clone(), rules }]
            }
            _ => edits,
        };
        commit(&mut store, &policy, &edits, &mut || Ok(())).unwrap();
        policy.apply(&edits);
        policy.revision += 1;
    }
}
