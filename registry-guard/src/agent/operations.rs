//! Changes of whole lists, as those can ask for them who do not wait: how far each is, and what became of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use humantime::format_rfc3339_millis;
use serde::Serialize;

/// Operations that are remembered.
const RECENT: usize = 64;

/// The operations of this agent, one of which is under way at a time.
#[derive(Default)]
pub struct Operations {
    /// In the order in which they were asked for.
    recent: Mutex<VecDeque<Arc<Operation>>>,
    turn: Mutex<()>,
    progress: Progress,
}

/// A change that somebody asked for.
pub struct Operation {
    id: String,
    what: String,
    begun: SystemTime,
    under_way: AtomicBool,
    ended: OnceLock<Ended>,
}

/// What became of an operation.
struct Ended {
    at: SystemTime,
    outcome: Result<Option<u64>, OperationError>,
}

/// Why an operation failed, as the answer to whoever waits for it says.
#[derive(Clone, Debug, Serialize)]
pub struct OperationError {
    /// A word for programs.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
}

/// An operation as the API shows it, in the form of Azure Resource Manager.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// The identifier that the caller gave to its request, or got for it.
    pub name: String,
    /// `InProgress`, `Succeeded` or `Failed`.
    pub status: &'static str,
    /// How far it is.
    pub percent_complete: u64,
    /// RFC 3339, in UTC.
    pub start_time: String,
    /// RFC 3339, in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<String>,
    /// What only this API tells.
    pub properties: OperationProperties,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<OperationError>,
}

/// What is peculiar to the operations of this API.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationProperties {
    /// The request: its method and path.
    pub request: String,
    /// Whether another change has to end first.
    pub waiting: bool,
    /// The revision that the kernel enforces since it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

/// How far the change is that holds the store.
#[derive(Default)]
struct Progress {
    written: Arc<AtomicU64>,
    before: AtomicU64,
    rows: AtomicU64,
}

impl Operations {
    /// Those of an agent whose store counts the rules that it writes in `written`.
    pub fn new(written: Arc<AtomicU64>) -> Self {
        Self { progress: Progress { written, ..Progress::default() }, ..Self::default() }
    }

    /// Remembers an operation that was asked for.
    pub fn ask(&self, id: String, what: String) -> Arc<Operation> {
        let (under_way, ended) = (AtomicBool::new(false), OnceLock::new());
        let operation = Arc::new(Operation { id, what, begun: SystemTime::now(), under_way, ended });
        let mut recent = self.recent();
        if recent.len() >= RECENT {
            let oldest = recent.iter().position(|operation| operation.ended.get().is_some()).unwrap_or(0);
            recent.remove(oldest);
        }
        recent.push_back(Arc::clone(&operation));
        operation
    }

    /// Waits for the turn of an operation and carries it out; `outcome` reads off its answer what became of it. Blocks.
    pub fn carry_out<T>(
        &self,
        operation: &Operation,
        work: impl FnOnce() -> T,
        outcome: impl FnOnce(&T) -> Result<Option<u64>, OperationError>,
    ) -> T {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        operation.under_way.store(true, Ordering::Relaxed);
        let _unless_ended = GivenUp(operation);
        let answer = work();
        operation.end(outcome(&answer));
        answer
    }

    /// All that are remembered, the newest last.
    pub fn list(&self) -> Vec<OperationStatus> {
        self.recent().iter().map(|operation| self.status(operation)).collect()
    }

    /// The last one with this identifier.
    pub fn show(&self, id: &str) -> Option<OperationStatus> {
        let recent = self.recent();
        let found = recent.iter().rev().find(|operation| operation.id.eq_ignore_ascii_case(id));
        found.map(|operation| self.status(operation))
    }

    /// The change that holds the store will write as many rules.
    pub(super) fn begin(&self, rows: usize) {
        let Progress { written, before, rows: all } = &self.progress;
        before.store(written.load(Ordering::Relaxed), Ordering::Relaxed);
        all.store(rows as u64, Ordering::Relaxed);
    }

