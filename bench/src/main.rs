//! The bench behind `cargo xtask bench`: what a denied SYN costs with registry-guard and with other filters, and everything else
//! of which a bound is promised.

mod aim;
mod bounds;
mod case;
mod chart;
mod cpu;
mod figure;
mod files;
mod filter;
mod machine;
mod markdown;
mod object;
mod options;
mod program_time;
mod receiver;
mod receiver_cpu;
mod results;
mod rule_set;
mod sender;
mod shape;
mod source_map;
mod sources;
mod space;
mod tables;
mod traffic;
mod updates;

use std::fs;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context as _, Result, ensure};
use clap::Parser as _;
use nix::unistd::Uid;

use crate::case::Cases;
use crate::options::{Options, Part};
use crate::results::Results;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    ensure!(
        Uid::effective().is_root(),
        "the bench creates network namespaces and loads BPF programs, which only root may"
    );
    let cpus = thread::available_parallelism()?.get();
    ensure!(cpus > cpu::RECEIVER, "one CPU sends and another receives, but here is only {cpus}");
    fs::create_dir_all(&options.output).with_context(|| format!("creating {}", options.output.display()))?;
    let (mut cases, mut results) = (Cases::default(), Results::default());
    if options.has(Part::Program) {
        results.judged = program_time::measure_judged(&mut cases, options)?;
        println!("{}", tables::judged(&results.judged));
        results.not_guarded = program_time::measure_not_guarded(&mut cases, options)?;
        println!("{}", tables::not_guarded(&results.not_guarded));
    }
    if options.has(Part::Receiver) {
        results.receiver = receiver_cpu::measure(&mut cases, options, &mut results.left_out)?;
        println!("{}", tables::receiver(&results.receiver));
        for why in &results.left_out {
            println!("left out: {why}");
        }
    }
    if options.has(Part::Traffic) {
        results.traffic = traffic::measure(&mut cases, options)?;
        println!("{}", tables::traffic(&results.traffic));
    }
    if options.has(Part::Updates) {
        let updates = updates::measure(&mut cases.sources, options)?;
        println!("{}", tables::updates(&updates));
        results.updates = Some(updates);
    }
    let bounds = bounds::bounds(&results);
    println!("{}", tables::bounds(&bounds));
    files::write_all(&options.output, &results, &bounds)
}
