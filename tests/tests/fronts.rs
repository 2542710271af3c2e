//! The front of a table, in the kernel: whatever stands in it, nobody is allowed whom the trie does not allow.

use anyhow::{Context as _, Result, ensure};
use rand::rngs::SmallRng;
use rand::seq::{IndexedMutRandom as _, IndexedRandom as _};
use rand::{Rng as _, SeedableRng as _};
use registry_guard_common::{Class, FRONT_LINE_WORDS, Reason};
use tests::guard::Guard;
use tests::random;

const POLICIES: u64 = 100;
const PACKETS_PER_POLICY: u64 = 200;
/// `BPF_PROG_TEST_RUN` takes no frame shorter than an Ethernet header.
const SHORTEST_FRAME: usize = 14;

/// What the loaded program says of each packet, in the order given.
fn verdicts(guard: &mut Guard, frames: &[Vec<u8>]) -> Result<Vec<Reason>> {
    frames.iter().map(|frame| guard.ask(frame)).collect()
}

/// Writes something else into some words of every front.
fn corrupt(guard: &Guard, random: &mut SmallRng) -> Result<()> {
    for mut head in guard.fronts()? {
        let mut words = head.get(&0, 0)?;
        for _ in 0..random.random_range(0..=8) {
            // The first lines are the header, the roots and a seed, and where finer summaries are; the others are summaries.
            let lines = words.len() / FRONT_LINE_WORDS as usize;
            let line = *[0, 1, random.random_range(0..lines)].choose(random).context("one of them")?;
            corrupt_one(&mut words[line * FRONT_LINE_WORDS as usize..][..FRONT_LINE_WORDS as usize], random)?;
        }
        if random.random_ratio(1, 4) {
            words[FRONT_LINE_WORDS as usize..].fill(if random.random() { u64::MAX } else { 0 });
        }
        head.set(0, words, 0)?;
    }
    for mut nodes in guard.nodes()? {
        let lines = nodes.len();
        for _ in 0..random.random_range(0..=8) {
            // Most of what is used stands at the beginning.
            let index = [random.random_range(0..lines.min(8)), random.random_range(0..lines)];
            let index = *index.choose(random).context("one of them")?;
            let mut line = nodes.get(&index, 0)?;
            corrupt_one(&mut line, random)?;
            nodes.set(index, line, 0)?;
        }
    }
    Ok(())
}

fn corrupt_one(words: &mut [u64], random: &mut SmallRng) -> Result<()> {
    let word = words.choose_mut(random).context("there are words")?;
    let other: u64 = random.random();
    *word = *[other, *word ^ (1 << (other % 64)), 0, 3, other << 32 | other >> 40 & 0xffff | 1]
        .choose(random)
        .context("one of them")?;
    Ok(())
}

#[test]
fn a_front_with_anything_in_it_allows_nobody_whom_the_trie_denies() -> Result<()> {
    let mut guard = Guard::new(&tests::naive::Policy::default())?;
    let (mut allowed, mut lost) = (0, 0);
    for seed in 0..POLICIES {
        let mut random = SmallRng::seed_from_u64(seed);
        let policy = random::policy(&mut random);
        guard.set(&policy)?;
        let frames: Vec<Vec<u8>> = std::iter::repeat_with(|| random::frame(&mut random, &policy))
            .filter(|frame| frame.len() >= SHORTEST_FRAME)
            .take(PACKETS_PER_POLICY.try_into()?)
            .collect();
        let truth = verdicts(&mut guard, &frames)?;
        corrupt(&guard, &mut random)?;
        for ((frame, truth), corrupted) in frames.iter().zip(&truth).zip(verdicts(&mut guard, &frames)?) {
            let denies = corrupted.class() == Class::Deny;
            // Who comes to a private endpoint that is not found may still be allowed by a rule.
            let allowed_anyway = [*truth, corrupted].iter().all(|reason| reason.class() == Class::Allow);
            ensure!(
                corrupted == *truth || denies || allowed_anyway,
                "seed {seed}: {truth:?} became {corrupted:?}\n{frame:02x?}\n{policy:#?}"
            );
            allowed += u64::from(truth.class() == Class::Allow);
            lost += u64::from(truth.class() == Class::Allow && denies);
        }
    }
    println!("{allowed} allowed packets, of which {lost} were denied because of a front with anything in it");
    ensure!(lost > 0, "no front was hit");
    Ok(())
}
