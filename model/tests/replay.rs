//! Every input that the fuzzer was given or found for `packet`, once more.

use std::fs;
use std::path::Path;

#[test]
fn every_stored_packet_is_judged_as_the_naive_model_judges_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/packet");
    let mut files = 0;
    for entry in fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("a file").path();
        println!("{}", path.display());
        model::fuzz::packet(&fs::read(&path).expect("a file"));
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}
