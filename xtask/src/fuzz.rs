//! `cargo xtask fuzz`: any bytes, for whatever reads what others wrote.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, ensure};
use ebpf_build::Nightly;

use crate::{setup, workspace};

/// Each is a file in `fuzz/fuzz_targets` and a folder in `fuzz/corpus`.
const TARGETS: [&str; 6] = ["packet", "config", "store", "api", "service_tags", "handover"];

/// What to fuzz.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// One target; otherwise each in turn
    #[arg(value_parser = TARGETS)]
    target: Option<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Fuzzes, beginning with the corpus that the tests replay and with what earlier runs on this machine found interesting.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::run(&setup::Arguments::with_fuzz())?;
    let nightly = Nightly::find()?;
    let target_dir = workspace::target_dir()?.join("fuzz");
    let cargo_fuzz = |verb: &str| {
        let mut command = Command::new("cargo");
        // What is read is Rust without `unsafe`, so a panic tells more than a sanitizer would, and sooner.
        command
            .args([&format!("+{}", nightly.name), "fuzz", verb, "--sanitizer", "none", "--target-dir"])
            .arg(&target_dir)
            .current_dir(workspace::root());
        command
    };
    for target in TARGETS.iter().filter(|target| arguments.target.as_deref().is_none_or(|only| only == **target)) {
        let built = cargo_fuzz("build").arg(target).status().context("starting cargo fuzz")?;
        ensure!(built.success(), "{target} cannot be built ({built})");
        let found = target_dir.join("corpus").join(target);
        fs::create_dir_all(&found).with_context(|| format!("creating {}", found.display()))?;
        let status = cargo_fuzz("run")
            .arg(target)
            .arg(&found)
            .arg(workspace::root().join("fuzz/corpus").join(target))
            .args(["--", "-print_final_stats=1", "-rss_limit_mb=4096"])
            .arg(format!("-max_total_time={}", arguments.seconds))
            .status()
            .context("starting cargo fuzz")?;
        ensure!(
            status.success(),
            "{target}: an input was found ({status}), which stands in fuzz/artifacts/{target}; once it is mended, move it to \
             fuzz/corpus/{target}, where every test run meets it again"
        );
        println!("fuzz: {target}: nothing found in {} s", arguments.seconds);
    }
    Ok(())
}
