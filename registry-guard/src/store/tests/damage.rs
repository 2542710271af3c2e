use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::*;

const UNCHANGED: &str = "enforcement in the kernel is unchanged";

/// A closed store with some rules.
fn closed() -> tempfile::TempDir {
    let mut kept = Kept::furnished();
    kept.change(&patch_ips(addresses(3000)));
    let Kept { folder, store, .. } = kept;
    drop(store);
    assert!(!folder.path().join("policy.db-wal").exists());
    folder
}

fn file(folder: &tempfile::TempDir) -> std::path::PathBuf {
    folder.path().join(SqliteStore::FILE)
}

/// Opening must fail, name the file, and leave it as it is.
fn refused(folder: &tempfile::TempDir) -> StoreError {
    let before = fs::read(file(folder)).ok();
    let error = opened(folder.path()).map(drop).unwrap_err();
    assert_eq!(fs::read(file(folder)).ok(), before);
    let message = error.to_string();
    assert!(message.starts_with(&format!("policy store {}", file(folder).display())), "{message}");
    assert!(message.ends_with(UNCHANGED), "{message}");
    error
}

#[test]
fn a_file_that_is_cut_off_is_damaged_wherever_it_was_cut() {
    let folder = closed();
    let whole = fs::read(file(&folder)).unwrap();
    for cut in [0, 1, 15, 16, 50, 99, 100, 4095, 4096, 8192, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        fs::write(file(&folder), &whole[..cut]).unwrap();
        let error = refused(&folder);
        assert!(matches!(error, StoreError::Corrupt { .. }), "cut at {cut}: {error:?}");
    }
    fs::write(file(&folder), &whole).unwrap();
    assert_eq!(opened(folder.path()).unwrap().1.registry("contoso").unwrap().ip_rules.len(), 3000);
}

#[test]
fn pages_of_noise_are_damage() {
    for page in [1, 2, 5, 20] {
        let folder = closed();
        let mut damaged = OpenOptions::new().write(true).open(file(&folder)).unwrap();
        damaged.seek(SeekFrom::Start(page * 4096)).unwrap();
        damaged.write_all(&[0x5a; 4096]).unwrap();
        let error = refused(&folder);
        assert!(matches!(error, StoreError::Corrupt { .. }), "page {page}: {error:?}");
    }
}

#[test]
fn a_foreign_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["interfaces = []", "x", &"SQLite format 4\0".repeat(100)] {
        fs::write(file(&folder), text).unwrap();
        assert!(matches!(refused(&folder), StoreError::Foreign { .. }));
    }
    fs::remove_file(file(&folder)).unwrap();
    let other = Connection::open(file(&folder)).unwrap();
    other.execute_batch("PRAGMA application_id = 7; CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1);").unwrap();
    drop(other);
    let error = refused(&folder);
    assert!(error.to_string().contains("an SQLite file of another program"), "{error}");

    fs::remove_file(file(&folder)).unwrap();
    fs::create_dir(file(&folder)).unwrap();
    let error = opened(folder.path()).unwrap_err();
    assert!(error.to_string().contains("not a regular file"), "{error}");
}

#[test]
fn a_newer_layout_is_refused_with_both_versions() {
    let folder = closed();
    let newer = Connection::open(file(&folder)).unwrap();
    newer.execute_batch("PRAGMA user_version = 6").unwrap();
    drop(newer);
    let error = refused(&folder);
    assert!(matches!(error, StoreError::Newer { found: 6, known: 5, .. }), "{error:?}");
    let older = Connection::open(file(&folder)).unwrap();
    older.execute_batch("PRAGMA user_version = 0").unwrap();
    drop(older);
    assert!(matches!(opened(folder.path()), Err(StoreError::Corrupt { .. })));
}

