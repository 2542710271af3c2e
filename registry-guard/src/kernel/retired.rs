//! Tables that are not needed any more: emptied slice by slice, and only then closed.
//!
//! The kernel frees a closed trie in one go and holds a CPU meanwhile (`trie_free` has no `cond_resched`). It does so with what
//! is left when this process ends before a table is empty.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use registry_guard_common::{Entry, Family, NO_COUNTER, Reason};
use tracing::debug;

use super::bpf;
use super::rules::Row;
use super::trie::Trie;

/// Entries that are taken away before there is a pause.
const SLICE: usize = 512;
/// What is taken away within one grace period (some hundreds of milliseconds) the kernel frees after it in one go
/// (`__free_rcu` in `kernel/bpf/memalloc.c`). So 1,000,000 entries take 18 seconds.
const PAUSE: Duration = Duration::from_millis(8);
/// Some grace periods: what is still waiting for one when the trie is closed, the kernel frees in one go too.
const LAST_PAUSE: Duration = Duration::from_millis(1500);

/// Tables that are not closed yet. The more there are, the shorter are the pauses, so that their memory has a bound.
static OPEN: AtomicU32 = AtomicU32::new(0);

/// Frees a trie that no program can reach any more. Returns at once.
pub(super) fn retire(trie: Trie) {
    static RETIRED: OnceLock<Option<Sender<Trie>>> = OnceLock::new();
    let retired = RETIRED.get_or_init(|| {
        let (sender, receiver) = channel();
        let thread = thread::Builder::new().name("retired-tables".to_owned());
        thread.spawn(move || empty_all(&receiver)).is_ok().then_some(sender)
    });
    if let Some(retired) = retired {
        OPEN.fetch_add(1, Ordering::Relaxed);
        // There is always a receiver.
        drop(retired.send(trie));
    }
}

fn empty_all(retired: &Receiver<Trie>) {
    for trie in retired {
        if let Err(problem) = empty(&trie) {
            debug!(%problem, "a table is freed in one go");
        }
        drop(trie);
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

fn empty(trie: &Trie) -> io::Result<()> {
    let mut keys = vec![Row::family(Family::V4, Reason::NoRule).key(); SLICE];
    let mut entries = vec![Entry::new(Reason::NoRule, NO_COUNTER); SLICE];
    let mut slices = 0;
    loop {
        let count = bpf::first_entries(trie, &mut keys, &mut entries)?;
        bpf::remove_many(trie, &keys[..count])?;
        if count < SLICE {
            break;
        }
        slices += 1;
        thread::sleep(PAUSE / OPEN.load(Ordering::Relaxed).max(1));
    }
    if slices > 1 {
        thread::sleep(LAST_PAUSE);
    }
    Ok(())
}
