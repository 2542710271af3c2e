//! Rules in numbers: how long they take to come into force, what they cost in memory, and whether anything else stands still
//! meanwhile.

mod cold_start;
mod latency;
mod memory;
mod one_more;
mod stall;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use tests::net::{Client, Network, Process};

pub(crate) use self::latency::Latency;
pub(crate) use self::memory::KernelMemory;
pub(crate) use self::one_more::OneMore;

use crate::aim::Aim;
use crate::figure::Figures;
use crate::filter::{Guard, Link};
use crate::options::Options;
use crate::rule_set::RuleSet;
use crate::shape::{Family, Shape};
use crate::sources::Sources;

/// So many rules.
pub(crate) const MANY: usize = 1_000_000;
/// How long a table that was replaced is watched on its way out.
const AFTERMATH: Duration = Duration::from_secs(2);

/// What was measured at [`MANY`] rules.
pub(crate) struct Updates {
    /// Memory of the kernel that an agent without rules takes.
    pub(crate) fixed: KernelMemory,
    /// Memory of the kernel that [`MANY`] rules take beside that.
    pub(crate) rules: KernelMemory,
    /// Memory of the agent, in bytes.
    pub(crate) agent: u64,
    /// Seconds of `apply`, from no rules to [`MANY`].
    pub(crate) load: Duration,
    /// Seconds of `apply`, from [`MANY`] rules to as many others.
    pub(crate) swap: Figures,
    /// Seconds from the start of the process with [`MANY`] rules in its store until they are in force.
    pub(crate) cold_start: Figures,
    /// One rule more.
    pub(crate) one_more: OneMore,
    /// The longest time in milliseconds that any CPU kept the most urgent thread waiting: with nothing going on, for as long as a
    /// swap takes.
    pub(crate) stall_without: Figures,
    /// The same while rules are swapped, and [`AFTERMATH`] later.
    pub(crate) stall: Figures,
    /// Of both, time that the machine beneath took, in milliseconds: while nothing went on, and while rules were swapped.
    pub(crate) stolen: (u64, u64),
}

impl Updates {
    /// Memory of the kernel for each prefix, what is needed without any included.
    pub(crate) fn bytes_a_prefix(&self) -> f64 {
        let all = self.fixed.total() + self.rules.total();
        #[expect(clippy::cast_precision_loss, reason = "memory is below 2^52 bytes")]
        (all as f64 / MANY as f64)
    }
}

/// Measures all of it, with an agent of its own.
pub(crate) fn measure(sources: &mut Sources, options: &Options) -> Result<Updates> {
    let mut network = Network::new()?;
    let _client: Client = network.client("office", &[Link::CLIENT])?;
    let first = sources.rules(Family::V4, MANY);
    let second = RuleSet::other(Family::V4, MANY);
    let document = |name: &str, rules: &RuleSet| Guard::document(&network.folder().join(name), Shape::V4, rules);
    let documents = [document("first.json", &first)?, document("second.json", &second)?];

    eprintln!("updates: memory and load");
    let before = KernelMemory::now()?;
    let guard = Guard::start_empty(&network)?;
    let empty = KernelMemory::settled()?;
    let load = guard.apply(&documents[0])?;
    let full = KernelMemory::settled()?;
    let agent = Process::of(guard.agent().pid().unwrap_or_default()).resident()?;

    eprintln!("updates: one more");
    let one_more = one_more::measure(&guard, &first, options)?;

    let mut updates = Updates {
        fixed: empty.since(&before),
        rules: full.since(&empty),
        agent,
        load,
        swap: Figures::new(),
        cold_start: Figures::new(),
        one_more,
        stall_without: Figures::new(),
        stall: Figures::new(),
        stolen: (0, 0),
    };
    let witnesses = [witness(&first, &second)?, witness(&second, &first)?];
    for round in 0..options.rounds().min(5) {
        eprintln!("updates: swap {}", round + 1);
        swap(&guard, &documents, &witnesses, round, &mut updates)?;
    }
    for round in 0..options.rounds().min(3) {
        eprintln!("updates: cold start {}", round + 1);
        let took = cold_start::measure(&guard, witnesses[options.rounds().min(5) % 2])?;
        updates.cold_start.push(took.as_secs_f64());
    }
    Ok(updates)
}

/// Somebody whom these rules let in, and the other ones do not.
fn witness(these: &RuleSet, other: &RuleSet) -> Result<IpAddr> {
    let candidates = Aim::Allowed.addresses(these, 1000);
    let found = candidates.into_iter().find(|candidate| !other.space.contains(*candidate));
    ensure!(found.is_some(), "two sets of rules are alike");
    Ok(these.family.address(found.unwrap_or_default()))
}

/// Replaces the rules by the others, and watches every CPU meanwhile.
fn swap(
    guard: &Guard,
    documents: &[PathBuf; 2],
    witnesses: &[IpAddr; 2],
    round: usize,
    updates: &mut Updates,
) -> Result<()> {
    let (old, new) = (round % 2, (round + 1) % 2);
    let (took, watched) = stall::watch(|| {
        let took = guard.apply(&documents[new])?;
        std::thread::sleep(AFTERMATH);
        Ok(took)
    })?;
    ensure!(Guard::lets_in(guard.agent(), witnesses[new])?, "the new rules are not in force");
    ensure!(!Guard::lets_in(guard.agent(), witnesses[old])?, "the old rules are still in force");
    updates.swap.push(took.as_secs_f64());
    updates.stall.push(watched.longest);
    updates.stolen.1 += watched.stolen;
    let ((), watched) = stall::watch(|| {
        std::thread::sleep(took + AFTERMATH);
        Ok(())
    })?;
    updates.stall_without.push(watched.longest);
    updates.stolen.0 += watched.stolen;
    Ok(())
}