#[test]
fn values_that_make_no_sense_are_damage() {
    for (sql, words) in [
        (
            "UPDATE ip_rules SET action = 'Permit' WHERE place = (SELECT max(place) FROM ip_rules)",
            "invalid prefix or action",
        ),
        (
            "UPDATE ip_rules SET prefix = x'00' WHERE place = (SELECT max(place) FROM ip_rules)",
            "invalid prefix or action",
        ),
        (
            "UPDATE ip_rules SET prefix = x'cb00710918' WHERE place = (SELECT max(place) FROM ip_rules)",
            "invalid prefix or action",
        ),
        (
            "UPDATE ip_rules SET counter = 9 WHERE place = (SELECT max(place) FROM ip_rules)",
            "has no counter of its own",
        ),
        ("UPDATE ip_rules SET counter = -1 WHERE place = (SELECT max(place) FROM ip_rules)", "out of range"),
        (
            "UPDATE ip_rules SET counter = 4294967295 WHERE place = (SELECT max(place) FROM ip_rules)",
            "has no counter of its own",
        ),
        ("UPDATE subnet_rules SET action = ''", "invalid action"),
        ("UPDATE subnet_rules SET counter = 20", "has no counter of its own"),
        ("UPDATE private_endpoints SET status = 'Pending'", "invalid address or status"),
        ("UPDATE private_endpoints SET address = '10.1.0.0/24'", "invalid address or status"),
        ("UPDATE private_endpoints SET counter = 0", "has no counter of its own"),
        ("DROP TABLE private_endpoints", "no such table: private_endpoints"),
        ("UPDATE service_tag_rules SET action = 'Block'", "the rule for service tag `Storage` has an invalid action"),
        ("UPDATE service_tag_rules SET counter = 0", "has no counter of its own"),
        ("DROP TABLE service_tag_rules", "no such table: service_tag_rules"),
        ("UPDATE service_tag_file SET change_number = -1", "the number of the service tags is negative"),
        ("DELETE FROM service_tag_file", "service tags of no file"),
        ("UPDATE service_tags SET prefixes = x'05cb00710918'", "has an invalid prefix"),
        ("UPDATE service_tags SET prefixes = x'05'", "has an invalid prefix"),
        ("UPDATE service_tags SET change_number = -1", "has an invalid number"),
        ("UPDATE service_tags SET name = 'Other' WHERE key = 'sql'", "has another key than its name"),
        ("DROP TABLE service_tags", "no such table: service_tags"),
        ("UPDATE registries SET default_action = 'maybe'", "unknown setting"),
        ("UPDATE registries SET slot = 64 WHERE slot = 0", "no valid slot"),
        ("UPDATE networks SET prefixes = '10.1.0.1/16'", "invalid prefix"),
        ("UPDATE subnets SET prefixes = 'ten'", "invalid prefix"),
        ("UPDATE state SET revision = -1", "the revision is negative"),
        ("DELETE FROM state", "not exactly one revision"),
        ("DROP TABLE subnets", "no such table: subnets"),
        ("DROP TABLE revisions", "no such table: revisions"),
    ] {
        let folder = closed();
        let tampering = Connection::open(file(&folder)).unwrap();
        tampering.execute_batch(sql).unwrap();
        drop(tampering);
        let error = opened(folder.path()).map(drop).expect_err(sql).to_string();
        assert!(error.contains(words) && error.ends_with(UNCHANGED), "{sql}: {error}");
    }
}

#[test]
fn a_log_without_its_file_is_never_replayed_onto_a_new_one() {
    let mut kept = Kept::furnished();
    kept.change(&add_ip("192.0.2.1"));
    let copy = copied(kept.folder.path());
    fs::remove_file(copy.path().join(SqliteStore::FILE)).unwrap();
    let error = refused(&copy);
    assert!(error.to_string().contains("the file is missing, but its log"), "{error}");
}

#[test]
fn a_second_agent_on_the_same_folder_is_refused() {
    let mut kept = Kept::furnished();
    let error = opened(kept.folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    kept.change(&add_ip("192.0.2.1"));
    let before = kept.policy.clone();
    assert_eq!(kept.reopened().policy, before);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, []).unwrap();
    let error = SqliteStore::open(&path.join("state")).unwrap_err().to_string();
    assert!(error.contains("cannot make its folder") && error.ends_with(UNCHANGED), "{error}");
}

#[test]
fn nobody_else_can_read_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("a/b");
    let (_store, _policy) = opened(&state).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for entry in fs::read_dir(&state).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    let names: Vec<_> = fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| name.to_string_lossy().starts_with("policy.db")), "{names:?}");
}
