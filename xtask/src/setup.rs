//! `cargo xtask setup`: brings a machine to where everything builds and runs, and touches nothing that is there already.

mod cargo_fuzz;
mod components;
pub(crate) mod deb;
mod debian;
mod deny;
mod linker;
mod nightly;
pub(crate) mod python;
mod tools;

use std::{path::Path, time::Instant};

use anyhow::{Result, bail, ensure};
use nix::unistd::Uid;

pub(crate) use debian::ensure as ensure_tools;
pub(crate) use deny::version as deny_version;
pub(crate) use tools::{Tool, tool};

/// Makes sure of one thing, and says in which state it is now.
type Step = fn() -> Result<String>;

/// What to set up.
#[derive(Default, clap::Args)]
pub(crate) struct Arguments {
    /// Install cargo-deny too, which `cargo xtask check` runs where it is installed (some minutes to build)
    #[arg(long)]
    with_deny: bool,
    /// Install cargo-fuzz too, which `cargo xtask fuzz` needs and installs by itself
    #[arg(long)]
    with_fuzz: bool,
}

impl Arguments {
    /// With what `cargo xtask fuzz` needs.
    pub(crate) fn with_fuzz() -> Self {
        Self { with_fuzz: true, ..Self::default() }
    }
}

/// Sets the machine up for a verb that only root can carry out, since it does `what`.
pub(crate) fn run_as_root(what: &str, verb: &str) -> Result<()> {
    ensure!(
        Uid::effective().is_root(),
        "{what}, which only root may; sudo --preserve-env=PATH,HOME cargo xtask {verb}"
    );
    run(&Arguments::default())
}

/// Installs the Debian packages of the files that are not there; `why` says what they are needed for.
pub(crate) fn ensure_files(files: &[(&str, &str)], why: &str) -> Result<()> {
    let missing: Vec<&str> =
        files.iter().filter(|(file, _)| !Path::new(file).exists()).map(|(_, package)| *package).collect();
    if missing.is_empty() { Ok(()) } else { debian::install(&missing, &format!("{why} takes {}", missing.join(" "))) }
}

/// Runs every step, so that one run names all that is missing.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let started = Instant::now();
    let mut steps: Vec<(&str, Step)> = vec![
        ("tools", || debian::ensure(&tools::TOOLS)),
        ("rust", components::ensure),
        ("nightly", nightly::ensure),
        ("bpf-linker", linker::ensure),
        ("azure sdk", python::ensure_sdk),
    ];
    if arguments.with_deny {
        steps.push(("cargo-deny", deny::ensure));
    }
    if arguments.with_fuzz {
        steps.push(("cargo-fuzz", cargo_fuzz::ensure));
    }
    let mut failed = 0;
    for (name, ensure) in steps {
        match ensure() {
            Ok(state) => println!("setup: {name}: {state}"),
            Err(error) => {
                println!("setup: {name}: FAILED: {error:#}");
                failed += 1;
            }
        }
    }
    if failed > 0 {
        bail!("{failed} of setup's steps could not be done; each says above what would do it");
    }
    println!("setup: ready after {:.1} s", started.elapsed().as_secs_f32());
    Ok(())
}
