//! The document that `apply` reads.

use std::fs;
use std::io::Read;
use std::path::Path;

use hyper::body::Bytes;
use serde::de::IgnoredAny;

use super::failure::Failure;
use crate::document::Document;

/// The document in `file`, or in `input` if that is `-`, as JSON. What can be known without the agent is checked here, where
/// the lines of the file are known.
pub(crate) fn read(file: &Path, input: &mut dyn Read) -> Result<Bytes, Failure> {
    let from_input = file == Path::new("-");
    let name = if from_input { "standard input".to_owned() } else { file.display().to_string() };
    let mut bytes = Vec::new();
    let read = if from_input { input.read_to_end(&mut bytes).map(drop) } else { fs::read(file).map(|it| bytes = it) };
    read.map_err(|error| Failure::Local(format!("cannot read {name}: {error}")))?;
    parse(bytes).map_err(|problem| Failure::Local(format!("{name}: {problem}; nothing was changed")))
}

/// JSON is YAML, but reading it as such takes long where there are many rules.
fn parse(bytes: Vec<u8>) -> Result<Bytes, String> {
    let is_json = bytes.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(&bytes).is_ok();
    let document = if is_json {
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        serde_path_to_error::deserialize::<_, Document>(&mut reader).map_err(|error| placed(&error))?
    } else {
        if bytes.trim_ascii().is_empty() {
            return Err("is empty; accepted: a document as `registry-guard export` prints it".to_owned());
        }
        let reader = serde_norway::Deserializer::from_slice(&bytes);
        serde_path_to_error::deserialize::<_, Document>(reader).map_err(|error| placed(&error))?
    };
    drop(bytes);
    serde_json::to_vec(&document).map(Bytes::from).map_err(|error| error.to_string())
}

/// What reads YAML also says where an error is, but not as exactly.
fn placed<E: std::fmt::Display>(error: &serde_path_to_error::Error<E>) -> String {
    let inner = error.inner().to_string();
    let path = error.path().to_string();
    if path == "." {
        return inner;
    }
    let problem = inner.split_once(": ").filter(|(place, _)| path.starts_with(place)).map_or(&*inner, |(_, rest)| rest);
    format!("{path}: {problem}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parsed(text: &str) -> Result<Value, String> {
        parse(text.as_bytes().to_vec()).map(|bytes| serde_json::from_slice(&bytes).unwrap())
    }

    #[test]
    fn comments_and_either_syntax_are_fine() {
        let yaml = "# ours\nversion: 1\nregistries:\n- name: contoso # the first\n  ipRules:\n  - ipAddressOrRange: 2001:db8::/32\n";
        let expected = json!({"version": 1, "registries": [
            {"name": "contoso", "ipRules": [{"ipAddressOrRange": "2001:db8::/32"}]}]});
        assert_eq!(parsed(yaml).unwrap(), expected);
        assert_eq!(parsed(&expected.to_string()).unwrap(), expected);
        assert_eq!(parsed("{version: 1, registries: [name: 7]}").unwrap()["registries"], json!([{"name": "7"}]));
        assert_eq!(parsed("{version: 1, virtualNetworks: []}").unwrap(), json!({"version": 1, "virtualNetworks": []}));
    }

    #[test]
    fn what_is_no_document_is_refused_with_its_place() {
        for (text, words) in [
            ("", "is empty"),
            ("\n \n", "is empty"),
            ("# nothing\n", "missing field `version`"),
            ("[]", "invalid"),
            ("version: 2\nwhatever: 1", "version: 2 is not known; accepted: 1"),
            ("version: '1'", "version: invalid type: string"),
            ("registries: []", "missing field `version`"),
            ("version: 1\nregistry: []", "unknown field `registry`"),
            ("version: 1\nregistries:\n", "registries: invalid type: unit value, expected a list"),
            ("{version: 1, registries: [{name: a, ipRules: }]}", "registries[0].ipRules: invalid type: unit value"),
            ("version: 1\nregistries:\n- name: a\n  ipRules: ~\n", "registries[0].ipRules: invalid type: unit value"),
            (
                "version: 1\nregistries:\n- name: a\n  ipRules:\n  - value: 192.0.2.1\n",
                "registries[0].ipRules[0].value: unknown field",
            ),
            ("version: 1\nregistries:\n- name: a\n  name: b\n", "registries[0]: duplicate field `name`"),
            ("version: 1\nregistries: []\nregistries: []\n", "duplicate field `registries`"),
            ("version: 1\n---\nversion: 1\n", "more than one document"),
            ("version: 1\n\tx", "found a tab character"),
            (
                r#"{"version": 1, "registries": [{"name": "a", "defaultAction": null}]}"#,
                "registries[0].defaultAction: invalid type: null",
            ),
        ] {
            let problem = parsed(text).unwrap_err();
            assert!(problem.contains(words), "{text:?}: {problem}");
        }
        let twice = "version: 1\nregistries:\n- name: a\n  ipRules:\n  - ipAddressOrRange: 192.0.2.1\n    verb: x\n";
        assert!(parsed(twice).unwrap_err().contains("line 6 column 5"), "{:?}", parsed(twice));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let failure = read(Path::new("/nonexistent/policy.yaml"), &mut std::io::empty()).unwrap_err();
        assert!(failure.to_string().starts_with("cannot read /nonexistent/policy.yaml: "), "{failure}");
        let failure = read(Path::new("-"), &mut std::io::empty()).unwrap_err();
        assert!(failure.to_string().starts_with("standard input: is empty"), "{failure}");
    }
}
