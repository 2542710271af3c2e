//! Tells the service manager that the agent is alive, each time after it was seen that all of it works.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use registry_guard_common::Class;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use super::{Agent, AgentError, Status, question};
use crate::kernel::{KernelError, PulseError};
use crate::service::notify;

/// How often it is looked where no service manager asks for it.
const LOOK: Duration = Duration::from_secs(15);

/// Sources of nobody (RFC 5737, RFC 3849).
const NOBODY: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// Why there is no heartbeat.
#[derive(Debug, thiserror::Error)]
enum Faint {
    #[error(transparent)]
    Pulse(#[from] PulseError),
    #[error(transparent)]
    Agent(#[from] AgentError),
    #[error("asked about a SYN to {registry}, the loaded program answers that it is {reason}")]
    Canary { registry: String, reason: &'static str },
}

/// Says that what config.toml and the policy ask for is in force.
pub(super) async fn tell_ready(agent: &Agent) {
    let asking = agent.clone();
    let line = spawn_blocking(move || asking.status().map(|status| line(&status))).await;
    notify::ready(&line.ok().and_then(Result::ok).unwrap_or_default());
}

/// Looks again and again. While something is wrong the service manager hears nothing, and starts another agent in the end; what
/// the kernel enforces is not touched by that.
pub(super) async fn follow(agent: Agent) {
    let mut again = interval(notify::watchdog().map_or(LOOK, |patience| patience / 2));
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = None;
    loop {
        again.tick().await;
        let looking = agent.clone();
        let problem = match spawn_blocking(move || looking.look_whether_all_works()).await {
            Ok(Ok(line)) => {
                notify::alive();
                notify::status(&line);
                None
            }
            Ok(Err(problem)) => Some(problem.to_string()),
            Err(problem) => Some(problem.to_string()),
        };
        if told != problem {
            if let Some(problem) = &problem {
                error!(problem, "not as it should be; the service manager is not told that the agent is alive");
            } else {
                info!("all is as it should be again");
            }
            told = problem;
        }
    }
}

/// One line for people who ask the service manager.
fn line(status: &Status) -> String {
    let policy = status.revision.map_or_else(|| "policy unknown".to_owned(), |revision| format!("revision {revision}"));
    let state = status.state.name();
    match status.problems.len() {
        0 => format!("{state}, {policy}"),
        1 => format!("{state}, {policy}; 1 problem, see `registry-guard status`"),
        many => format!("{state}, {policy}; {many} problems, see `registry-guard status`"),
    }
}

impl Agent {
    /// Looks at every pin, reads a map and asks the loaded program about a SYN to each registry. Blocks.
    fn look_whether_all_works(&self) -> Result<String, Faint> {
        let line = line(&self.status()?);
        if self.is_detached() {
            return Ok(line);
        }
        self.kernel().pulse()?;
        for host in &self.config().registries {
            let asked = host.addresses().find_map(|endpoint| {
                let of_family = |source: &&IpAddr| source.is_ipv4() == endpoint.is_ipv4();
                question::connection(&self.config().vxlan, *NOBODY.iter().find(of_family)?, endpoint, None)
            });
            let Some(question) = asked else { continue };
            let reason = self.kernel().ask(&question).map_err(|error: KernelError| AgentError::from(error))?.reason;
            // Whatever the rules say of nobody's address, it is theirs to say.
            if reason.class() == Class::NotOurs {
                return Err(Faint::Canary { registry: host.name.clone(), reason: reason.name() });
            }
        }
        Ok(line)
    }
}
