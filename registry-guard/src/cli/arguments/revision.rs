//! The precondition of a change.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use crate::api::confirm_within;

/// What `--if-match` accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revision {
    /// Only if the policy is at this revision.
    Number(u64),
    /// `*`: whatever the revision.
    Any,
}

/// `--confirm-within` of every command that changes the policy.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct ConfirmWithin {
    /// Take the change back by itself unless `registry-guard confirm` comes within this time, such as 60s or 5m
    #[arg(long, value_name = "TIME", value_parser = confirm_within)]
    pub(crate) confirm_within: Option<Duration>,
}

/// The help of every `--if-match`.
pub(super) const IF_MATCH: &str = "Change nothing unless the policy is at this revision: a number as printed by the other commands, or * for any (the default)";

impl FromStr for Revision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unquoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        match unquoted {
            "*" => Ok(Self::Any),
            number => {
                number.parse().map(Self::Number).map_err(|_| "accepted: a revision number such as 7, or *".to_owned())
            }
        }
    }
}

/// The form of the `If-Match` header.
impl fmt::Display for Revision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(out, "\"{number}\""),
            Self::Any => out.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_an_etag_and_a_star_are_accepted() {
        assert_eq!("7".parse(), Ok(Revision::Number(7)));
        assert_eq!("\"7\"".parse(), Ok(Revision::Number(7)));
        assert_eq!("*".parse(), Ok(Revision::Any));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "\"", "-1", "7.0", "W/\"7\"", "latest", "99999999999999999999"] {
            assert!(text.parse::<Revision>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_header_quotes_the_number() {
        assert_eq!(Revision::Number(7).to_string(), "\"7\"");
        assert_eq!(Revision::Any.to_string(), "*");
    }
}
