//! `cargo xtask build-ebpf`: the object on its own, built by the code that the build script runs.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::Stdio,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{object_report::ObjectReport, workspace};

/// What the object must hold.
const PROGRAMS: [&str; 2] = ["guard_xdp", "guard_sk_lookup"];

/// Builds the object and prints what it holds.
pub(crate) fn run() -> Result<()> {
    let folder = workspace::target_dir()?.join("ebpf");
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    build_into(&folder)?;

    let object = folder.join(ebpf_build::PACKAGE);
    let bytes = fs::read(&object).with_context(|| format!("reading {}", object.display()))?;
    let report =
        ObjectReport::read(&bytes).with_context(|| format!("reading {} as an ELF object", object.display()))?;
    println!("{}: {} bytes", object.display(), bytes.len());
    for function in &report.functions {
        println!("  {:<10} {:<28} {:>6} instructions", function.section, function.name, function.instructions);
    }
    let missing: Vec<&str> = PROGRAMS.into_iter().filter(|name| !report.has_program(name)).collect();
    if !missing.is_empty() {
        bail!("the object lacks the programs {}", missing.join(", "));
    }
    Ok(())
}

/// Runs `ebpf-build` with the variables that Cargo sets for a build script, and shows the warnings meant for Cargo.
fn build_into(folder: &Path) -> Result<()> {
    let mut child = workspace::cargo()
        .args(["run", "--quiet", "--package", "ebpf-build"])
        .env("OUT_DIR", folder)
        .env("CARGO_CFG_TARGET_ARCH", env::consts::ARCH)
        .env("CARGO_CFG_TARGET_ENDIAN", if cfg!(target_endian = "big") { "big" } else { "little" })
        .stdout(Stdio::piped())
        .spawn()
        .context("starting ebpf-build")?;
    let lines = child.stdout.take().context("ebpf-build has no output")?;
    for line in BufReader::new(lines).lines() {
        let line = line.context("reading what ebpf-build says")?;
        if let Some(warning) = line.strip_prefix("cargo:warning=") {
            eprintln!("{warning}");
        }
    }
    let status = child.wait().context("waiting for ebpf-build")?;
    ensure!(status.success(), "the object was not built");
    Ok(())
}
