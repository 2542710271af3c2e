use std::net::IpAddr;

use anyhow::{Context as _, Result};
use tests::net::Agent;

use crate::actors::Actors;
use crate::interrupt;
use crate::policy::REGISTRY;
use crate::screen::{self, ms};
use crate::talk::Talk;
use crate::tally::Tally;

const RULE: &str = "198.51.100.200/32";
/// How often the whole is repeated for the median.
const ROUNDS: usize = 5;

/// The stranger is let in and put out again: its very next connection shows it, and the one that it kept open ends.
pub(crate) fn show(actors: &Actors, agent: &Agent, tally: &mut Tally) -> Result<()> {
    let source = *actors.stranger.addresses().first().context("the stranger has no address")?;
    let mut table = screen::table(&[
        "command",
        "took",
        "the stranger's very next connection",
        "the one it kept open",
        "expected",
        "",
    ]);
    let (_, before) = ask(actors, source)?;
    table.add_row(["(before)", "", &http(&before), "", "403", tally.row("before the live rule", before == "403")]);
    let (mut took, mut obeyed) = (Vec::new(), 0);
    for round in 0..ROUNDS {
        interrupt::check()?;
        let added = change(agent, "add")?;
        let (kept, allowed) = ask(actors, source)?;
        let removed = change(agent, "remove")?;
        let ended = kept.was_ended();
        let (_, denied) = ask(actors, source)?;
        obeyed += usize::from(allowed == "200") + usize::from(ended && denied == "403");
        if round == 0 {
            let command = |verb| format!("network-rule {verb} --ip-address {RULE}");
            let ok = tally.row(&command("add"), allowed == "200");
            table.add_row([&command("add"), &ms(added), &http(&allowed), "", "200", ok]);
            let ok = tally.row(&command("remove"), ended && denied == "403");
            let kept = if ended { "reset" } else { "still open" };
            table.add_row([&command("remove"), &ms(removed), &http(&denied), kept, "reset, 403", ok]);
        }
        took.extend([added, removed]);
    }
    let all = 2 * ROUNDS;
    let right = tally.row("live changes in a row", obeyed == all);
    let longest = took.iter().max().copied().unwrap_or_default();
    let figures = format!("median {}, longest {}", ms(screen::median(took)), ms(longest));
    let (what, counted) = (format!("the same, {all} changes in a row"), format!("{obeyed} of {all} obeyed"));
    table.add_row([&what, &figures, &counted, "", &format!("{all} of {all}"), right]);
    screen::show(&table.to_string());
    println!(
        "  took: from starting the command to its end, on disk and enforced, and open connections of the source ended."
    );
    Ok(())
}

fn change(agent: &Agent, verb: &str) -> Result<std::time::Duration> {
    let arguments = ["network-rule", verb, "--name", REGISTRY, "--ip-address", RULE];
    Ok(agent.cli(arguments)?.expect_success()?.took)
}

/// A new connection of the stranger's, and the HTTP status that it gets on it.
fn ask(actors: &Actors, source: IpAddr) -> Result<(Talk, String)> {
    let mut talk = Talk::begin(&actors.stranger, source, actors.registry.certificate())?;
    let status = talk.ask()?;
    Ok((talk, status))
}

fn http(status: &str) -> String {
    format!("HTTP {status}")
}
