use anyhow::Result;
use tests::net::Agent;

use crate::counters::text;
use crate::screen;
use crate::tally::Tally;

const COMMANDS: [&[&str]; 4] = [
    &["check", "--name", "contoso", "--source", "198.51.100.7"],
    &["check", "--name", "contoso", "--source", "10.1.0.4", "--vni", "5002", "--output", "table"],
    &["network-rule", "list", "--name", "contoso", "--hits", "--output", "table"],
    &["status", "--output", "table"],
];

/// Excerpts of what the command line prints.
pub(crate) fn show(agent: &Agent, tally: &mut Tally) -> Result<()> {
    for command in COMMANDS {
        println!("  $ registry-guard {}", command.join(" "));
        screen::show(&agent.cli(command)?.expect_success()?.stdout);
        println!();
    }
    let status = agent.json(["status"])?;
    let state = text(&status, "state");
    println!("  state {state}   {}", tally.row("state", state == "ENFORCING"));
    Ok(())
}
