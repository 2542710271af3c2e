use std::time::Instant;

use serde_json::Value;

use super::*;
use crate::document::Document;
use crate::store::{HistoryBounds, Unconfirmed};

/// All that a policy says, without the hit counters.
pub(super) type Told = (Value, Option<std::sync::Arc<crate::policy::ServiceTags>>);

pub(super) fn told(policy: &Policy) -> Told {
    (serde_json::to_value(Document::of(policy, None).unwrap()).unwrap(), policy.service_tags.clone())
}

/// One of [`addresses`].
fn nth(place: usize) -> String {
    addresses(100).nth(place).unwrap()
}

/// Changes of every kind, some of which take back what others did.
pub(super) fn changes() -> Vec<Change> {
    let remove = |value: &str| Change::RemoveIpRule { registry: "contoso".into(), value: value.into() };
    vec![
        add_ip("192.0.2.1"),
        remove("203.0.113.0/24"),
        add_ip_with("contoso", "203.0.113.9", "Allow"),
        patch_ips(addresses(40)),
        remove(&nth(7)),
        remove(&nth(8)),
        remove(&nth(0)),
        patch_ips(addresses(60).filter(|address| !address.ends_with('3'))),
        patch_ips(addresses(50).collect::<Vec<_>>().into_iter().rev()),
        patch_ips(std::iter::empty()),
        put_network("third", 9, &["10.3.0.0/16"]),
        put_network("Hub", 5002, &["10.1.0.0/16", "2001:db8:1::/48"]),
        put_subnet("Hub", "more", &["10.1.9.0/24"], &["Microsoft.ContainerRegistry"]),
        Change::RemoveSubnetRule { registry: "contoso".into(), subnet_id: SubnetId::new("hub", "others").to_string() },
        put_endpoint("contoso", "desk", "hub", "10.1.0.9", "Rejected"),
        Change::DeletePrivateEndpoint { registry: "fabrikam".into(), name: "desk".into() },
        Change::DeleteNetwork { name: "spoke".into() },
        import(8, &[("Storage", &["198.51.100.0/24"]), ("Sql", &["192.0.2.0/24"]), ("New", &["203.0.113.0/25"])]),
        import(9, &[("Sql", &["192.0.2.0/24"])]),
        Change::RemoveServiceTagRule { registry: "contoso".into(), tag: "storage".into() },
        Change::PatchRegistry {
            registry: "fabrikam".into(),
            patch: RegistryPatch {
                default_action: Some("Deny".into()),
                public_network_access: Some("Enabled".into()),
                bypass: Some("AzureServices".into()),
                data_endpoint_enabled: Some(false),
                ip_rules: Some(vec![RuleRequest { value: "203.0.113.77".into(), action: Some("Deny".into()) }]),
                ..RegistryPatch::default()
            },
        },
    ]
}

#[test]
fn every_revision_that_is_remembered_can_be_had_again() {
    let mut kept = Kept::new();
    let mut policies = vec![told(&kept.policy)];
    for change in furnishing().into_iter().chain(changes()) {
        kept.change(&change);
        policies.push(told(&kept.policy));
    }
    kept = kept.reopened();
    let newest = kept.policy.revision;
    assert_eq!(usize::try_from(newest).unwrap() + 1, policies.len());
    for (revision, policy) in (0..).zip(&policies) {
        let past = kept.policy.before(kept.store.undos(revision, newest).unwrap());
        assert_eq!((past.revision, &told(&past)), (revision, policy), "revision {revision}");
    }
    let entries = kept.store.history().unwrap();
    assert!(entries.iter().map(|entry| entry.revision).eq(1..=newest));
}

#[test]
fn what_leads_back_is_as_large_as_the_change() {
    let bytes = |kept: &Kept, revision: u64| -> usize {
        let sql = "SELECT length(undo) FROM revisions WHERE revision = ?1";
        let length: i64 = kept.store.connection.query_row(sql, [revision.cast_signed()], |row| row.get(0)).unwrap();
        usize::try_from(length).unwrap()
    };
    let mut kept = Kept::new();
    kept.change(&patch_ips(addresses(20_000)));
    kept.change(&add_ip("192.0.2.1"));
    kept.change(&Change::RemoveIpRule { registry: "contoso".into(), value: nth(77) });
    kept.change(&patch_ips(addresses(20_002)));
    kept.change(&patch_ips(std::iter::empty()));
    let sizes: Vec<usize> = (1..=5).map(|revision| bytes(&kept, revision)).collect();
    assert!(sizes[..4].iter().all(|size| *size < 60), "{sizes:?}");
    assert!(sizes[4] < 20_002 * 10, "{sizes:?}");
}

