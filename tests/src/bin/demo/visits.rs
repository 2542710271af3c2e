use anyhow::Result;
use tests::net::Agent;

use crate::actors::Actors;
use crate::counters::{Counters, text};
use crate::interrupt;
use crate::policy::REGISTRY;
use crate::screen;
use crate::tally::Tally;
use crate::visit::{self, Met, Visit};

/// A visitor, and what is expected to become of it.
pub(crate) struct Visitor {
    name: &'static str,
    /// Whom it meets at a guarded registry.
    meets: Met,
    /// What the guard is expected to count: a reason on the NIC, what was done about it at the socket.
    counter: &'static str,
    /// What `check` is asked if a command line can ask it, and the reason that it is expected to give.
    check: Option<Check>,
    call: fn(&Actors) -> Result<Visit>,
}

/// A question to `check`, and the reason that it answers with.
type Check = (&'static str, Option<&'static str>, &'static str);

/// A visit, and what the guard made of it if there was one.
pub(crate) struct Visited {
    visit: Visit,
    counted: bool,
    check: Option<(String, String)>,
}

const fn visitor(
    name: &'static str,
    meets: Met,
    counter: &'static str,
    check: Option<Check>,
    call: fn(&Actors) -> Result<Visit>,
) -> Visitor {
    Visitor { name, meets, counter, check, call }
}

/// Everyone who tries.
pub(crate) const ALL: [Visitor; 9] = [
    visitor(
        "office 198.51.100.7, in an IPv4 rule",
        Met::Registry,
        "IpRule",
        Some(("198.51.100.7", None, "IpRule")),
        |actors| visit::of_client(&actors.office, actors),
    ),
    visitor("stranger 198.51.100.200", Met::Forbidden, "NoRule", Some(("198.51.100.200", None, "NoRule")), |actors| {
        visit::of_client(&actors.stranger, actors)
    }),
    visitor(
        "lab 2001:db8:1::7, in an IPv6 rule",
        Met::Registry,
        "IpRule",
        Some(("2001:db8:1::7", None, "IpRule")),
        |actors| visit::of_client(&actors.lab, actors),
    ),
    visitor(
        "stranger6 2001:db8:2::200",
        Met::Forbidden,
        "NoRule",
        Some(("2001:db8:2::200", None, "NoRule")),
        |actors| visit::of_client(&actors.stranger_v6, actors),
    ),
    visitor(
        "app 10.1.0.4, VNI 5001: subnet with service endpoint and rule",
        Met::Registry,
        "SubnetRule",
        Some(("10.1.0.4", Some("5001"), "SubnetRule")),
        |actors| visit::of_overlay(&actors.app, actors),
    ),
    visitor(
        "copy 10.1.0.4, VNI 5002: same address, another network",
        Met::Forbidden,
        "NoRule",
        Some(("10.1.0.4", Some("5002"), "NoRule")),
        |actors| visit::of_overlay(&actors.copy, actors),
    ),
    visitor(
        "the host itself, over loopback",
        Met::Forbidden,
        "lookupForbidden",
        Some(("203.0.113.10", None, "NoRule")),
        visit::of_host,
    ),
    visitor(
        "attacker: VXLAN with VNI 5001 from an untrusted VTEP",
        Met::Nobody,
        "UntrustedVtep",
        None,
        visit::of_forger,
    ),
    visitor(
        "attacker: SYN from a spoofed 192.0.2.200",
        Met::Nobody,
        "NoRule",
        Some((Actors::SPOOFED_ONCE, None, "NoRule")),
        visit::of_spoofer,
    ),
];

/// Lets everyone try, one after the other.
pub(crate) fn attend(actors: &Actors, agent: Option<&Agent>) -> Result<Vec<Visited>> {
    ALL.iter().map(|visitor| try_one(visitor, actors, agent)).collect()
}

fn try_one(visitor: &Visitor, actors: &Actors, agent: Option<&Agent>) -> Result<Visited> {
    interrupt::check()?;
    let before = agent.map(Counters::read).transpose()?;
    let visit = (visitor.call)(actors)?;
    let (Some(agent), Some(before)) = (agent, before) else {
        return Ok(Visited { visit, counted: false, check: None });
    };
    let counted = Counters::read(agent)?.since(&before, visitor.counter) > 0;
    let check = visitor.check.map(|(source, vni, _)| ask(agent, source, vni)).transpose()?;
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
pub(crate) fn print(unguarded: &[Visited], guarded: &[Visited], tally: &mut Tally) {
    let mut table =
        screen::table(&["who", "without the guard", "expected", "with the guard", "counted as", "check", ""]);
    for ((visitor, without), with) in ALL.iter().zip(unguarded).zip(guarded) {
        let verdict = if visitor.meets == Met::Registry { "Allow" } else { "Deny" };
        let expected = visitor.check.map(|(_, _, reason)| (verdict.to_owned(), reason.to_owned()));
        let opened = without.visit.met == Met::Registry;
        let right = opened && with.visit.met == visitor.meets && with.counted && with.check == expected;
        let counted = if with.counted { visitor.counter.to_owned() } else { format!("not {}", visitor.counter) };
        let said = with.check.as_ref().map_or("-", |(said, _)| said);
        table.add_row([
            visitor.name,
            &without.visit.seen,
            match visitor.meets {
                Met::Registry => "allowed",
                Met::Forbidden => "403",
                Met::Nobody => "dropped",
            },
            &with.visit.seen,
            &counted,
            said,
            tally.row(visitor.name, right),
        ]);
    }
    screen::show(&table.to_string());
    println!(
        "  counted as: the counter of the guard that grew; lookup..: decided behind the NIC, at the socket.\n  \
         check: what `registry-guard check` says of the source."
    );
}
