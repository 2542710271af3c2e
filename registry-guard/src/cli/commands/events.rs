//! `events`.

use serde_json::Value;

use super::Session;
use crate::cli::arguments::Format;
use crate::cli::client::Call;
use crate::cli::failure::Failure;
use crate::cli::output::Lines;
use crate::cli::resource_path;
use crate::cli::view::{Column, ResourceView};

const COLUMNS: &[Column] = &[
    ("TIME", "/time"),
    ("REGISTRY", "/registry"),
    ("SOURCE", "/source"),
    ("TAG", "/tag"),
    ("ENDPOINT", "/endpoint"),
    ("LAYER", "/layer"),
    ("REASON", "/reason"),
    ("RESPONSE", "/response"),
    ("CORRELATION ID", "/correlationId"),
    ("LEFT OUT", "/leftOut"),
];

/// Every key that an event can have. Without a key the columns of `tsv` would move.
const KEYS: [&str; 14] = [
    "time",
    "registry",
    "source",
    "sourcePort",
    "tag",
    "vtep",
    "endpoint",
    "interface",
    "layer",
    "reason",
    "response",
    "correlationId",
    "leftOut",
    "missed",
];

/// Prints what was denied lately.
pub(crate) async fn list(mut session: Session<'_>, registry: Option<&str>) -> Result<(), Failure> {
    let mut events = session.ask_list(Call::get(resource_path::events(registry, false))).await?;
    for event in events.as_array_mut().into_iter().flatten() {
        fill(&session, event);
    }
    session.print(&ResourceView::new(events, COLUMNS))
}

/// Prints what is denied from now on, until it is interrupted or nobody reads it any more.
pub(crate) async fn follow(mut session: Session<'_>, registry: Option<&str>) -> Result<(), Failure> {
    let interrupted = tokio::signal::ctrl_c();
    let unread = session.terminal.unread();
    tokio::select! {
        ended = print_each(&mut session, registry) => ended,
        Ok(()) = interrupted => Ok(()),
        () = unread => Ok(()),
    }
}

async fn print_each(session: &mut Session<'_>, registry: Option<&str>) -> Result<(), Failure> {
    let mut events = session.client.follow(Call::get(resource_path::events(registry, true))).await?;
    let mut lines = Lines::default();
    while let Some(line) = events.next().await {
        let mut event: Value = super::understand(&line)?;
        fill(session, &mut event);
        lines.print(session.terminal, &session.output, &ResourceView::new(event, COLUMNS))?;
        session.terminal.finish()?;
    }
    Err(session.client.stopped())
}

