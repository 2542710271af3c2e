use anyhow::Result;
use tests::net::Agent;

use crate::actors::Actors;
use crate::counters::{Counters, text};
use crate::interrupt;
use crate::policy::REGISTRY;
use crate::screen;
use crate::tally::Tally;
use crate::visit::{self, Visit};

/// A visitor, and what is expected to become of it.
pub(crate) struct Visitor {
    name: &'static str,
    may_enter: bool,
    /// The reason that the guard is expected to count.
    reason: &'static str,
    /// What `check` is asked, if a command line can ask it.
    check: Option<(&'static str, Option<&'static str>)>,
    call: fn(&Actors) -> Result<Visit>,
}

/// A visit, and what the guard made of it if there was one.
pub(crate) struct Visited {
    visit: Visit,
    counted: bool,
    check: Option<(String, String)>,
}

/// Everyone who tries.
pub(crate) fn all() -> Vec<Visitor> {
    let public = |source| Some((source, None));
    vec![
        Visitor {
            name: "office 198.51.100.7, in an IPv4 rule",
            may_enter: true,
            reason: "IpRule",
            check: public("198.51.100.7"),
            call: |actors| visit::of_client(&actors.office, actors),
        },
        Visitor {
            name: "stranger 198.51.100.200",
            may_enter: false,
            reason: "NoRule",
            check: public("198.51.100.200"),
            call: |actors| visit::of_client(&actors.stranger, actors),
        },
        Visitor {
            name: "lab 2001:db8:1::7, in an IPv6 rule",
            may_enter: true,
            reason: "IpRule",
            check: public("2001:db8:1::7"),
            call: |actors| visit::of_client(&actors.lab, actors),
        },
        Visitor {
            name: "stranger6 2001:db8:2::200",
            may_enter: false,
            reason: "NoRule",
            check: public("2001:db8:2::200"),
            call: |actors| visit::of_client(&actors.stranger_v6, actors),
        },
        Visitor {
            name: "app 10.1.0.4, VNI 5001: subnet with service endpoint and rule",
            may_enter: true,
            reason: "SubnetRule",
            check: Some(("10.1.0.4", Some("5001"))),
            call: |actors| visit::of_overlay(&actors.app, actors),
        },
        Visitor {
            name: "copy 10.1.0.4, VNI 5002: same address, another network",
            may_enter: false,
            reason: "NoRule",
            check: Some(("10.1.0.4", Some("5002"))),
            call: |actors| visit::of_overlay(&actors.copy, actors),
        },
        Visitor {
            name: "attacker: VXLAN with VNI 5001 from an untrusted VTEP",
            may_enter: false,
            reason: "UntrustedVtep",
            check: None,
            call: visit::of_forger,
        },
        Visitor {
            name: "attacker: SYN from a spoofed 198.18.0.1",
            may_enter: false,
            reason: "NoRule",
            check: public("198.18.0.1"),
            call: visit::of_spoofer,
        },
    ]
}

/// Lets everyone try, one after the other.
pub(crate) fn attend(visitors: &[Visitor], actors: &Actors, agent: Option<&Agent>) -> Result<Vec<Visited>> {
    visitors.iter().map(|visitor| try_one(visitor, actors, agent)).collect()
}

fn try_one(visitor: &Visitor, actors: &Actors, agent: Option<&Agent>) -> Result<Visited> {
    interrupt::check()?;
    let before = agent.map(Counters::read).transpose()?;
    let visit = (visitor.call)(actors)?;
    let (Some(agent), Some(before)) = (agent, before) else {
        return Ok(Visited { visit, counted: false, check: None });
    };
    let counted = Counters::read(agent)?.since(&before, visitor.reason) > 0;
    let check = visitor.check.map(|(source, vni)| ask(agent, source, vni)).transpose()?;
    Ok(Visited { visit, counted, check })
}

/// The verdict of `check`, and its reason.
fn ask(agent: &Agent, source: &str, vni: Option<&str>) -> Result<(String, String)> {
    let mut arguments = vec!["check", "--name", REGISTRY, "--source", source];
    if let Some(vni) = vni {
        arguments.extend(["--vni", vni]);
    }
    let answer = agent.json(arguments)?;
    Ok((text(&answer, "verdict").to_owned(), text(&answer, "reason").to_owned()))
}

/// The table of both rounds. Without the guard everyone must get in, or a denial would prove nothing.
pub(crate) fn print(visitors: &[Visitor], unguarded: &[Visited], guarded: &[Visited], tally: &mut Tally) {
    let mut table =
        screen::table(&["who", "without the guard", "expected", "with the guard", "counted as", "check", ""]);
    for ((visitor, without), with) in visitors.iter().zip(unguarded).zip(guarded) {
        let verdict = if visitor.may_enter { "Allow" } else { "Deny" };
        let check = with.check.as_ref().is_none_or(|(said, why)| said == verdict && why == visitor.reason);
        let right = without.visit.got_in && with.visit.got_in == visitor.may_enter && with.counted && check;
        let counted = if with.counted { visitor.reason.to_owned() } else { format!("not {}", visitor.reason) };
        let said = with.check.as_ref().map_or("-", |(said, _)| said);
        table.add_row([
            visitor.name,
            &without.visit.seen,
            if visitor.may_enter { "allowed" } else { "denied" },
            &with.visit.seen,
            &counted,
            said,
            tally.row(visitor.name, right),
        ]);
    }
    screen::show(&table.to_string());
    println!(
        "  counted as: the counter of the guard that grew.  check: what `registry-guard check` says of the source."
    );
}
