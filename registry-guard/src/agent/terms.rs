use std::time::Duration;

/// Who makes a change, as the history tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// A user with its process, a principal, or the agent itself.
    pub who: String,
    /// Where the request came from.
    pub origin: String,
}

impl Author {
    /// The agent itself, for this reason.
    pub fn agent(why: &str) -> Self {
        Self { who: format!("the agent ({why})"), origin: "this host".to_owned() }
    }
}

/// On which terms a change is made.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The revisions at which the policy has to be, as [`require`](super::require) reads them.
    pub if_match: Option<&'a str>,
    /// Who makes it.
    pub author: &'a Author,
    /// Within which time it is to be confirmed, if it is.
    pub confirm_within: Option<Duration>,
}

impl<'a> Terms<'a> {
    /// Whatever the revision, and for good.
    pub const fn of(author: &'a Author) -> Self {
        Self { if_match: None, author, confirm_within: None }
    }
}
