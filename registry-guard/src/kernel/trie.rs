//! A table in the kernel, filled by few calls.

use std::cmp::Ordering;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use aya::maps::lpm_trie::Key;
use aya::maps::{LpmTrie, MapData};
use registry_guard_common::{Entry, RuleKey};

use super::rules::Row;
use super::{KernelError, bpf};

pub(super) type Trie = LpmTrie<MapData, RuleKey, Entry>;

/// `BPF_F_NO_PREALLOC`, without which the kernel makes no trie.
const NO_PREALLOC: u32 = 1;
/// Entries in one call.
const BATCH: usize = 4096;
/// How long the kernel may say that it has no memory for an entry. It takes nodes from a stock that it refills aside
/// (`kernel/bpf/memalloc.c`), and says so too when that is late.
const PATIENCE: Duration = Duration::from_secs(2);
/// Before the kernel is asked again.
const RETRY: Duration = Duration::from_millis(1);

/// Makes a trie for at most `capacity` entries that holds `rows`.
///
/// They are put in by the order of their keys, so that the way to the place of each is in the cache already.
pub(super) fn build(rows: &[Row], capacity: u32) -> Result<Trie, KernelError> {
    let trie = Trie::create(capacity, NO_PREALLOC)?;
    let mut rows = rows.to_vec();
    rows.sort_unstable_by(walk_order);
    let (mut keys, mut entries) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    for rows in rows.chunks(BATCH) {
        keys.clear();
        keys.extend(rows.iter().map(Row::key));
        entries.clear();
        entries.extend(rows.iter().map(Row::entry));
        insert(&trie, &keys, &entries)?;
    }
    Ok(trie)
}

/// Puts in one entry, or another in its place.
pub(super) fn insert_one(trie: &Trie, row: &Row) -> Result<(), KernelError> {
    insert(trie, &[row.key()], &[row.entry()])
}

/// Puts each entry under the key at the same place.
fn insert(trie: &Trie, keys: &[Key<RuleKey>], entries: &[Entry]) -> Result<(), KernelError> {
    let mut done = 0;
    let mut since = Instant::now();
    loop {
        let (more, result) = bpf::insert_many(trie, &keys[done..], &entries[done..]);
        if more > 0 {
            done += more;
            since = Instant::now();
        }
        match result {
            Err(problem) if problem.kind() == io::ErrorKind::OutOfMemory && since.elapsed() < PATIENCE => {
                thread::sleep(RETRY);
            }
            result => return result.map_err(KernelError::bpf("filling a registry's table")),
        }
    }
}

/// By the bytes of the keys, so that a prefix comes before all that lie within it.
fn walk_order(one: &Row, other: &Row) -> Ordering {
    let ((one_bits, one), (other_bits, other)) = (one.place(), other.place());
    let halves = |key: RuleKey| -> (u64, [[u8; 4]; 3]) {
        let [scope, first, rest @ ..]: [[u8; 4]; size_of::<RuleKey>() / 4] = zerocopy::transmute!(key);
        (u64::from(u32::from_be_bytes(scope)) << 32 | u64::from(u32::from_be_bytes(first)), rest)
    };
    let ((one_half, one_rest), (other_half, other_rest)) = (halves(one), halves(other));
    // With IPv4 that is nearly always all.
    one_half.cmp(&other_half).then_with(|| one_rest.cmp(&other_rest)).then_with(|| one_bits.cmp(&other_bits))
}
