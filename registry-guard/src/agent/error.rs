use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::kernel::KernelError;
use crate::netlink::NetlinkError;
use crate::policy::PolicyError;
use crate::store::StoreError;

/// Why the agent did not do what it was asked. In every case nothing has changed.
#[derive(Debug, Error)]
pub enum AgentError {
    /// The request is not valid.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// `If-Match` names another revision.
    #[error(
        "If-Match asks for revision {asked}, but the policy is at revision {have}; read it again and repeat the change"
    )]
    PreconditionFailed {
        /// The revision in force.
        have: u64,
        /// What the caller sent.
        asked: String,
    },
    /// `If-Match` holds what is no revision.
    #[error(
        "header if-match: `{asked}` is no revision of this policy; accepted: a revision in quotes such as \"7\", several \
         with a comma in between, or *"
    )]
    MalformedCondition {
        /// What the caller sent.
        asked: String,
    },
    /// The store did not take the change.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The kernel did not take the change, or did not answer.
    #[error("{0}")]
    Kernel(String),
    /// No such revision is remembered.
    #[error(
        "revision {asked} is not known; accepted: {earliest} to {newest} (`registry-guard history`; config.toml says how much is remembered, `history.revisions` and `history.megabytes`)"
    )]
    RevisionUnknown {
        /// The revision asked for.
        asked: u64,
        /// The earliest that is known.
        earliest: u64,
        /// The one in force.
        newest: u64,
    },
    /// Another change is to be confirmed first.
    #[error(
        "revision {revision} is to be confirmed by {confirm_by}, and nothing else can be changed until then; `registry-guard confirm` lets it stand, `registry-guard rollback` takes it back"
    )]
    Unconfirmed {
        /// The revision that is to be confirmed.
        revision: u64,
        /// Until when.
        confirm_by: String,
    },
    /// There is nothing to confirm, or another revision.
    #[error("{}", nothing_to_confirm(*asked, *unconfirmed))]
    NothingToConfirm {
        /// The revision that was to be confirmed, if one was named.
        asked: Option<u64>,
        /// The one that could be.
        unconfirmed: Option<u64>,
    },
    /// The store cannot be used, so nobody knows what the policy is.
    #[error(
        "{0}; nothing can be changed until `registry-guard restore --from last-good` (or --from FILE) has put a policy in its place, and what was enforced stays enforced"
    )]
    LostStore(String),
    /// There is no such copy of the policy.
    #[error(
        "no good copy of the policy for `{asked}`: {there}; accepted: last-good, a revision, or the path of a policy store (`registry-guard restore --list`)"
    )]
    NoSuchCopy {
        /// What was asked for.
        asked: String,
        /// What there is.
        there: String,
    },
    /// A copy of the policy is damaged, or something else.
    #[error("{problem}; {}", next_older(older.as_deref()))]
    CopyUnusable {
        /// What is wrong.
        problem: String,
        /// The next older copy, if there is one.
        older: Option<PathBuf>,
    },
    /// What is installed or configured now cannot take over.
    #[error("{0}; what was in force before stays in force")]
    NotReloaded(String),
    /// Enforcement was given up with `detach`; only a new start takes it up again.
    #[error("this agent was detached and enforces nothing; start it again first")]
    Detached,
}

fn nothing_to_confirm(asked: Option<u64>, unconfirmed: Option<u64>) -> String {
    match (asked, unconfirmed) {
        (Some(asked), Some(other)) => format!("revision {asked} is not to be confirmed; accepted: {other}"),
        (Some(asked), None) => format!("revision {asked} is not to be confirmed, nor is any other"),
        (None, _) => {
            "nothing is to be confirmed: the last change was confirmed already, was taken back, or was made for good"
                .to_owned()
        }
    }
}

fn next_older(older: Option<&Path>) -> String {
    older.map_or_else(
        || "there is no older copy; accepted: the path of a policy store".to_owned(),
        |older| format!("the next older copy: `registry-guard restore --from {}`", older.display()),
    )
}

impl From<KernelError> for AgentError {
    fn from(error: KernelError) -> Self {
        Self::Kernel(error.to_string())
    }
}

impl From<NetlinkError> for AgentError {
    fn from(error: NetlinkError) -> Self {
        Self::Kernel(error.to_string())
    }
}
