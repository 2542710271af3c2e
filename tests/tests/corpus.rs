//! Every packet of the corpus in the kernel: verdict and counter. What the host says of it, the tests of `model` ask.

use anyhow::{Context as _, Result};
use registry_guard_common::{Class, Reason};
use tests::attacks::{Attack, Source, all, policy};
use tests::guard::Guard;
use tests::packet::{DestinationOptions, Ethernet, Ipv6, Packet, Raw, Tcp};

/// `BPF_PROG_TEST_RUN` takes no frame shorter than an Ethernet header.
const SHORTEST_FRAME: usize = 14;

/// Returns how many packets there were.
fn each(mut judge: impl FnMut(&Attack, &Source, &[u8]) -> Result<()>) -> Result<usize> {
    let mut judged = 0;
    for attack in all() {
        for source in [Source::ALLOWED, Source::DENIED] {
            let frame = (attack.packet)(&source).bytes();
            assert!(frame.len() >= SHORTEST_FRAME, "{}: too short for the kernel", attack.name);
            let who = if source.allowed { "allowed" } else { "denied" };
            judge(&attack, &source, &frame).with_context(|| format!("{} from an {who} source", attack.name))?;
            judged += 1;
        }
    }
    Ok(judged)
}

#[test]
fn every_packet_gets_its_verdict_and_its_counter_in_the_kernel() -> Result<()> {
    let mut guard = Guard::new(&policy())?;
    let judged = each(|attack, source, frame| {
        let reason = attack.reason(source);
        let outcome = guard.run(frame)?;
        assert_eq!(outcome.counted.1, reason, "{}: {source:?}", attack.name);
        let passes = matches!(reason.class(), Class::NotOurs | Class::Allow);
        assert_eq!(outcome.passed, passes, "{}: {source:?}", attack.name);
        assert_eq!(outcome.reply, None, "{}: this registry answers nothing", attack.name);
        assert_eq!(guard.ask(frame)?, reason, "{}: asked", attack.name);
        Ok(())
    })?;
    println!("FIGURE: corpus: {judged} of {judged} packets got their verdict and their counter in the kernel");
    Ok(())
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
    })?;
    Ok(())
}

/// `BPF_PROG_TEST_RUN` puts less than a page into the linear part of a packet and the rest into fragments, as a driver does
/// with packets of jumbo frames.
#[test]
fn headers_outside_the_linear_part_are_undecided_and_dropped() -> Result<()> {
    let mut guard = Guard::new(&policy())?;
    for source in [Source::ALLOWED, Source::DENIED] {
        let headers = Packet::from(Ethernet::default()) / Ipv6::from(source.v6);
        let options = (0..3).fold(headers, |packet, _| packet / DestinationOptions::options(&[0; 2046]));
        let outcome = guard.run(&(options / Tcp::syn(443)).bytes())?;
        assert_eq!((outcome.passed, outcome.counted), (false, (None, Reason::NonLinear)));
    }
    Ok(())
}

#[test]
fn payload_outside_the_linear_part_does_not_matter() -> Result<()> {
    let mut guard = Guard::new(&policy())?;
    for (source, passes) in [(Source::ALLOWED, true), (Source::DENIED, false)] {
        let packet = Ethernet::default() / Ipv6::from(source.v6) / Tcp::syn(443) / Raw::zeros(6000);
        assert_eq!(guard.run(&packet.bytes())?.passed, passes);
        let longer = Ipv6::from(source.v6).payload_length(6021);
        let packet = Ethernet::default() / longer / Tcp::syn(443) / Raw::zeros(6000);
        assert_eq!(guard.run(&packet.bytes())?.counted, (None, Reason::BadIpv6Header), "one byte more than there is");
    }
    Ok(())
}
