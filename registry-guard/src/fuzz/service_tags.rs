use crate::policy::{Change, Limits, Policy, ServiceTagFile};

/// As a published file: it is refused with a reason, or imported so that the same file once more changes nothing. No prefix is as
/// wide as half of the internet.
pub fn service_tags(bytes: &[u8]) {
    let Ok(file) = serde_json::from_slice::<ServiceTagFile>(bytes) else { return };
    let change = Change::ImportServiceTags { file, at: "2026-07-01T08:00:00Z".to_owned() };
    let mut policy = Policy::default();
    let edits = match policy.validate(&change, &Limits::default()) {
        Ok(edits) => edits,
        Err(refusal) => return assert!(!refusal.to_string().is_empty()),
    };
    policy.apply(&edits);
    let Some(tags) = policy.service_tags.as_deref() else { return };
    for tag in tags.tags.values() {
        assert!(tag.prefixes.is_sorted(), "{:?}", tag.prefixes);
        for prefix in &tag.prefixes {
            assert!(prefix.prefix_len() > 1 && prefix.network() == prefix.addr(), "{prefix}");
        }
    }
    assert!(policy.validate(&change, &Limits::default()).is_ok_and(|edits| edits.is_empty()));
}
