//! `registry-guard management hash-secret`, as a process.

use std::fs::File;
use std::process::{Command, Output};

use registry_guard::identity::SecretHash;

fn hash_secret(input: &[u8], arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, input).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_registry-guard"));
    command.args(["management", "hash-secret"]).args(arguments).stdin(File::open(file).unwrap());
    command.output().unwrap()
}

#[test]
fn a_secret_on_standard_input_becomes_its_hash() {
    let secret = "correct horse battery staple";
    for input in [secret.to_owned(), format!("{secret}\n"), format!("{secret}\r\n")] {
        let output = hash_secret(input.as_bytes(), &[]);
        assert!(output.status.success(), "{output:?}");
        let printed = String::from_utf8(output.stdout).unwrap();
        let hash = SecretHash::parse(printed.trim_end()).unwrap();
        assert!(hash.is_of(secret.as_bytes()), "{printed}");
    }
}

#[test]
fn what_is_no_secret_is_refused_and_not_shown() {
    for (input, words) in [
        (&b"hunter2\n"[..], "the secret has 7 bytes; accepted: 16 to 1024"),
        (b"", "the secret has 0 bytes"),
        (b"hunter2hunter2hunter2\nhunter2\n", "accepted: one line on standard input"),
        (b"hunter2\xff", "the secret cannot be read"),
        (&[b'a'; 2000], "the secret has 2000 bytes"),
    ] {
        let output = hash_secret(input, &[]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{said}");
        assert!(said.contains(words) && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_secret_is_not_taken_from_the_command_line() {
    let output = hash_secret(b"", &["correct horse battery staple"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