fn fill(session: &Session<'_>, event: &mut Value) {
    if session.output.output == Format::Tsv
        && let Some(event) = event.as_object_mut()
    {
        for key in KEYS {
            event.entry(key).or_insert(Value::Null);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::cli::stand_in_agent::StandInAgent;

    const DENIED: &str = r#"{"time":"2026-02-25T06:13:20.007Z","registry":"contoso","source":"198.51.100.66","tag":0,"endpoint":"203.0.113.10:443","interface":"eth0","layer":"xdp","reason":"NoRule","response":"drop"}"#;
    const ANSWERED: &str = r#"{"time":"2026-02-25T06:13:21.000Z","registry":"contoso","source":"10.1.0.4","sourcePort":40000,"tag":5001,"endpoint":"203.0.113.10:443","layer":"socket","reason":"NoRule","response":"forbidden","correlationId":"00000000-0000-0000-0000-000000000000"}"#;
    const LEFT_OUT: &str = r#"{"time":"2026-02-25T06:13:22.000Z","registry":"contoso","leftOut":93}"#;

    /// Answers that only end with the agent.
    fn following() -> StandInAgent {
        StandInAgent::answering(200, &format!("{DENIED}\n{ANSWERED}\n{LEFT_OUT}\n"))
    }

    #[tokio::test]
    async fn recent_events_are_a_list_like_any_other() {
        let agent = StandInAgent::answering(200, &format!(r#"{{"value":[{DENIED},{LEFT_OUT}]}}"#));
        let printed = agent.run("events --name Contoso").await;
        assert_eq!((printed.code, printed.err.as_str()), (0, ""));
        let listed: serde_json::Value = serde_json::from_str(&printed.out).unwrap();
        assert_eq!(listed, serde_json::from_str::<serde_json::Value>(&format!("[{DENIED},{LEFT_OUT}]")).unwrap());
        assert_eq!(agent.seen()[0].path, "/events?follow=false&registry=Contoso");
        let queried = agent.run("events --query [?reason=='NoRule'].source -o tsv").await;
        assert_eq!(queried.out, "198.51.100.66\n");
        assert_eq!(agent.seen()[1].path, "/events?follow=false");
        let table = agent.run("events -o table").await.out;
        assert!(table.starts_with("TIME                      REGISTRY  SOURCE         TAG  ENDPOINT"), "{table}");
        assert_eq!(table.lines().count(), 4);
    }

    #[tokio::test]
    async fn followed_events_are_one_compact_object_per_line() {
        let agent = following();
        for format in ["json", "jsonc"] {
            let printed = agent.run(&format!("events --follow --name contoso -o {format}")).await;
            let lines: Vec<serde_json::Value> =
                printed.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(lines.len(), 3, "{}", printed.out);
            assert_eq!((&lines[1]["correlationId"], &lines[2]["leftOut"]), (&json!(uuid::Uuid::nil()), &json!(93)));
        }
        assert_eq!(agent.seen()[0].path, "/events?follow=true&registry=contoso");
    }

    #[tokio::test]
    async fn the_end_of_the_agent_is_a_failure() {
        let printed = following().run("events --follow -o none").await;
        assert_eq!((printed.code, printed.out.as_str()), (1, ""));
        assert!(printed.err.starts_with("ERROR: the agent on /") && printed.err.contains("registry-guard run"));
    }

    #[tokio::test]
    async fn columns_stay_where_they_are_whatever_an_event_has() {
        let agent = following();
        let rows = agent.run("events --follow -o tsv").await.out;
        let widths: Vec<usize> = rows.lines().map(|row| row.split('\t').count()).collect();
        assert_eq!(widths, [14, 14, 14], "{rows}");
        let table = agent.run("events --follow -o table").await.out;
        let starts: Vec<_> = table.lines().map(|line| line.find("contoso").or(line.find("REGISTRY"))).collect();
        assert_eq!(starts, [Some(26), None, Some(26), Some(26), Some(26)], "{table}");
        assert!(table.ends_with("93\n"), "{table}");
    }

    #[tokio::test]
    async fn a_query_is_applied_to_each_event() {
        let agent = following();
        let printed = agent.run("events --follow --query [time,source] -o tsv").await;
        assert!(printed.out.starts_with("2026-02-25T06:13:20.007Z\t198.51.100.66\n"), "{}", printed.out);
        let printed = agent.run("events --follow --query leftOut -o json").await;
        assert_eq!(printed.out, "93\n", "what finds nothing prints nothing");
        let printed = agent.run("events --follow --query {Who:source,Why:reason} -o table").await;
        assert!(
            printed.out.starts_with("Who            Why\n-------------  ------\n198.51.100.66  NoRule\n"),
            "{}",
            printed.out
        );
    }

    #[tokio::test]
    async fn yaml_becomes_one_list() {
        let printed = following().run("events --follow -o yaml").await;
        let list: Vec<serde_json::Value> = serde_norway::from_str(&printed.out).unwrap();
        assert_eq!((list.len(), &list[2]["leftOut"]), (3, &json!(93)));
    }

    #[tokio::test]
    async fn a_registry_that_is_not_there_exits_with_three() {
        let agent = StandInAgent::answering(404, r#"{"error":{"code":"ResourceNotFound","message":"No such."}}"#);
        for flags in ["", " --follow"] {
            let printed = agent.run(&format!("events --name nobody{flags}")).await;
            assert_eq!((printed.code, printed.err.as_str()), (3, "ERROR: (ResourceNotFound) No such.\n"));
        }
    }
}
