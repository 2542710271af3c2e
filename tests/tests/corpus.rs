//! Every packet of the corpus, on the host and in the kernel: verdict and counter.

use anyhow::{Context as _, Result};
use registry_guard_common::Class;
use tests::attacks::{Attack, Source, all, policy};
use tests::guard::Guard;
use tests::naive::Verdict;

/// `BPF_PROG_TEST_RUN` takes no frame shorter than an Ethernet header.
const SHORTEST_FRAME: usize = 14;

fn each(mut judge: impl FnMut(&Attack, &Source, &[u8]) -> Result<()>) -> Result<()> {
    for attack in all() {
        for source in [Source::ALLOWED, Source::DENIED] {
            let frame = (attack.packet)(&source).bytes();
            assert!(frame.len() >= SHORTEST_FRAME, "{}: too short for the kernel", attack.name);
            let who = if source.allowed { "allowed" } else { "denied" };
            judge(&attack, &source, &frame).with_context(|| format!("{} from an {who} source", attack.name))?;
        }
    }
    Ok(())
}

#[test]
fn every_packet_gets_its_verdict_on_the_host() -> Result<()> {
    let guard = Guard::new(&policy())?;
    each(|attack, source, frame| {
        assert_eq!(guard.on_host(frame).reason, attack.reason(source), "{}: {source:?}", attack.name);
        Ok(())
    })
}

#[test]
fn every_packet_gets_its_verdict_and_its_counter_in_the_kernel() -> Result<()> {
    let mut guard = Guard::new(&policy())?;
    each(|attack, source, frame| {
        let reason = attack.reason(source);
        let outcome = guard.run(frame)?;
        assert_eq!(outcome.counted.1, reason, "{}: {source:?}", attack.name);
        let passes = matches!(reason.class(), Class::NotOurs | Class::Allow);
        assert_eq!(outcome.passed, passes, "{}: {source:?}", attack.name);
        assert_eq!(outcome.reply, None, "{}: this registry answers nothing", attack.name);
        assert_eq!(guard.ask(frame)?, reason, "{}: asked", attack.name);
        Ok(())
    })
}

#[test]
fn the_naive_model_agrees_on_every_packet() -> Result<()> {
    let policy = policy();
    each(|attack, source, frame| {
        let class = match policy.verdict(frame) {
            Verdict::Pass => Class::NotOurs,
            Verdict::Allow(_) => Class::Allow,
            Verdict::Deny(_) => Class::Deny,
            Verdict::Undecided => Class::Undecided,
            Verdict::Never(_) => Class::Never,
        };
        assert_eq!(class, attack.reason(source).class(), "{}: {source:?}", attack.name);
        Ok(())
    })
}

#[test]
fn a_connection_attempt_in_disguise_counts_for_its_registry_and_its_rule() -> Result<()> {
    let mut guard = Guard::new(&policy())?;
    each(|attack, source, frame| {
        let reason = attack.reason(source);
        let (registry, _) = guard.run(frame)?.counted;
        let concerns_registry = matches!(reason.class(), Class::Allow | Class::Deny);
        assert_eq!(registry, concerns_registry.then_some(0), "{}: {source:?}", attack.name);
        Ok(())
    })
}
