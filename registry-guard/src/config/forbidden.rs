use std::path::{Path, PathBuf};

use super::raw::{self, Text};
use super::source::Source;
use super::{Budget, Certificate, ConfigError};

/// The largest total budget. The kernel remembers more sources than this, so that none is forgotten within its second.
const MOST_ANSWERS: u32 = 8192;
/// Bytes of the help text, which ends up in every answer.
const MOST_HELP: usize = 256;

const ACCEPTED_PATH: &str = "an absolute path such as /etc/ssl/contoso.pem";

/// The certificate chain and its key: both, or neither for plain HTTP.
pub(super) fn certificate(
    source: &Source<'_>,
    at: usize,
    chain: Option<&Text>,
    key: Option<&Text>,
) -> Result<Option<Certificate>, ConfigError> {
    match (chain, key) {
        (None, None) => Ok(None),
        (Some(chain), Some(key)) => Ok(Some(Certificate {
            chain: path(source, "registry.certificate", chain)?,
            key: path(source, "registry.key", key)?,
        })),
        (Some(_), None) => Err(source.missing(at, "registry.key", "the key of `certificate`, or neither of them")),
        (None, Some(_)) => Err(source.missing(at, "registry.certificate", "the certificate of `key`, or neither")),
    }
}

/// A path that does not depend on where the agent was started.
pub(super) fn path(source: &Source<'_>, field: &str, text: &Text) -> Result<PathBuf, ConfigError> {
    if !Path::new(text.get_ref()).is_absolute() {
        return Err(source.invalid(&text.span(), field, text.get_ref(), "is not an absolute path", ACCEPTED_PATH));
    }
    Ok(text.get_ref().into())
}

/// Whom a denied client is sent to.
pub(super) fn help(source: &Source<'_>, text: Option<Text>) -> Result<Option<String>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    let help = text.get_ref();
    if help.is_empty() || help.len() > MOST_HELP || help.chars().any(char::is_control) {
        let accepted = format!("1 to {MOST_HELP} bytes on one line, such as https://example.com/registry-access");
        return Err(source.invalid(&text.span(), "registry.help", help, "does not fit into an answer", accepted));
    }
    Ok(Some(text.into_inner()))
}

pub(super) fn budget(source: &Source<'_>, raw: raw::Budget) -> Result<Budget, ConfigError> {
    let per_source = source.number("registry.budget.per-source", raw.per_source, 0..=MOST_ANSWERS)?;
    let total = source.number("registry.budget.total", raw.total, 0..=MOST_ANSWERS)?;
    Ok(Budget {
        per_source: per_source.unwrap_or(Budget::DEFAULT.per_source),
        total: total.unwrap_or(Budget::DEFAULT.total),
    })
}
