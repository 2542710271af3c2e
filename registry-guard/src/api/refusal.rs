use axum::Extension;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::answer::json_type;
use crate::agent::{AgentError, OperationError};
use crate::policy::PolicyError;

/// The code of an answer to a header that cannot be understood.
pub(super) const INVALID_HEADER: &str = "InvalidHeaderValue";

/// An answer that is an error, in the form that clients of Azure Resource Manager read.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

/// Why a request was refused, beside the answer that says so: for the log.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }
}

impl Refusal {
    /// The same for an operation that nobody waits for.
    pub(super) fn to_operation_error(&self) -> OperationError {
        OperationError { code: self.code, message: self.message.clone() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message}}).to_string();
        let refused = Refused { code: self.code, message: self.message };
        (self.status, [json_type()], Extension(refused), body).into_response()
    }
}

impl From<PolicyError> for Refusal {
    fn from(error: PolicyError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
        Self::new(status, error.code(), error.to_string())
    }
}

impl From<AgentError> for Refusal {
    fn from(error: AgentError) -> Self {
        let message = error.to_string();
        match error {
            AgentError::Policy(error) => error.into(),
            AgentError::PreconditionFailed { .. } => {
                Self::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message)
            }
            AgentError::MalformedCondition { .. } => Self::new(StatusCode::BAD_REQUEST, INVALID_HEADER, message),
            AgentError::RevisionUnknown { .. } => Self::new(StatusCode::NOT_FOUND, "RevisionNotFound", message),
            AgentError::Unconfirmed { .. } => Self::new(StatusCode::CONFLICT, "UnconfirmedChange", message),
            AgentError::NothingToConfirm { .. } => Self::new(StatusCode::CONFLICT, "NothingToConfirm", message),
            AgentError::NoSuchCopy { .. } => Self::new(StatusCode::NOT_FOUND, "CopyNotFound", message),
            AgentError::CopyUnusable { .. } => Self::new(StatusCode::BAD_REQUEST, "CopyUnusable", message),
            AgentError::LostStore(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "PolicyUnreadable", message),
            AgentError::NotReloaded(_) => Self::new(StatusCode::BAD_REQUEST, "NotReloaded", message),
            AgentError::Detached => Self::new(StatusCode::CONFLICT, "Detached", message),
            AgentError::Store(_) | AgentError::Kernel(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message)
            }
        }
    }
}
