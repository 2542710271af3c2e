use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::PoisonError;

use tracing::warn;

use super::find::{Candidate, Files, Identity, read};
use crate::agent::{Agent, AgentError, Author, Terms};
use crate::watched::{self, Watched};

impl Agent {
    /// Why what is at the watched path was not imported, if it was not.
    pub(in crate::agent) fn service_tags_problem(&self) -> Option<String> {
        self.0.service_tags_problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what is wrong at the watched path, and logs what was not wrong before.
    fn note_service_tags_problem(&self, problem: Option<String>) {
        let mut noted = self.0.service_tags_problem.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(problem) = problem.as_ref().filter(|problem| noted.as_ref() != Some(problem)) {
            warn!(%problem, "service tags at the watched path were not imported; those that are held stay in force");
        }
        *noted = problem;
    }
}

/// Imports what is at the watched path, now and whenever something newer is there. Nothing in a file ends it.
pub(in crate::agent) async fn follow(agent: Agent) {
    let Some(path) = agent.config().service_tags.watch.clone() else { return };
    let (watched, mut changes) = watched::watch("service tags");
    let mut follower = Follower { agent, path, watched, files: Files::default(), tried: BTreeMap::new() };
    loop {
        changes.next().await;
        let looked = tokio::task::spawn_blocking(move || {
            follower.look();
            follower
        });
        let Ok(back) = looked.await else { return };
        follower = back;
    }
}

struct Follower {
    agent: Agent,
    path: PathBuf,
    watched: Watched,
    files: Files,
    /// At which revision each file was tried, and why it was refused if it was.
    tried: BTreeMap<PathBuf, (Identity, u64, Option<String>)>,
}

impl Follower {
    /// Imports the newest file that can be, unless it is held already. Blocks.
    fn look(&mut self) {
        // First, so that no change falls between reading and watching.
        self.watch();
        let problems = match self.files.look(&self.path) {
            Err(error) => vec![format!("{}: cannot be read: {error}", self.path.display())],
            Ok((candidates, unreadable)) => {
                let mut problems = self.import_newest(&candidates);
                problems.extend(unreadable);
                problems
            }
        };
        self.agent.note_service_tags_problem((!problems.is_empty()).then(|| problems.join("; ")));
    }

    /// Why files that are newer than what is held were not imported.
    fn import_newest(&mut self, candidates: &[Candidate]) -> Vec<String> {
        let held =
            self.agent.read(|policy| policy.service_tags.as_ref().map(|tags| (tags.cloud.clone(), tags.change_number)));
        let configured = self.agent.config().service_tags.cloud.clone();
        let Some(cloud) =
            configured.or_else(|| held.as_ref().map(|(cloud, _)| cloud.clone())).or_else(|| only(candidates))
        else {
            let many = !candidates.is_empty();
            let path = self.path.display();
            let problem = || {
                format!(
                    "{path}: holds files of more than one cloud; accepted: `service-tags.cloud` in config.toml says which"
                )
            };
            return many.then(problem).into_iter().collect();
        };
        let (of_cloud, others): (Vec<_>, Vec<_>) =
            candidates.iter().partition(|it| it.cloud.eq_ignore_ascii_case(&cloud));
        let mut problems = Vec::new();
        for (place, candidate) in of_cloud.into_iter().enumerate() {
            let is_old = held.as_ref().is_some_and(|(_, number)| candidate.change_number < *number);
            if place > 0 && is_old {
                break;
            }
            match self.import(candidate) {
                None => return problems,
                Some(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            problems.extend(others.first().and_then(|other| self.import(other)));
        }
        problems
    }

    /// Why the file was not imported, if it is not held. What was refused is asked again once the policy is another.
    fn import(&mut self, candidate: &Candidate) -> Option<String> {
        let revision = self.agent.read(|policy| policy.revision);
        if let Some((identity, at, outcome)) = self.tried.get(&candidate.path)
            && *identity == candidate.identity
            && (outcome.is_none() || *at == revision)
        {
            return outcome.clone();
        }
        let author = Author::agent("watched service tags");
        let import = |file| self.agent.import_service_tags(&Terms::of(&author), file).map(drop);
        let imported = match read(&candidate.path).map(import) {
            // Once that is settled, this file's turn comes again.
            Ok(Err(problem @ (AgentError::Unconfirmed { .. } | AgentError::LostStore(_)))) => {
                return Some(format!("{}: {problem}", candidate.path.display()));
            }
            Ok(imported) => imported.map_err(|problem| problem.to_string()),
            Err(problem) => Err(problem),
        };
        let outcome = imported.err().map(|problem| format!("{}: {problem}", candidate.path.display()));
        self.tried.insert(candidate.path.clone(), (candidate.identity, revision, outcome.clone()));
        outcome
    }

    fn watch(&mut self) {
        let mut wanted = watched::folders(&self.path);
        if self.path.is_dir() {
            wanted.insert(self.path.clone());
        }
        self.watched.follow(wanted);
    }
}

/// The cloud of all of them, if it is one.
fn only(candidates: &[Candidate]) -> Option<String> {
    let first = candidates.first()?;
    candidates.iter().all(|other| other.cloud.eq_ignore_ascii_case(&first.cloud)).then(|| first.cloud.clone())
}