    fn recent(&self) -> MutexGuard<'_, VecDeque<Arc<Operation>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self, operation: &Operation) -> OperationStatus {
        let ended = operation.ended.get();
        let under_way = operation.under_way.load(Ordering::Relaxed);
        let outcome = ended.map(|ended| &ended.outcome);
        OperationStatus {
            name: operation.id.clone(),
            status: match outcome {
                None => "InProgress",
                Some(Ok(_)) => "Succeeded",
                Some(Err(_)) => "Failed",
            },
            percent_complete: match outcome {
                None if under_way => self.progress.percent(),
                None => 0,
                Some(_) => 100,
            },
            start_time: format_rfc3339_millis(operation.begun).to_string(),
            end_time: ended.map(|ended| format_rfc3339_millis(ended.at).to_string()),
            properties: OperationProperties {
                request: operation.what.clone(),
                waiting: !under_way,
                revision: outcome.and_then(|outcome| outcome.as_ref().ok().copied().flatten()),
            },
            error: outcome.and_then(|outcome| outcome.as_ref().err().cloned()),
        }
    }
}

impl Operation {
    fn end(&self, outcome: Result<Option<u64>, OperationError>) {
        self.ended.get_or_init(|| Ended { at: SystemTime::now(), outcome });
    }
}

/// Ends an operation that panics.
struct GivenUp<'a>(&'a Operation);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        let message = "the request was given up".to_owned();
        self.0.end(Err(OperationError { code: "InternalServerError", message }));
    }
}

impl OperationStatus {
    /// Whether it has not ended.
    pub fn is_in_progress(&self) -> bool {
        self.end_time.is_none()
    }
}

impl Progress {
    /// Below 100 until it has ended.
    fn percent(&self) -> u64 {
        let written = self.written.load(Ordering::Relaxed).saturating_sub(self.before.load(Ordering::Relaxed));
        let rows = self.rows.load(Ordering::Relaxed);
        (written * 100).checked_div(rows).unwrap_or(0).min(99)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(operations: &Operations, id: &str) -> (&'static str, u64, bool) {
        let OperationStatus { status, percent_complete, properties, .. } = operations.show(id).unwrap();
        (status, percent_complete, properties.waiting)
    }

    #[test]
    fn an_operation_waits_is_under_way_and_ends() {
        let written = Arc::new(AtomicU64::new(70));
        let operations = Operations::new(Arc::clone(&written));
        let operation = operations.ask("a".to_owned(), "POST /policy".to_owned());
        assert_eq!(status(&operations, "A"), ("InProgress", 0, true));
        let work = || {
            operations.begin(200);
            written.fetch_add(50, Ordering::Relaxed);
            assert_eq!(status(&operations, "a"), ("InProgress", 25, false));
            written.fetch_add(150, Ordering::Relaxed);
            assert_eq!(status(&operations, "a"), ("InProgress", 99, false));
        };
        operations.carry_out(&operation, work, |()| Ok(Some(7)));
        assert_eq!(status(&operations, "a"), ("Succeeded", 100, false));
        assert_eq!(operations.show("a").unwrap().properties.revision, Some(7));
    }

    #[test]
    fn what_failed_says_why_and_what_was_never_asked_for_is_not_there() {
        let operations = Operations::default();
        let operation = operations.ask("a".to_owned(), "POST /policy".to_owned());
        let why = OperationError { code: "Detached", message: "no".to_owned() };
        operations.carry_out(&operation, || (), |()| Err(why));
        let failed = operations.show("a").unwrap();
        assert_eq!((failed.status, failed.error.unwrap().code), ("Failed", "Detached"));
        assert!(operations.show("b").is_none());
    }

    #[test]
    fn the_oldest_that_ended_is_forgotten_first() {
        let operations = Operations::default();
        let first = operations.ask("first".to_owned(), String::new());
        let second = operations.ask("second".to_owned(), String::new());
        operations.carry_out(&second, || (), |()| Ok(None));
        for n in 0..RECENT - 1 {
            operations.ask(n.to_string(), String::new());
        }
        assert!(operations.show("first").is_some() && operations.show("second").is_none());
        assert_eq!(operations.list().len(), RECENT);
        drop(first);
    }
}
