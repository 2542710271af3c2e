//! Host, kernel and naive model give the same verdict on millions of random and mutated packets and lookups, most of them at
//! the edges of a rule, and the kernel counts each where it belongs.

use std::collections::BTreeMap;
use std::env;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use model::same::same;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;
use registry_guard::kernel::{LookedUp, OutcomeCounts, ReasonCounts};
use registry_guard_common::{NO_COUNTER, Outcome, Reason};
use tests::guard::Guard;
use tests::naive::{Answer, Endpoint, Fate, Interface, Local, Lookup, Namespace, Policy, Registry, UdpAnswer, Verdict};
use tests::random;

const PACKETS_VARIABLE: &str = "REGISTRY_GUARD_PACKETS";
const SEED_VARIABLE: &str = "REGISTRY_GUARD_SEED";
/// As many packets, and as many lookups.
const PACKETS: u64 = 5_000_000;
const SEED: u64 = 0;
const PER_POLICY: u64 = 10_000;
/// `BPF_PROG_TEST_RUN` takes no frame shorter than an Ethernet header.
const SHORTEST_FRAME: usize = 14;

/// A loaded guard, and what its counters must show.
struct Comparison {
    guard: Guard,
    reasons: ReasonCounts,
    outcomes: OutcomeCounts,
    hits: BTreeMap<u32, u64>,
}

impl Comparison {
    fn new() -> Result<Self> {
        Ok(Self {
            guard: Guard::new(&Policy::default())?,
            reasons: ReasonCounts::new(),
            outcomes: OutcomeCounts::new(),
            hits: BTreeMap::new(),
        })
    }

    /// Compares under one random policy.
    fn under(&mut self, seed: u64) -> Result<()> {
        let mut rng = SmallRng::seed_from_u64(seed);
        let policy = random::policy(&mut rng);
        self.guard.set(&policy)?;
        for packet in 0..PER_POLICY {
            let frame = loop {
                let frame = random::frame(&mut rng, &policy);
                if frame.len() >= SHORTEST_FRAME {
                    break frame;
                }
            };
            self.packet(&policy, &frame).with_context(|| format!("packet {packet}: {frame:02x?}\n{policy:#?}"))?;
        }
        let namespaces = policy.namespaces.len();
        for number in 0..PER_POLICY {
            let namespace = &policy.namespaces[usize::try_from(number)? % namespaces];
            let lookup = random::lookup(&mut rng, &policy, namespace);
            self.lookup(&policy, namespace, &lookup)
                .with_context(|| format!("{lookup:?} in {namespace:?}\n{policy:#?}"))?;
        }
        self.counters().with_context(|| format!("the counters under {policy:#?}"))
    }

    fn packet(&mut self, policy: &Policy, frame: &[u8]) -> Result<()> {
        let naive = policy.verdict(frame);
        let host = self.guard.on_host(frame);
        ensure!(same(host.reason, naive), "host {host:?}, naive model {naive:?}");
        let kernel = self.guard.answer(frame)?;
        ensure!(
            (kernel.reason, kernel.registry, kernel.counter) == (host.reason, host.endpoint.registry(), host.counter),
            "host {host:?}, kernel {kernel:?}"
        );
        let passes = self.guard.passes(frame)?;
        ensure!(
            passes == matches!(naive, Verdict::Pass | Verdict::Allow(_)),
            "naive model {naive:?}, but the packet {}",
            if passes { "passed" } else { "did not pass" }
        );
        *self.reasons.entry(kernel.registry).or_default().entry(kernel.reason).or_default() += 1;
        self.hit(kernel.counter);
        Ok(())
    }

    fn lookup(&mut self, policy: &Policy, namespace: &Namespace, lookup: &Lookup) -> Result<()> {
        let naive = policy.at_socket(namespace, lookup);
        let host = self.guard.on_host_at_socket(namespace, lookup);
        ensure!(same(host.reason, naive.verdict), "host {host:?}, naive model {naive:?}");
        let registry = host.endpoint.registry();
        ensure!(registry == naive.registry.map(u32::try_from).transpose()?, "host {host:?}, naive model {naive:?}");
        let did = match self.guard.look_up(namespace, lookup)? {
            LookedUp::Passed if registry.is_none() => Fate::Untouched,
            LookedUp::Passed => Fate::Registry,
            LookedUp::HandedOver => Fate::Responder,
            LookedUp::Dropped => Fate::Refused,
        };
        ensure!(did == naive.fate, "kernel {did:?}, naive model {naive:?}");
        let Some(registry) = registry else { return Ok(()) };
        self.remembered(namespace, lookup, naive.fate, host.reason)?;
        let counted = self.outcomes.entry(registry).or_default();
        let outcome = match naive.fate {
            Fate::Registry => Outcome::LookupAllowed,
            Fate::Responder => Outcome::LookupForbidden,
            Fate::Untouched | Fate::Refused => Outcome::LookupRefused,
        };
        *counted.entry(outcome).or_default() += 1;
        if naive.fate == Fate::Refused && lookup.datagram {
            *counted.entry(Outcome::DatagramRefused).or_default() += 1;
        }
        let counted_before = matches!(namespace.interface, Interface::Network { counted: true, .. });
        if naive.fate == Fate::Registry && !counted_before {
            self.hit(host.counter);
        }
        Ok(())
    }

