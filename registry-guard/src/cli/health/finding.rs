use serde::Serialize;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Status {
    /// As it should be.
    Ok,
    /// Works, and may not work for everybody or for long.
    Warning,
    /// Does not work.
    Failed,
}

impl Status {
    /// The word that people read.
    pub(in crate::cli) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }
}

/// What one check found.
#[derive(Clone, Debug, Serialize)]
pub(in crate::cli) struct Finding {
    /// What was checked, in one word.
    pub(in crate::cli) check: &'static str,
    /// Of whom.
    pub(in crate::cli) target: String,
    /// How it ended.
    pub(in crate::cli) status: Status,
    /// What was found.
    pub(in crate::cli) message: String,
    /// What to do about it; always there unless the status is `ok`.
    pub(in crate::cli) advice: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, target: &impl ToString, message: impl Into<String>) -> Self {
        Self { check, target: target.to_string(), status: Status::Ok, message: message.into(), advice: None }
    }

    pub(super) fn warning(
        check: &'static str,
        target: &impl ToString,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { status: Status::Warning, advice: Some(advice.into()), ..Self::ok(check, target, message) }
    }

    pub(super) fn failed(
        check: &'static str,
        target: &impl ToString,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { status: Status::Failed, advice: Some(advice.into()), ..Self::ok(check, target, message) }
    }
}
