//! What was destroyed, for the log and the status, and what could not be.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tracing::{info, warn};

use super::RevocationError;
use crate::sock_diag::Connection;

/// How many sources one line of the log names.
const NAMED_SOURCES: usize = 5;

/// What became of revocations since the agent was started.
#[derive(Debug, Default)]
pub(in crate::agent) struct Revocations {
    destroyed: AtomicU64,
    /// By registry, from its last revocation.
    problems: Mutex<BTreeMap<String, String>>,
}

impl Revocations {
    /// Connections destroyed.
    pub(in crate::agent) fn destroyed(&self) -> u64 {
        self.destroyed.load(Ordering::Relaxed)
    }

    /// Where connections of denied sources may live on.
    pub(in crate::agent) fn problems(&self) -> Vec<String> {
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        let sentence = |(registry, problem): (&String, &String)| {
            format!("{registry}: connections of denied sources may go on until they end by themselves: {problem}")
        };
        problems.iter().map(sentence).collect()
    }

    pub(super) fn settle(&self, registry: &str, ended: &Ended, outcome: Result<(), RevocationError>) {
        let destroyed = ended.count();
        self.destroyed.fetch_add(destroyed, Ordering::Relaxed);
        if destroyed > 0 {
            info!(
                registry,
                destroyed,
                sources = ended.sources(),
                "connections of sources that are denied now destroyed"
            );
        }
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => _ = problems.remove(registry),
            Err(problem) => {
                warn!(registry, %problem, "connections of sources that are denied now may go on");
                problems.insert(registry.to_owned(), problem.to_string());
            }
        }
    }
}

/// The connections that were destroyed, each counted once: one whose handshake ended meanwhile is destroyed twice.
#[derive(Debug, Default)]
pub(super) struct Ended {
    cookies: HashSet<u64>,
    sources: BTreeSet<IpAddr>,
}

impl Ended {
    /// Whether this one is new.
    pub(super) fn add(&mut self, connection: &Connection) -> bool {
        self.sources.insert(connection.remote.ip());
        self.cookies.insert(connection.cookie())
    }

    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.cookies.len()).unwrap_or(u64::MAX)
    }

    fn sources(&self) -> String {
        let named: Vec<String> = self.sources.iter().take(NAMED_SOURCES).map(ToString::to_string).collect();
        match self.sources.len() - named.len() {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    }
}
