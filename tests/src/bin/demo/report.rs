use anyhow::Result;
use tests::net::Agent;

use crate::counters::text;
use crate::screen;
use crate::tally::Tally;

const CHECKS: [&str; 2] = [
    "check --name contoso --source 198.51.100.7 --output table",
    "check --name contoso --source 10.1.0.4 --vni 5002 --output table",
];
/// The tables of `status` that are shown: that without a title, and these.
const EXCERPT: [&str; 4] = ["", "interfaces", "registries.contoso.counters", "registries.contoso.outcomes"];

/// Excerpts of what the command line prints.
pub(crate) fn show(agent: &Agent, tally: &mut Tally) -> Result<()> {
    for command in CHECKS {
        println!("  $ registry-guard {command}");
        screen::show(&agent.cli(command.split(' '))?.expect_success()?.stdout);
        println!();
    }
    println!("  $ registry-guard status --output table   (excerpt)");
    screen::excerpt(&agent.cli(["status", "--output", "table"])?.expect_success()?.stdout, &EXCERPT);
    let status = agent.json(["status"])?;
    let state = text(&status, "state");
    println!("  state {state}   {}", tally.row("state", state == "ENFORCING"));
    Ok(())
}
