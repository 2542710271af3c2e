//! Where connections to a guarded endpoint end in a socket that the second layer of the agent's namespace does not judge, or
//! judges without knowing who they come from.

mod proxied;
mod translated;

use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{error, info, warn};

use self::proxied::{proxied, unseen};
use self::translated::translated;
use super::{Agent, host};
use crate::config::{Config, RegistryHost};
use crate::netfilter;
use crate::sock_diag::{SockDiag, SockDiagError};

/// How long to wait before looking again, and at least so many times as long as the last look took.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
const REST: u32 = 50;

/// Something that the second layer does not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlindSpot {
    /// Whose endpoint it is; `None` if it is everyone's.
    pub(super) registry: Option<String>,
    /// What it is.
    pub(super) kind: Kind,
    /// What is wrong, and what would mend it.
    pub(super) problem: String,
}

/// What makes a blind spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A rule sends connections elsewhere before the kernel looks for a socket.
    Translation,
    /// A proxy opens connections of its own, so that every client looks local behind it: `allow-local` must not count.
    Proxy,
    /// Connections of denied sources cannot be destroyed.
    Undying,
}

impl BlindSpot {
    /// Whether `allow-local` of this registry would let everyone in.
    fn forbids_allow_local(&self, registry: &str) -> bool {
        self.kind == Kind::Proxy && self.registry.as_deref() == Some(registry)
    }
}

/// The blind spots of the last look.
#[derive(Debug, Default)]
pub(super) struct BlindSpots(Mutex<Vec<BlindSpot>>);

impl BlindSpots {
    /// Looks for them in the network namespace of the calling thread, and logs what is new and what is gone. Blocks for as
    /// long as `nft` and others take.
    pub(super) fn look(&self, config: &Config) {
        let seen = look(config);
        let mut spots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for spot in seen.iter().filter(|spot| !spots.contains(spot)) {
            warn!(problem = spot.problem, "the second layer is blind");
        }
        for spot in spots.iter().filter(|spot| !seen.contains(spot)) {
            info!(problem = spot.problem, "the second layer is no longer blind");
        }
        *spots = seen;
    }

    /// One sentence for each.
    pub(super) fn problems(&self) -> Vec<String> {
        let spots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spots.iter().map(|spot| spot.problem.clone()).collect()
    }

    /// Whether connections to `registry` may end where the second layer does not judge them, so that nothing may be left to
    /// it.
    pub(super) fn hide(&self, registry: &str) -> bool {
        let spots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spots.iter().any(|spot| spot.kind == Kind::Translation && spot.registry.as_deref() == Some(registry))
    }

    /// Whether the connections of this host itself are let in to `registry`, as its owner asked, and where that lets in
    /// nobody else.
    pub(super) fn allow_local(&self, registry: &RegistryHost) -> bool {
        let spots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        registry.allow_local && !spots.iter().any(|spot| spot.forbids_allow_local(&registry.name))
    }
}

/// Looks again and again.
pub(super) async fn follow(agent: Agent) {
    let mut pause = LOOK_AGAIN;
    loop {
        sleep(pause).await;
        let (looking, start) = (agent.clone(), Instant::now());
        if let Err(problem) = spawn_blocking(move || looking.0.blind_spots.look(looking.config())).await {
            return error!(%problem, "blind spots are no longer looked for");
        }
        pause = LOOK_AGAIN.max(start.elapsed() * REST);
    }
}

fn look(config: &Config) -> Vec<BlindSpot> {
    static NOTED: Once = Once::new();
    let (ruleset, unknown) = netfilter::read();
    if !unknown.is_empty() {
        NOTED.call_once(|| {
            let problems = unknown.join("; ");
            warn!(problems, "whether rules send connections to guarded endpoints elsewhere is not known in full");
        });
    }
    let mut spots = Vec::new();
    let sockets = SockDiag::open();
    spots.extend(undying(&sockets));
    let listeners = sockets.and_then(|sockets| sockets.listeners()).unwrap_or_default();
    let own = host::own_addresses().unwrap_or_default();
    for registry in &config.registries {
        // Behind `netns` the second layer stands where such connections end.
        if registry.netns.is_none() {
            spots.extend(translated(registry, &ruleset, &own));
        }
        spots.extend(proxied(registry, &listeners));
        spots.extend(unseen(registry));
    }
    spots
}

/// Whether a change could end connections.
fn undying(sockets: &Result<SockDiag, SockDiagError>) -> Option<BlindSpot> {
    const CONSEQUENCE: &str = "connections of sources that a change denies go on until they end by themselves";
    let problem = match sockets.as_ref().map(SockDiag::can_destroy) {
        Ok(Ok(true)) => return None,
        Ok(Ok(false)) => format!("the kernel is built without CONFIG_INET_DIAG_DESTROY, so {CONSEQUENCE}"),
        Ok(Err(problem)) => format!("{problem}, so {CONSEQUENCE}"),
        Err(problem) => format!("{problem}, so {CONSEQUENCE}"),
    };
    Some(BlindSpot { registry: None, kind: Kind::Undying, problem })
}
