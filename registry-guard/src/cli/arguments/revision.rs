//! The precondition of a change.

use std::fmt;
use std::str::FromStr;

/// What `--if-match` accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revision {
    /// Only if the policy is at this revision.
    Number(u64),
    /// `*`: whatever the revision.
    Any,
}

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