#[test]
fn what_is_beyond_the_bounds_is_forgotten_with_the_next_change() {
    let mut kept = Kept::new();
    kept.store.remember(HistoryBounds { revisions: 5, bytes: usize::MAX });
    for last in 1..=9 {
        kept.change(&add_ip(&format!("192.0.2.{last}")));
    }
    let remembered =
        |kept: &mut Kept| -> Vec<u64> { kept.store.history().unwrap().iter().map(|entry| entry.revision).collect() };
    assert_eq!(remembered(&mut kept), [5, 6, 7, 8, 9]);
    let problem = kept.store.undos(3, 9).unwrap_err().to_string();
    assert!(problem.contains("the history has a hole between revision 3 and 9"), "{problem}");

    kept = kept.reopened();
    kept.store.remember(HistoryBounds { revisions: 1000, bytes: 1000 });
    kept.change(&patch_ips(addresses(2000)));
    kept.change(&patch_ips(std::iter::empty()));
    assert_eq!(remembered(&mut kept), [11], "the newest stays, however large it is");
    kept.change(&add_ip("192.0.2.1"));
    assert_eq!(remembered(&mut kept), [12]);
    kept.change(&add_ip("192.0.2.2"));
    assert_eq!(remembered(&mut kept), [12, 13]);
}

#[test]
fn a_change_that_is_not_kept_is_not_remembered() {
    let mut kept = Kept::furnished();
    let before = kept.store.history().unwrap();
    let edits = kept.edits(&add_ip("192.0.2.1"));
    let (entry, undo) = (entry(kept.policy.revision + 1), Undo::of(&kept.policy, &edits));
    let unconfirmed = unconfirmed(kept.policy.revision + 1);
    let revision = Revision { edits: &edits, entry: &entry, undo: &undo, unconfirmed: Some(&unconfirmed) };
    kept.store.commit(&revision, &mut || anyhow::bail!("the map is full")).unwrap_err();
    assert_eq!((kept.store.history().unwrap(), kept.store.unconfirmed().unwrap()), (before.clone(), None));
    kept.store.commit(&revision, &mut || Ok(())).unwrap();
    assert_eq!(kept.store.history().unwrap().len(), before.len() + 1);
}

#[test]
fn what_is_to_be_confirmed_is_remembered_until_it_is_or_something_else_is_made() {
    let mut kept = Kept::new();
    let unconfirmed = unconfirmed(1);
    let make = |kept: &mut Kept, change: &Change, until: Option<&Unconfirmed>| {
        let edits = kept.edits(change);
        let (entry, undo) = (entry(kept.policy.revision + 1), Undo::of(&kept.policy, &edits));
        let revision = Revision { edits: &edits, entry: &entry, undo: &undo, unconfirmed: until };
        kept.store.commit(&revision, &mut || Ok(())).unwrap();
    };
    make(&mut kept, &add_ip("192.0.2.1"), Some(&unconfirmed));
    kept = kept.reopened();
    assert_eq!(kept.store.unconfirmed().unwrap(), Some(unconfirmed.clone()));
    kept.store.confirm().unwrap();
    kept = kept.reopened();
    assert_eq!(kept.store.unconfirmed().unwrap(), None);
    make(&mut kept, &add_ip("192.0.2.2"), Some(&unconfirmed));
    kept = kept.reopened();
    make(&mut kept, &add_ip("192.0.2.3"), None);
    assert_eq!(kept.store.unconfirmed().unwrap(), None);
}

#[test]
#[ignore = "a million rules; run with --release -- --ignored --nocapture"]
fn a_million_rules_come_back() {
    let mut kept = Kept::new();
    let all: Vec<String> = addresses(1_000_000).collect();
    kept.change(&patch_ips(all.iter().cloned()));
    let before = told(&kept.policy);
    kept.change(&patch_ips(std::iter::empty()));
    let begun = Instant::now();
    let past = kept.policy.before(kept.store.undos(1, 2).unwrap());
    println!("a million rules came back in {:?}", begun.elapsed());
    assert_eq!(told(&past), before);
}

fn unconfirmed(revision: u64) -> Unconfirmed {
    Unconfirmed { revision, within: 60_000, boot: "a".into(), boot_deadline: 70_000, wall_deadline: 1_000_000 }
}
