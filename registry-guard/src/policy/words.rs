//! The closed sets of words that the API speaks. They are written as shown here and read in any case.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$meaning:meta])* $word:ident),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub enum $name {
            $($(#[$meaning])* $word,)+
        }

        impl $name {
            /// Every word of the set, as it is written.
            pub const ACCEPTED: &[&str] = &[$(stringify!($word)),+];

            /// The word that `text` spells, in any case; `None` when it is not in the set.
            pub fn parse(text: &str) -> Option<Self> {
                $(if text.eq_ignore_ascii_case(stringify!($word)) {
                    return Some(Self::$word);
                })+
                None
            }

            /// The word as it is written.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => stringify!($word),)+
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                Self::parse(&text).ok_or_else(|| format!("`{text}` is not one of {}", Self::ACCEPTED.join(", ")))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What a rule, or the absence of one, does to a connection.
    Action {
        /// The connection is let through.
        Allow,
        /// The connection is refused.
        Deny,
    }
}

words! {
    /// Whether anyone may come in from outside a private endpoint.
    PublicNetworkAccess {
        /// The rules decide.
        Enabled,
        /// Everyone but a trusted service is refused, whatever the rules say.
        Disabled,
    }
}

words! {
    /// Which services the rules do not apply to.
    BypassOptions {
        /// Trusted services pass without a rule.
        AzureServices,
        /// Nobody passes without a rule.
        None,
    }
}

words! {
    /// Whether a private endpoint counts.
    ConnectionStatus {
        /// Connections to it are allowed.
        Approved,
        /// Connections to it are judged like any other.
        Rejected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_case_and_written_in_one() {
        assert_eq!(Action::parse("aLLow"), Some(Action::Allow));
        assert_eq!(Action::Allow.to_string(), "Allow");
        assert_eq!(serde_json::to_string(&BypassOptions::None).unwrap(), "\"None\"");
        assert_eq!(serde_json::from_str::<PublicNetworkAccess>("\"disabled\"").unwrap(), PublicNetworkAccess::Disabled);
    }

    #[test]
    fn an_unknown_word_is_refused_with_the_known_ones() {
        assert_eq!(Action::parse("Permit"), None);
        assert_eq!(Action::parse(""), None);
        let error = serde_json::from_str::<Action>("\"Permit\"").unwrap_err().to_string();
        assert!(error.contains("`Permit` is not one of Allow, Deny"), "{error}");
    }
}
