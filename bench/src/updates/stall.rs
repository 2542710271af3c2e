use std::fs;
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::unistd::gettid;
use tests::net::run;

use crate::cpu;

/// How often each CPU is asked whether it still answers.
const TICK: Duration = Duration::from_millis(1);
const LIMIT: Duration = Duration::from_secs(10);
/// Kernel ticks in a second, as `/proc/stat` counts (`USER_HZ`).
const MILLISECONDS_OF_A_TICK: u64 = 10;

/// What threads that come before all others saw.
pub(super) struct Watched {
    /// The longest time in milliseconds that one of them waited beyond its millisecond.
    pub(super) longest: f64,
    /// What the machine beneath took of all CPUs meanwhile, in milliseconds.
    pub(super) stolen: u64,
}

/// Does `work` while a thread on each CPU, of a priority that whatever can wait must wait for (`SCHED_FIFO`), wakes up each
/// millisecond.
pub(super) fn watch<R: Send>(work: impl FnOnce() -> Result<R> + Send) -> Result<(R, Watched)> {
    let cpus = thread::available_parallelism()?.get();
    let (ready, over) = (Barrier::new(cpus + 1), AtomicBool::new(false));
    let stolen = stolen()?;
    thread::scope(|scope| {
        let watchers: Vec<_> = (0..cpus)
            .map(|cpu| {
                scope.spawn({
                    let (ready, over) = (&ready, &over);
                    move || {
                        let urgent = become_urgent(cpu);
                        ready.wait();
                        urgent.map(|()| longest_wait(over))
                    }
                })
            })
            .collect();
        ready.wait();
        let done = work();
        over.store(true, Ordering::Relaxed);
        let mut longest = Duration::ZERO;
        for watcher in watchers {
            longest = longest.max(watcher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        let stolen = self::stolen()? - stolen;
        Ok((done?, Watched { longest: longest.as_secs_f64() * 1000.0, stolen }))
    })
}

fn become_urgent(cpu: usize) -> Result<()> {
    cpu::stay_on(cpu)?;
    let mut chrt = Command::new("chrt");
    chrt.args(["--fifo", "--pid", "60"]).arg(gettid().to_string());
    run(&mut chrt, LIMIT)?.expect_success().context("chrt")?;
    Ok(())
}

fn longest_wait(over: &AtomicBool) -> Duration {
    let mut longest = Duration::ZERO;
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        thread::sleep(TICK);
        longest = longest.max(begun.elapsed().saturating_sub(TICK));
    }
    longest
}

/// What the machine beneath took of all CPUs since the start, in milliseconds.
fn stolen() -> Result<u64> {
    let text = fs::read_to_string("/proc/stat")?;
    // cpu, user, nice, system, idle, iowait, irq, softirq, steal
    let steal =
        text.lines().next().and_then(|line| line.split_whitespace().nth(8)).context("no steal in /proc/stat")?;
    Ok(steal.parse::<u64>()? * MILLISECONDS_OF_A_TICK)
}
