use super::*;
use crate::policy::{Action, Settings};

fn delete_endpoint(registry: &str, name: &str) -> Change {
    Change::DeletePrivateEndpoint { registry: registry.into(), name: name.into() }
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let kept = Kept::furnished();
    let before = kept.policy.clone();
    assert_eq!(before.revision, 16);
    let kept = kept.reopened();
    assert_eq!(kept.policy, before);
    let contoso = kept.policy.registry("contoso").unwrap();
    assert_eq!(contoso.name, "Contoso");
    let values: Vec<&str> = contoso.ip_rules.iter().map(|rule| rule.value.as_str()).collect();
    assert_eq!(values, ["203.0.113.0/24", "203.0.113.9", "2001:DB8:7::/48"]);
    assert!(contoso.created.ends_with('Z') && contoso.created.len() == 20, "{}", contoso.created);
}

#[test]
fn every_kind_of_edit_comes_back_as_it_was_applied() {
    let mut kept = Kept::furnished();
    let builders = SubnetId::new("hub", "builders").to_string();
    let subnets = |ids: &[&str]| Change::PatchRegistry {
        registry: "contoso".into(),
        patch: RegistryPatch {
            subnet_rules: Some(ids.iter().map(|id| RuleRequest { value: (*id).into(), action: None }).collect()),
            ..RegistryPatch::default()
        },
    };
    let tags = |tags: &[&str]| Change::PatchRegistry {
        registry: "contoso".into(),
        patch: RegistryPatch {
            service_tag_rules: Some(
                tags.iter().map(|tag| RuleRequest { value: (*tag).into(), action: None }).collect(),
            ),
            ..RegistryPatch::default()
        },
    };
    for change in [
        add_ip_with("contoso", "203.0.113.9/32", "Allow"),
        Change::RemoveIpRule { registry: "contoso".into(), value: "203.0.113.0/24".into() },
        add_ip("203.0.113.0/24"),
        patch_ips(["192.0.2.1".to_owned(), "203.0.113.9".to_owned(), "::/0".to_owned()]),
        Change::RemoveSubnetRule { registry: "contoso".into(), subnet_id: builders.to_uppercase() },
        Change::AddSubnetRule {
            registry: "contoso".into(),
            subnet_id: builders.clone(),
            only_if_absent: false,
            action: None,
        },
        Change::AddSubnetRule {
            registry: "contoso".into(),
            subnet_id: builders.clone(),
            only_if_absent: false,
            action: Some("Deny".into()),
        },
        subnets(&[&builders]),
        Change::DeleteSubnet { network: "hub".into(), name: "others".into() },
        put_endpoint("CONTOSO", "DESK", "HUB", "2001:db8:1::4", "Rejected"),
        put_endpoint("contoso", "second", "spoke", "10.2.0.9", "Approved"),
        delete_endpoint("contoso", "Second"),
        delete_endpoint("fabrikam", "DESK"),
        Change::DeleteNetwork { name: "SPOKE".into() },
        put_network("hub", 7, &["10.0.0.0/8", "2001:db8:1::/48"]),
        put_subnet("hub", "builders", &["10.7.0.0/24"], &[""]),
        subnets(&[]),
        add_tag("contoso", "SQL", "Allow"),
        add_tag("contoso", "sql", "Deny"),
        Change::RemoveServiceTagRule { registry: "contoso".into(), tag: "STORAGE".into() },
        tags(&["Storage", "Sql"]),
        tags(&["Sql", "storage"]),
        import(8, &[("SQL", &["192.0.2.0/25", "203.0.113.9"]), ("New", &[])]),
        tags(&[]),
        patch_ips([]),
        delete_endpoint("contoso", "desk"),
        Change::DeleteNetwork { name: "hub".into() },
    ] {
        kept.change(&change);
        let before = kept.policy.clone();
        kept = kept.reopened();
        assert_eq!(kept.policy, before, "{change:?}");
    }
}

#[test]
fn an_enforcement_that_fails_keeps_nothing() {
    let mut kept = Kept::furnished();
    let before = kept.policy.clone();
    for change in [
        add_ip("192.0.2.1"),
        patch_ips(addresses(20_000)),
        delete_endpoint("fabrikam", "desk"),
        put_endpoint("fabrikam", "desk", "spoke", "10.2.0.5", "Approved"),
        put_network("third", 9, &["10.3.0.0/16"]),
    ] {
        let edits = kept.edits(&change);
        let mut asked = 0;
        let error = commit(&mut kept.store, &kept.policy, &edits, &mut || {
            asked += 1;
            anyhow::bail!("the map is full")
        });
        assert!(matches!(error, Err(StoreError::Enforce(_))), "{error:?}");
        assert_eq!(error.unwrap_err().to_string(), "the map is full");
        assert_eq!(asked, 1);
        kept = kept.reopened();
        assert_eq!(kept.policy, before);
    }
    kept.change(&add_ip("192.0.2.1"));
    assert_eq!(kept.policy.registry("contoso").unwrap().ip_rules.len(), 4);
}

#[test]
fn an_edit_of_what_is_not_stored_is_never_enforced() {
    let mut kept = Kept::furnished();
    let before = kept.policy.clone();
    let prefix = "192.0.2.0/24".parse().unwrap();
    let settings = before.registry("contoso").unwrap().settings();
    for (stray, registry) in [("192.0.2.0/24", "contoso"), ("Query returned no rows", "nobody")] {
        let edit = Edit::RemoveIpRule { registry: registry.into(), prefix };
        let insert = Edit::SetRegistry {
            registry: "contoso".into(),
            settings: Settings { default_action: Action::Allow, ..settings },
        };
        let error = commit(&mut kept.store, &kept.policy, &[insert, edit], &mut || panic!("enforced")).unwrap_err();
        assert!(error.to_string().contains(stray), "{error}");
        kept = kept.reopened();
        assert_eq!(kept.policy, before);
    }
}

#[test]
fn a_full_disk_is_noticed_before_anything_is_enforced() {
    let mut kept = Kept::furnished();
    let before = kept.policy.clone();
    let pages: i64 = kept.store.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    kept.store.connection.pragma_update(None, "max_page_count", pages + 4).unwrap();
    let edits = kept.edits(&patch_ips(addresses(20_000)));
    let error = commit(&mut kept.store, &kept.policy, &edits, &mut || panic!("enforced")).unwrap_err();
    assert!(matches!(error, StoreError::Unusable { .. }) && error.to_string().contains("full"), "{error}");
    assert_eq!(kept.reopened().policy, before);
}

#[test]
fn one_more_rule_writes_a_few_pages() {
    let mut kept = Kept::new();
    kept.change(&patch_ips(addresses(50_000)));
    let log = kept.folder.path().join("policy.db-wal");
    kept.store.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    kept.change(&add_ip("203.0.113.9"));
    let written = log.metadata().unwrap().len();
    assert!((1..=10 * 4096).contains(&written), "{written} bytes");
}
