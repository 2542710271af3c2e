//! The units of the package, as systemd sees them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

fn unit(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/systemd").join(name)
}

/// What `systemd-analyze` says, on both streams; nothing where there is none, or one without `--offline` (before systemd 250).
fn analyze(arguments: &[&str], unit: &Path) -> Option<String> {
    let output = Command::new("systemd-analyze").args(arguments).arg(unit).output().ok()?;
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    (!told.contains("unrecognized option")).then_some(told)
}

/// From 0 to 10.
fn exposure(name: &str) -> Result<Option<f64>> {
    let Some(told) = analyze(&["security", "--offline=true"], &unit(name)) else { return Ok(None) };
    let line = told.lines().find(|line| line.contains("Overall exposure level")).with_context(|| told.clone())?;
    let number = line.split(": ").nth(1).and_then(|rest| rest.split(' ').next()).with_context(|| line.to_owned())?;
    Ok(Some(number.parse()?))
}

#[test]
fn the_agent_is_exposed_to_little_and_the_responder_to_less() -> Result<()> {
    for (name, most) in [("registry-guard.service", 1.7), ("registry-guard-responder.service", 1.2)] {
        let Some(exposure) = exposure(name)? else {
            println!("SKIPPED: there is no systemd-analyze with `security --offline`");
            return Ok(());
        };
        println!("FIGURE: {name}: exposure {exposure}, at most {most}");
        ensure!(exposure <= most, "{name}: {exposure}");
    }
    Ok(())
}

#[test]
fn the_agent_gets_three_capabilities_and_the_responder_none() -> Result<()> {
    let agent = std::fs::read_to_string(unit("registry-guard.service"))?;
    for set in ["AmbientCapabilities", "CapabilityBoundingSet"] {
        ensure!(agent.contains(&format!("\n{set}=CAP_BPF CAP_NET_ADMIN CAP_PERFMON\n")), "{set}");
    }
    let responder = std::fs::read_to_string(unit("registry-guard-responder.service"))?;
    for set in ["AmbientCapabilities", "CapabilityBoundingSet"] {
        ensure!(responder.contains(&format!("\n{set}=\n")), "{set}");
    }
    Ok(())
}

#[test]
fn systemd_understands_every_line_of_the_units() -> Result<()> {
    for name in ["registry-guard.service", "registry-guard-responder.service", "run-registry\\x2dguard-bpf.mount"] {
        let Some(told) = analyze(&["verify", "--man=no"], &unit(name)) else {
            println!("SKIPPED: there is no systemd-analyze");
            return Ok(());
        };
        // The program and the folders belong to the package, which is not installed here.
        let complaints: Vec<&str> = told.lines().filter(|line| is_about_the_text(line)).collect();
        ensure!(complaints.is_empty(), "{name}: {complaints:?}");
    }
    Ok(())
}

fn is_about_the_text(line: &str) -> bool {
    ["Unknown", "unknown", "Failed to parse", "Invalid", "invalid", "ignoring"].iter().any(|word| line.contains(word))
        && !line.contains("is not executable")
}
