//! What comes with the command line: completions that a real shell completes by, and manual pages that groff reads.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use tests::net::{Ran, program, run};

const MINUTE: Duration = Duration::from_mins(1);

fn registry_guard(arguments: &[&str]) -> Result<Ran> {
    run(Command::new(program()?).args(arguments), MINUTE)
}

/// What bash offers for the last of these words, when Tab is pressed behind it.
fn completed(line: &[&str]) -> Result<Vec<String>> {
    // What bash sets before it calls the function that `complete` names, with the command, the word and the word before.
    let press_tab = r#"
        source <("$PROGRAM" completions bash)
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        COMP_LINE="$*"
        COMP_POINT=${#COMP_LINE}
        function=$(complete -p registry-guard | sed 's/.*-F \([^ ]*\).*/\1/')
        "$function" registry-guard "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", press_tab, "bash", "registry-guard"]).args(line).env("PROGRAM", program()?);
    let ran = run(&mut bash, MINUTE)?.expect_success()?;
    ensure!(ran.stderr.is_empty(), "bash complains: {}", ran.stderr);
    Ok(ran.stdout.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

#[test]
fn bash_completes_commands_flags_and_values() -> Result<()> {
    assert_eq!(completed(&["network-rule", "a"])?, ["add"]);
    assert_eq!(completed(&["network", "vnet", "subnet", "up"])?, ["update"]);
    assert_eq!(completed(&["network-rule", "add", "--ip"])?, ["--ip-address"]);
    assert_eq!(completed(&["network-rule", "add", "--action", ""])?, ["Allow", "Deny"]);
    assert_eq!(completed(&["check", "--output", "ts"])?, ["tsv"]);
    assert_eq!(completed(&["completions", "ba"])?, ["bash"]);
    assert_eq!(completed(&["network-rule", "frobnicate", "x"])?, [""; 0]);
    Ok(())
}

#[test]
fn every_shell_has_its_script_and_no_other_word_is_one() -> Result<()> {
    for (shell, part) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef registry-guard"),
        ("fish", "complete -c registry-guard"),
        ("elvish", "edit:completion:arg-completer[registry-guard]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = registry_guard(&["completions", shell])?.expect_success()?.stdout;
        ensure!(script.contains(part) && script.contains("network-rule"), "{shell}: {script}");
    }
    let refused = registry_guard(&["completions", "dos"])?;
    assert_eq!(refused.status.and_then(|status| status.code()), Some(2));
    Ok(())
}

#[test]
fn groff_has_no_complaint_about_any_manual_page() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().to_str().unwrap_or_default();
    registry_guard(&["man", "--directory", path])?.expect_success()?;
    let mut pages = 0;
    for entry in fs::read_dir(folder.path())? {
        let page = entry?.path();
        let mut groff = Command::new("groff");
        // All warnings, and no output but them.
        groff.args(["-ww", "-z", "-man", "-Tutf8"]).arg(&page);
        let ran = run(&mut groff, MINUTE)?.expect_success()?;
        ensure!(ran.stderr.is_empty(), "{}: {}", page.display(), ran.stderr);
        pages += 1;
    }
    ensure!(pages > 30, "{pages} pages");
    Ok(())
}

#[test]
fn the_page_of_a_command_is_printed_and_one_that_is_not_there_is_a_usage_error() -> Result<()> {
    let page = registry_guard(&["man", "network-rule", "add"])?.expect_success()?.stdout;
    ensure!(page.contains(".TH registry-guard-network-rule-add 1"), "{page}");
    let refused = registry_guard(&["man", "network-rule", "frobnicate"])?;
    assert_eq!(refused.status.and_then(|status| status.code()), Some(2));
    ensure!(
        refused.stderr.starts_with("ERROR: network-rule frobnicate: there is no such command"),
        "{}",
        refused.stderr
    );
    Ok(())
}
