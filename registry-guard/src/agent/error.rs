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
    /// Enforcement was given up with `detach`; only a new start takes it up again.
    #[error("this agent was detached and enforces nothing; start it again first")]
    Detached,
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
