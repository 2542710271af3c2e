//! Runs in the virtual machines of `cargo xtask vm-test` and does what the host says, over a serial port: one line of JSON is
//! one thing said. As `vm-guest registry` it is what listens there.

mod changes;
mod command;
mod host;
mod install;
mod registry;

use std::process::ExitCode;
use std::{env, fs, process};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use crate::host::Host;

fn main() -> ExitCode {
    let served = if env::args().nth(1).as_deref() == Some("registry") { registry::serve() } else { serve() };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<()> {
    let mut host = Host::find()?;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("reading the kernel's release")?;
    host.say(&json!({"ready": release.trim()}))?;
    loop {
        let request = host.hear()?;
        if let Some(words) = request["run"].as_array() {
            let words: Vec<&str> = words.iter().filter_map(|word| word.as_str()).collect();
            let code = command::run(&words, request["seconds"].as_u64().unwrap_or(60), &mut host)?;
            host.say(&json!({"exit": code}))?;
        } else if let Some(seed) = request["changes"].as_u64() {
            if let Err(error) = changes::make(seed, &mut host) {
                host.say(&json!({"failed": format!("{error:#}")}))?;
            }
        } else if let Some(what) = request["do"].as_str() {
            let done = match what {
                "install the registry" => install::registry().map(|()| json!("done")),
                "install the guard" => install::guard().map(|()| json!("done")),
                "start the registry early" => install::early_registry().map(|()| json!("done")),
                "install the package again" => install::package().map(|()| json!("done")),
                "remove the package" => install::remove_package().map(|()| json!("done")),
                "purge the package" => install::purge_package().map(|()| json!("done")),
                "tell who came" => Ok(json!(install::visits())),
                "tell how the guard stands" => install::status(),
                _ => bail!("the host wants {what}, which means nothing"),
            };
            host.say(&done.map_or_else(|error| json!({"failed": format!("{error:#}")}), |done| json!({"did": done})))?;
        } else if request["shutDown"] == true {
            process::Command::new("systemctl").arg("poweroff").status().context("shutting down")?;
        } else {
            bail!("the host says {request}, which means nothing");
        }
    }
}
