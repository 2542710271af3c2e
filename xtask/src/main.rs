//! `cargo xtask`: the one entry for building, showing, testing and measuring registry-guard.

mod az_test;
mod bench;
mod build_ebpf;
mod check;
mod demo;
mod fuzz;
mod guard_binary;
mod mutants;
mod object_report;
mod package;
mod progress;
mod setup;
mod test;
mod test_tally;
mod vm_test;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(bin_name = "cargo xtask", about)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Install what this machine lacks to build, show and test registry-guard
    Setup(setup::Arguments),
    /// Install the real azure-cli (730 MB) and replay every command of Azure's articles against a guarded registry, as root
    AzTest,
    /// Set the machine up, build everything and measure what a denied SYN costs, beside other filters, as root
    Bench(bench::Arguments),
    /// Build the kernel programs alone and tell what became of them
    BuildEbpf,
    /// Check format, lints, documentation and dependencies
    Check,
    /// Give any bytes to whatever reads packets, files and bodies, and look for panics
    Fuzz(fuzz::Arguments),
    /// Seed known bugs in a copy of the workspace and see that a named test catches each, as root
    Mutants(mutants::Arguments),
    /// Set the machine up, build everything and show a guarded registry at work, as root
    Demo,
    /// Build everything as it is shipped and make the Debian package; lintian looks at it
    Package(package::Arguments),
    /// Set the machine up, build everything and run all tests, as root
    Test(test::Arguments),
    /// Boot Debian with its own kernels in virtual machines and try everything there, as root (1 GB, on request only)
    VmTest(vm_test::Arguments),
}

fn main() -> ExitCode {
    match run(&Arguments::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: &Verb) -> Result<()> {
    match verb {
        Verb::Setup(arguments) => setup::run(arguments),
        Verb::Bench(arguments) => bench::run(arguments),
        Verb::AzTest => az_test::run(),
        Verb::BuildEbpf => build_ebpf::run(),
        Verb::Check => check::run(),
        Verb::Fuzz(arguments) => fuzz::run(arguments),
        Verb::Mutants(arguments) => mutants::run(arguments),
        Verb::Demo => demo::run(),
        Verb::Package(arguments) => package::run(arguments),
        Verb::Test(arguments) => test::run(arguments),
        Verb::VmTest(arguments) => vm_test::run(arguments),
    }
}
