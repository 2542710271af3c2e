//! Where it was measured.

use std::fs;
use std::process::Command;
use std::thread;

use anyhow::Result;

/// The processor, the kernel, and other filters' versions, in one line.
pub(crate) fn describe() -> Result<String> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, model)| model);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let virtual_machine = if cpuinfo.contains("hypervisor") { ", a virtual machine" } else { "" };
    let versions: Vec<String> = [["nft", "--version"], ["iptables", "--version"], ["ipset", "--version"]]
        .into_iter()
        .filter_map(|[program, argument]| version(program, argument))
        .collect();
    Ok(format!(
        "{} CPUs of {model}{virtual_machine}, Linux {}; {}",
        thread::available_parallelism()?,
        release.trim(),
        versions.join(", ")
    ))
}

fn version(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned())
}
