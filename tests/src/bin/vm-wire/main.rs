//! The other end of a virtual machine's network cable, for `cargo xtask vm-test`: a router behind which an allowed and many denied
//! sources open connections to the machine's registry without a pause, from before its power is on. What comes back is counted.
//!
//! Standard output is a line of JSON each second, and a last one after the end of standard input.

mod router;
mod tally;

use std::io::{self, Read as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context as _, Result};

use crate::router::Router;

/// Between the SYNs of an allowed and of a denied source.
const PAUSE: Duration = Duration::from_millis(5);
const TOLD_EACH: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut paths = env::args_os().skip(1);
    let (own, machine) = (paths.next().context("no socket of our own")?, paths.next().context("no socket of qemu's")?);
    let mut router = Router::plug(Path::new(&own), Path::new(&machine))?;
    let (sender, ended) = mpsc::channel::<()>();
    thread::spawn(move || {
        _ = io::stdin().read_to_end(&mut Vec::new());
        drop(sender);
    });
    let mut told = Instant::now();
    while ended.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        router.ask()?;
        router.hear()?;
        if told.elapsed() > TOLD_EACH {
            println!("{}", router.tally());
            told = Instant::now();
        }
    }
    router.hear()?;
    println!("{}", router.tally());
    Ok(())
}
