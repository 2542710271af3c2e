//! `check-health`.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::{Session, understand};
use crate::cli::arguments::CheckHealthArguments;
use crate::cli::client::Call;
use crate::cli::endpoints::Endpoints;
use crate::cli::failure::Failure;
use crate::cli::health::{self, Examined, Examiner, Finding, ProxyVariables, Role, Status, Target, Verdict, Visit};
use crate::cli::output::{Table, View};
use crate::cli::resource_path;

/// What was found, as `-o json` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    registry: Option<String>,
    healthy: bool,
    checks: Vec<Finding>,
}

/// Examines every endpoint; fails if a check did.
pub(crate) async fn check_health(
    mut session: Session<'_>,
    arguments: CheckHealthArguments,
    lines: bool,
) -> Result<(), Failure> {
    let roots = health::roots(arguments.ca_file.as_deref()).map_err(Failure::Usage)?;
    let asked = arguments.login_server.is_none();
    let (registry, targets) = targets(&session, &arguments).await?;
    let examiner = Examiner {
        registry: registry.as_deref().unwrap_or("REGISTRY"),
        limit: Duration::from_secs(arguments.timeout),
        roots: &roots,
        proxies: &ProxyVariables::of_this_process(),
    };
    let mut checks = Vec::new();
    for (target, role) in &targets {
        let Examined { findings, visits } = examiner.examine(target, *role).await;
        checks.extend(findings);
        if asked {
            for visit in &visits {
                checks.push(verdict(&session, examiner.registry, visit).await?);
            }
        }
    }
    let failed = checks.iter().filter(|finding| finding.status == Status::Failed).count();
    let report = Report { registry, healthy: failed == 0, checks };
    if lines {
        report.write(session.terminal)?;
    } else {
        session.print(&report)?;
    }
    if failed > 0 && !arguments.ignore_errors {
        return Err(Failure::Local(format!("{failed} of {} checks failed", report.checks.len())));
    }
    Ok(())
}

/// The registry's name and its hosts: as they were named, or else as the agent knows them.
async fn targets(
    session: &Session<'_>,
    arguments: &CheckHealthArguments,
) -> Result<(Option<String>, Vec<(Target, Role)>), Failure> {
    if let Some(login_server) = &arguments.login_server {
        let data = arguments.data_endpoints.iter().map(|target| (target.clone(), Role::DataEndpoint));
        let targets = std::iter::once((login_server.clone(), Role::LoginServer)).chain(data).collect();
        return Ok((arguments.name.clone(), targets));
    }
    let name = arguments.name.as_deref().unwrap_or_default();
    let endpoints = session.endpoints(name).await.map_err(|failure| match failure {
        Failure::NoAgent(text) => {
            Failure::NoAgent(format!("{text}; on a machine without the agent, name the registry with --login-server"))
        }
        other => other,
    })?;
    let named = |host: &str, role| match host.parse::<Target>() {
        Ok(target) => Ok((target, role)),
        Err(problem) => Err(Failure::Local(format!("the agent named the host `{host}`, which {problem}"))),
    };
    let Endpoints { name, login_server, .. } = &endpoints;
    let data = endpoints.announced().iter().map(|data| named(&data.endpoint, Role::DataEndpoint));
    let targets: Result<Vec<_>, Failure> =
        std::iter::once(named(login_server, Role::LoginServer)).chain(data).collect();
    Ok((Some(name.clone()), targets?))
}

/// Asks the loaded program about a connection that this machine would open.
async fn verdict(session: &Session<'_>, registry: &str, visit: &Visit) -> Result<Finding, Failure> {
    let ask = async |question| session.client.send(Call::post(resource_path::check(registry), question)).await;
    let there = json!({"source": visit.source, "destination": visit.destination.ip()});
    let answer = match ask(&there).await {
        // Clients may find the registry at an address that is translated before it gets here.
        Err(Failure::Api { status: 400, .. }) => ask(&json!({"source": visit.source})).await?,
        answer => answer?,
    };
    Ok(health::judged(registry, visit, &understand::<Verdict>(&answer)?))
}

impl Report {
    /// One line for each check, and below each that is not ok what to do.
    fn write(&self, terminal: &mut crate::cli::terminal::Terminal) -> Result<(), Failure> {
        let width = |cell: fn(&Finding) -> &str| {
            self.checks.iter().map(|finding| cell(finding).len()).max().unwrap_or_default()
        };
        let (check, target) = (width(|finding| finding.check), width(|finding| &finding.target));
        for finding in &self.checks {
            let Finding { check: checked, target: whom, message, .. } = finding;
            writeln!(terminal.out, "{:<7}  {checked:<check$}  {whom:<target$}  {message}", finding.status.word())?;
            if let Some(advice) = &finding.advice {
                writeln!(terminal.out, "         -> {advice}")?;
            }
        }
        Ok(())
    }
}

impl View for Report {
    fn tables(&self) -> Vec<Table> {
        let mut table = Table::new(["STATUS", "CHECK", "TARGET", "MESSAGE", "ADVICE"]);
        table.rows = self
            .checks
            .iter()
            .map(|finding| {
                let cells = [finding.status.word(), finding.check, &finding.target, &finding.message];
                let advice = finding.advice.as_deref().unwrap_or_default();
                cells.into_iter().chain([advice]).map(str::to_owned).collect()
            })
            .collect();
        vec![table]
    }
}
