use std::fs;
use std::path::Path;

/// Gives every file in the corpus of `target` to `function`.
fn replay(target: &str, function: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        function(&fs::read(&path).unwrap());
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}

#[test]
fn every_stored_config_is_refused_or_within_bounds() {
    replay("config", super::config);
}

#[test]
fn every_stored_frame_of_a_responder_is_refused_or_understood() {
    replay("handover", super::handover);
}

#[test]
fn every_stored_file_of_service_tags_is_refused_or_imported_once() {
    replay("service_tags", super::service_tags);
}

#[test]
fn every_stored_store_is_refused_or_has_only_what_was_asked_for() {
    replay("store", super::store);
}

#[test]
fn every_stored_body_is_refused_and_changes_nothing_or_is_carried_out() {
    replay("api", super::api);
}
