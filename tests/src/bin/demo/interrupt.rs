//! Ctrl-C, and being told to end: the demo stops where it is and tidies up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::{SigSet, Signal};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on both signals are only noted. The actors, who get Ctrl-C from the terminal too, end at once.
pub(crate) fn watch() -> Result<()> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    signals.thread_block().context("blocking signals")?;
    thread::spawn(move || {
        if signals.wait().is_ok() {
            INTERRUPTED.store(true, Ordering::Relaxed);
        }
    });
    Ok(())
}

/// Whether the demo shall end.
pub(crate) fn happened() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// An error if the demo shall end.
pub(crate) fn check() -> Result<()> {
    ensure!(!happened(), "interrupted");
    Ok(())
}
