//! The agent of this machine, through its API.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tests::net::{Agent, ApiConnection};

use super::model::{self, Change, Kind, Rules};

const CONFIG: &str = "/etc/registry-guard/config.toml";
const SOCKET: &str = "/run/registry-guard/control.sock";
const REGISTRY: &str = "contoso";
/// How long the agent may take to start, in a machine in software.
const PATIENCE: Duration = Duration::from_mins(3);

/// A running agent.
pub(super) struct Guarded {
    agent: Child,
    api: ApiConnection,
}

impl Guarded {
    /// Starts it and waits until it answers.
    pub(super) fn start() -> Result<Self> {
        fs::create_dir_all("/etc/registry-guard").context("creating the folder of config.toml")?;
        fs::write(CONFIG, include_str!("config.toml")).with_context(|| format!("writing {CONFIG}"))?;
        let mut agent = Command::new("/payload/registry-guard").arg("run").spawn().context("starting the agent")?;
        let until = Instant::now() + PATIENCE;
        let api = loop {
            if let Ok(api) = ApiConnection::open(Path::new(SOCKET)) {
                break api;
            }
            if let Some(status) = agent.try_wait()? {
                bail!("the agent ended with {status}");
            }
            ensure!(Instant::now() < until, "the agent does not answer");
            thread::sleep(Duration::from_millis(20));
        };
        Ok(Self { agent, api })
    }

    /// The rules that it has, and the revision of the policy.
    pub(super) fn rules(&mut self) -> Result<(Rules, String)> {
        let answer = self.api.request("GET", &Agent::registry_path(REGISTRY), &[], b"")?;
        let revision = tag(&answer.head)?;
        let registry = answer.expect_success()?;
        let listed = registry["properties"]["networkRuleSet"]["ipRules"].as_array().context("ipRules")?;
        let number = |rule: &serde_json::Value| {
            let value = rule["value"].as_str().unwrap_or_default();
            model::number(value).with_context(|| format!("a rule for {value}, which nobody made"))
        };
        Ok((listed.iter().map(number).collect::<Result<_>>()?, revision))
    }

    /// The first sample about which the loaded program says something else than the rules.
    pub(super) fn disagreement(&mut self, rules: &Rules) -> Result<Option<String>> {
        let path = format!("{}/check", Agent::registry_path(REGISTRY));
        for number in model::samples(rules) {
            let source = model::source(number);
            let question = json!({"source": source}).to_string();
            let answer = self.api.request("POST", &path, &[], question.as_bytes())?.expect_success()?;
            let expected = if rules.contains(&number) { "Allow" } else { "Deny" };
            if answer["verdict"] != expected {
                return Ok(Some(format!("{source} should get {expected}, and the kernel says {answer}")));
            }
        }
        Ok(None)
    }

    /// Makes a change and returns the revision that the agent acknowledges.
    pub(super) fn make(&mut self, change: &Change) -> Result<String> {
        let registry = Agent::registry_path(REGISTRY);
        // A slash within one segment of a path.
        let rule = |number: u16| format!("{registry}/ipRules/{}", model::prefix(number).replace('/', "%2F"));
        let answer = match change.kind {
            Kind::Add(number) => self.api.request("PUT", &rule(number), &[], b"{}")?,
            Kind::Remove(number) => self.api.request("DELETE", &rule(number), &[], b"")?,
            Kind::Replace => {
                let path = format!("{registry}?return=minimal");
                self.api.request("PATCH", &path, &[], model::list(&change.after).as_bytes())?
            }
        };
        let head = answer.head.clone();
        answer.expect_success().with_context(|| change.name())?;
        // A removal is answered without one.
        Ok(tag(&head).unwrap_or_default())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        _ = self.agent.kill();
        _ = self.agent.wait();
    }
}

/// The entity tag, which is the revision.
fn tag(head: &str) -> Result<String> {
    let line = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("etag: ").map(str::to_owned));
    Ok(line.context("an answer without an entity tag")?.trim_matches('"').to_owned())
}
