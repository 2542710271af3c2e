use std::time::Duration;

use anyhow::Result;
use tests::net::{Agent, Client, Curl, Responder, eventually};

use crate::actors::Actors;
use crate::counters::text;
use crate::interrupt;
use crate::screen;
use crate::tally::Tally;

const LIMIT: Duration = Duration::from_secs(10);

/// Agent and responder are killed, one after the other, and started again.
pub(crate) fn show(actors: &Actors, agent: &mut Agent, responder: &mut Responder, tally: &mut Tally) -> Result<()> {
    let mut table = screen::table(&["what happens", "office", "stranger", "expected", ""]);
    let mut row = |what: &str, denied: &str| -> Result<()> {
        interrupt::check()?;
        let (office, stranger) = (seen(&actors.office, actors)?, seen(&actors.stranger, actors)?);
        let right = tally.row(what, office == "HTTP 200" && stranger == denied);
        table.add_row([what, &office, &stranger, &format!("HTTP 200, {denied}"), right]);
        Ok(())
    };
    agent.kill9()?;
    row("kill -9 of the agent", "HTTP 403")?;
    responder.kill9()?;
    row("kill -9 of the responder, too", "refused")?;
    agent.run()?;
    responder.run()?;
    responder.wait_for_listener()?;
    let mut state = String::new();
    eventually("denied clients are told again", || Ok(seen(&actors.stranger, actors)? == "HTTP 403"))?;
    row("both are started again", "HTTP 403")?;
    eventually("the guard is whole again", || {
        text(&agent.json(["status"])?, "state").clone_into(&mut state);
        Ok(state == "ENFORCING")
    })?;
    table.add_row([
        "its state then",
        &state,
        "",
        "ENFORCING",
        tally.row("state after the restart", state == "ENFORCING"),
    ]);
    screen::show(&table.to_string());
    println!("  The programs that decide are in the kernel and stay there; so does every rule.");
    Ok(())
}

/// What this client's curl sees.
fn seen(client: &Client, actors: &Actors) -> Result<String> {
    let curl = Curl { client, certificate: actors.registry.certificate() };
    let ran = curl.get("/v2/", None, LIMIT)?;
    let status = ran.stdout.lines().last().unwrap_or("000").to_owned();
    Ok(match status.as_str() {
        // `CURLE_COULDNT_CONNECT`: the answer was a reset.
        "000" if ran.status.is_some_and(|status| status.code() == Some(7)) => "refused".to_owned(),
        "000" => "no answer".to_owned(),
        status => format!("HTTP {status}"),
    })
}