    /// What nobody else could tell later is remembered, and what an earlier connection left is not.
    fn remembered(&self, namespace: &Namespace, lookup: &Lookup, fate: Fate, reason: Reason) -> Result<()> {
        if lookup.datagram || fate == Fate::Refused {
            return Ok(());
        }
        let tag = match namespace.interface {
            Interface::Network { tag, .. } => tag,
            Interface::Unknown | Interface::Loopback => 0,
        };
        let record = self.guard.remembered(namespace, lookup)?;
        let told = record.map(|record| (record.reason(), record.tag().value()));
        let want = (fate == Fate::Responder || tag != 0).then_some((Some(reason), tag));
        ensure!(told == want, "remembered {told:?}, not {want:?}");
        Ok(())
    }

    fn hit(&mut self, counter: u32) {
        if counter != NO_COUNTER {
            *self.hits.entry(counter).or_default() += 1;
        }
    }

    /// No counter shows anything else than what was compared one by one.
    fn counters(&mut self) -> Result<()> {
        ensure!(self.guard.reasons()? == self.reasons, "reasons: {:?}, not {:?}", self.guard.reasons()?, self.reasons);
        let mut outcomes = self.guard.outcomes()?;
        for outcomes in outcomes.values_mut() {
            outcomes.retain(|outcome, _| !matches!(outcome, Outcome::OverSourceBudget | Outcome::OverTotalBudget));
        }
        outcomes.retain(|_, outcomes| !outcomes.is_empty());
        ensure!(outcomes == self.outcomes, "outcomes: {outcomes:?}, not {:?}", self.outcomes);
        for (counter, hits) in &self.hits {
            let counted = self.guard.rule_hits(*counter);
            ensure!(counted == *hits, "the rule with counter {counter} has {counted} hits, not {hits}");
        }
        Ok(())
    }
}

fn number(variable: &str, default: u64) -> Result<u64> {
    match env::var(variable) {
        Ok(text) => text.replace('_', "").parse().with_context(|| format!("{variable}: `{text}` is not a number")),
        Err(_) => Ok(default),
    }
}

#[test]
fn host_kernel_and_naive_model_agree_on_millions_of_packets_and_lookups() -> Result<()> {
    let (packets, first) = (number(PACKETS_VARIABLE, PACKETS)?, number(SEED_VARIABLE, SEED)?);
    let policies = packets.div_ceil(PER_POLICY);
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let started = Instant::now();
    // A swap waits for the kernel's grace periods, so more threads than processors find something to do.
    let threads = thread::available_parallelism().map_or(1, NonZero::get) * 2;
    let work = || -> Result<()> {
        let mut comparison = Comparison::new()?;
        loop {
            let policy = next.fetch_add(1, Ordering::Relaxed);
            if policy >= policies || failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let seed = first.wrapping_add(policy);
            if let Err(difference) = comparison.under(seed) {
                failed.store(true, Ordering::Relaxed);
                return Err(difference.context(format!("a difference with seed {seed}")));
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| anyhow!("a worker panicked"))?)
    })?;
    println!(
        "FIGURE: {} packets and as many lookups under {policies} policies in {:.0} s: 0 differences between host, kernel and naive model",
        policies * PER_POLICY,
        started.elapsed().as_secs_f32()
    );
    Ok(())
}

/// Random lookups hardly ever come back with the same numbers.
#[test]
fn what_is_remembered_of_a_connection_is_forgotten_with_the_next_of_the_same_numbers_from_public_traffic() -> Result<()>
{
    let open = Registry {
        default_allow: true,
        public_network_access: true,
        bypass: false,
        udp: UdpAnswer::Deny,
        private_endpoints: Vec::new(),
        rules: Vec::new(),
        service_tags: Vec::new(),
        answer: Answer::Explanation,
        local: Local::Judged,
    };
    let registry: SocketAddr = "203.0.113.10:443".parse()?;
    let lookup = Lookup {
        datagram: false,
        source: ("198.51.100.7".parse()?, 40_000),
        destination: (registry.ip(), registry.port()),
    };
    let mut comparison = Comparison::new()?;
    for tag in [5001, 5002, 0] {
        let namespace = Namespace {
            number: 1,
            endpoints: Endpoint::listening(registry, 0),
            interface: Interface::Network { tag, counted: false },
            own_addresses: Vec::new(),
            responder: false,
        };
        let policy =
            Policy { registries: vec![open.clone()], namespaces: vec![namespace.clone()], ..Policy::default() };
        comparison.guard.set(&policy)?;
        comparison.lookup(&policy, &namespace, &lookup).with_context(|| format!("tag {tag}"))?;
    }
    Ok(())
}
