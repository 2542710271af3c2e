use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::net::{Agent, Client, Curl, Docker, Http, Network, Ran, Skopeo, eventually};

use crate::actors::Actors;
use crate::counters::text;
use crate::interrupt;
use crate::policy::{HELP, REGISTRY};
use crate::screen::{self, ms, session};
use crate::tally::Tally;

const LIMIT: Duration = Duration::from_secs(30);
const IMAGE: &str = "app:v1";

/// skopeo pushes and pulls an image; a stranger's does not.
pub(crate) fn show(actors: &Actors, tally: &mut Tally) -> Result<()> {
    let skopeo = |client| Skopeo::new(&actors.network, client, actors.registry.certificate());
    let mut table = screen::table(&["who", "what", "expected", "got", ""]);
    let mut row = |who: &str, what: &str, may: bool, ran: &Ran| {
        let told = ran.stderr.contains("403 (Forbidden)");
        let (expected, right) = if may { ("done", ran.success()) } else { ("403", !ran.success() && told) };
        let got = if ran.success() {
            "done"
        } else if told {
            "403"
        } else {
            "neither done nor 403"
        };
        let got = format!("{got} in {}", ms(ran.took));
        table.add_row([who, what, expected, &got, tally.row(&format!("{who}: {what}"), right)]);
    };
    let pushed = skopeo(&actors.office).push(&actors.small, IMAGE, LIMIT)?;
    row("office", "skopeo push, 1 MB", true, &pushed);
    let pullers: [(&str, &Client, bool); 4] = [
        ("lab", &actors.lab, true),
        ("app in VXLAN 5001", &actors.app, true),
        ("stranger", &actors.stranger, false),
        ("stranger6", &actors.stranger_v6, false),
    ];
    for (who, client, may) in pullers {
        interrupt::check()?;
        row(who, "skopeo pull, 1 MB", may, &skopeo(client).pull(IMAGE, LIMIT)?);
    }
    screen::show(&table.to_string());
    Ok(())
}

/// What a denied client reads in docker and curl, and the guard's own line about it.
pub(crate) fn words(actors: &Actors, agent: &Agent, tally: &mut Tally) -> Result<()> {
    let (client, certificate) = (&actors.stranger, actors.registry.certificate());
    let source = client.addresses().first().context("the stranger has no address")?;
    let message = format!("client with IP '{source}' is not allowed access. Refer {HELP} to grant access.");
    let name = Network::LOGIN_SERVER;
    let mut table = screen::table(&["who", "expected", "got", ""]);
    let mut row = |who: &str, expected: &str, right: bool| {
        table.add_row([who, expected, if right { "that" } else { "something else" }, tally.row(who, right)]);
    };
    match Docker::start(&actors.network, client, certificate) {
        Ok(docker) => {
            let pulled = docker.pull(IMAGE, LIMIT)?;
            session("stranger", &format!("docker pull {name}/{IMAGE}"), &pulled.stderr);
            let right = !pulled.success() && pulled.stderr.contains(&format!("denied: {message}"));
            row("docker pull", "fails, with the registry's reason", right);
        }
        Err(error) => println!("  SKIPPED: no docker daemon can run here: {error:#}\n"),
    }
    interrupt::check()?;
    let shown = Curl { client, certificate }.show("/v2/", Http::Two, LIMIT)?;
    let (answer, status) = shown.stdout.trim_end().rsplit_once('\n').unwrap_or_default();
    session("stranger", &format!("curl --http2 --include https://{name}/v2/"), answer);
    row("curl --http2", "403 over HTTP/2, with the same reason", status == "403 HTTP/2" && answer.contains(&message));

    let id = answer.lines().find_map(|line| line.strip_prefix("x-ms-correlation-request-id: "));
    let id = id.context("the 403 has no correlation id")?.trim();
    let event = event(agent, id)?;
    println!("  By the correlation id the registry's owner finds the very denial that the client complains about:");
    let command = format!("registry-guard events --name {REGISTRY} --output json   (the one with that id)");
    session("owner", &command, &serde_json::to_string_pretty(&event)?);
    let right = text(&event, "source") == source.to_string() && text(&event, "reason") == "NoRule";
    row("registry-guard events", "that denial, with that id", right);
    screen::show(&table.to_string());
    Ok(())
}

/// The denial with this id, which the guard logs a moment after the client has its answer.
fn event(agent: &Agent, id: &str) -> Result<Value> {
    let mut found = Value::Null;
    eventually("the guard logs the denial", || {
        interrupt::check()?;
        let events = agent.json(["events", "--name", REGISTRY, "--output", "json"])?;
        let all = events.as_array().into_iter().flatten();
        found = all.into_iter().find(|event| event["correlationId"] == id).cloned().unwrap_or_default();
        Ok(!found.is_null())
    })?;
    ensure!(found.is_object(), "`events` has no object with id {id}");
    Ok(found)
}
