//! Which CPU does what.

use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

/// Sends.
pub(crate) const SENDER: usize = 0;
/// Receives, and runs programs under test.
pub(crate) const RECEIVER: usize = 1;

/// Keeps the calling thread on one CPU.
pub(crate) fn stay_on(cpu: usize) -> Result<()> {
    keep_on(Pid::from_raw(0), cpu)
}

/// CPU time of the calling thread.
pub(crate) fn time_of_this_thread() -> Result<Duration> {
    time_of(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of a process, or of a thread of the kernel.
pub(crate) fn time_of_process(process: Pid) -> Result<Duration> {
    time_of(clock_getcpuclockid(process).with_context(|| format!("the clock of process {process}"))?)
}

fn time_of(clock: ClockId) -> Result<Duration> {
    Ok(clock.now()?.into())
}

/// Runs `work` on a thread of its own that stays on one CPU, and waits for it.
pub(crate) fn on<R: Send>(cpu: usize, work: impl FnOnce() -> R + Send) -> Result<R> {
    thread::scope(|scope| {
        let worker = scope.spawn(|| stay_on(cpu).map(|()| work()));
        worker.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Keeps a thread on one CPU.
pub(crate) fn keep_on(thread: Pid, cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(thread, &set).with_context(|| format!("keeping thread {thread} on CPU {cpu}"))
}
