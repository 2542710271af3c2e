use anyhow::Result;
use tests::net::{Agent, Attempt, Network, Outcome};

use crate::actors::Actors;
use crate::interrupt;
use crate::policy::REGISTRY;
use crate::screen::{self, ms};
use crate::tally::Tally;
use crate::visit::PATIENCE;

const RULE: &str = "198.51.100.200/32";
/// How often the whole is repeated for the median.
const ROUNDS: usize = 9;

/// The stranger is let in and put out again; its very next connection shows it.
pub(crate) fn show(actors: &Actors, agent: &Agent, tally: &mut Tally) -> Result<()> {
    let mut table = screen::table(&["command", "took", "the stranger's very next connection", "expected", ""]);
    let before = connect(actors)?;
    let right = before.outcome == Outcome::TimedOut;
    table.add_row(["(before)", "", &seen(before), "no answer", tally.row("before the live rule", right)]);
    let (mut took, mut obeyed) = (Vec::new(), 0);
    for round in 0..ROUNDS {
        interrupt::check()?;
        for (verb, expected) in [("add", Outcome::Connected), ("remove", Outcome::TimedOut)] {
            let ran = agent.cli(["network-rule", verb, "--name", REGISTRY, "--ip-address", RULE])?.expect_success()?;
            let next = connect(actors)?;
            took.push(ran.took);
            obeyed += usize::from(next.outcome == expected);
            if round == 0 {
                let words = if expected == Outcome::Connected { "connected" } else { "no answer" };
                let command = format!("network-rule {verb} --ip-address {RULE}");
                let ok = tally.row(&command, next.outcome == expected);
                table.add_row([&command, &ms(ran.took), &seen(next), words, ok]);
            }
        }
    }
    let all = 2 * ROUNDS;
    let right = tally.row("live changes in a row", obeyed == all);
    let longest = took.iter().max().copied().unwrap_or_default();
    let figures = format!("median {}, longest {}", ms(screen::median(took)), ms(longest));
    let counted = format!("{obeyed} of {all} obeyed");
    table.add_row([
        &format!("the same, {all} changes in a row"),
        &figures,
        &counted,
        &format!("{all} of {all}"),
        right,
    ]);
    screen::show(&table.to_string());
    println!("  took: from starting the command to its end, on disk and enforced.");
    Ok(())
}

fn connect(actors: &Actors) -> Result<Attempt> {
    let source = actors.stranger.addresses()[0];
    actors.stranger.connect(source, (Network::REGISTRY_V4, 443).into(), PATIENCE)
}

fn seen(attempt: Attempt) -> String {
    match attempt.outcome {
        Outcome::Connected => format!("connected in {}", ms(attempt.took)),
        Outcome::Refused => format!("refused in {}", ms(attempt.took)),
        Outcome::TimedOut => format!("no answer in {}", ms(PATIENCE)),
    }
}
