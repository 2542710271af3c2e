//! Every `az` command of Azure's articles about network access, by the real `az`, against a guarded registry in network
//! namespaces of its own; after each the kernel is asked who gets in. Started by `cargo xtask az-test`.

mod articles;
mod command;
mod host;

use std::process::ExitCode;
use std::time::Instant;
use std::{env, path::PathBuf};

use anyhow::{Context as _, Result};

use crate::host::Host;

/// The variable that says in which virtual environment `az` is.
const VARIABLE: &str = "REGISTRY_GUARD_AZURE_CLI";

fn main() -> ExitCode {
    match replay() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every command did what its article says, and the kernel with it.
fn replay() -> Result<bool> {
    let environment = env::var_os(VARIABLE).map(PathBuf::from);
    let environment = environment.with_context(|| format!("{VARIABLE} is not set; start `cargo xtask az-test`"))?;
    let started = Instant::now();
    let host = Host::assemble(&environment)?;
    let stage = host.stage()?;
    println!("{}", stage.version()?);
    let (mut right, mut all) = (0, 0);
    for article in articles::articles() {
        println!("\n{}", article.name);
        stage.begin(&article)?;
        for command in &article.commands {
            all += 1;
            let begun = Instant::now();
            let verdict = match stage.run(command) {
                Ok(()) => {
                    right += 1;
                    "ok".to_owned()
                }
                Err(error) => format!("NOT ok: {error:#}"),
            };
            println!("  {}\n      {verdict} ({:.1} s)", command.line, begun.elapsed().as_secs_f32());
        }
    }
    println!(
        "\naz-test: {right} of {all} commands did what they say, and the kernel obeyed ({:.0} s)",
        started.elapsed().as_secs_f32()
    );
    Ok(right == all)
}
