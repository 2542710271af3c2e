//! Why a command failed, and the exit code that says so.

use std::fmt;
use std::io;

/// Everything that ends a command with a code other than 0.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments cannot mean anything (exit 2).
    Usage(String),
    /// The agent answered with an error (exit 3 for 404, else 1).
    Api {
        /// The HTTP status.
        status: u16,
        /// The ARM error code, for example `PreconditionFailed`.
        code: String,
        /// The sentence for people.
        message: String,
    },
    /// No agent accepts connections on the socket (exit 1).
    NoAgent(String),
    /// Anything that went wrong on this side (exit 1).
    Local(String),
}

impl Failure {
    /// 1 refused, 2 usage, 3 not found.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Api { status: 404, .. } => 3,
            Self::Api { .. } | Self::NoAgent(_) | Self::Local(_) => 1,
        }
    }

    /// The answer was there but could not be written.
    pub(crate) fn unwritten(error: &dyn fmt::Display) -> Self {
        Self::Local(format!("the command was carried out, but its answer could not be written: {error}"))
    }

    /// Whether the agent refused because `If-Match` or `If-None-Match` did not hold.
    pub(crate) fn is_precondition(&self) -> bool {
        matches!(self, Self::Api { status: 412, .. })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::NoAgent(text) | Self::Local(text) => out.write_str(text),
            Self::Api { code, message, .. } => write!(out, "({code}) {message}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::unwritten(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(status: u16) -> Failure {
        Failure::Api { status, code: "Code".into(), message: "Message.".into() }
    }

    #[test]
    fn only_not_found_exits_with_three() {
        assert_eq!(api(404).exit_code(), 3);
        for status in [400, 403, 405, 409, 412, 413, 500, 503] {
            assert_eq!(api(status).exit_code(), 1, "{status}");
        }
        assert_eq!(Failure::Usage(String::new()).exit_code(), 2);
    }

    #[test]
    fn an_api_error_reads_as_az_prints_it() {
        assert_eq!(api(400).to_string(), "(Code) Message.");
    }
}
