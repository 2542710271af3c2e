use anyhow::{Result, ensure};
use serde_json::Value;
use tests::net::Ran;

/// Where a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// Where the registry is managed from.
    Desk,
    /// At the machine whose address gets a rule, which has docker.
    Machine,
    /// At a machine that no rule names, which has docker.
    OtherMachine,
}

/// What a command must print.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// Whatever it likes.
    Done,
    /// JSON that has this at this place.
    Json(&'static str, Value),
    /// These very words and a line's end.
    Text(String),
    /// Some words on the way, and success in the end.
    Says(&'static str),
    /// These words, and failure.
    Fails(&'static str),
}

/// Who gets in: the machine, another machine, the subnet.
pub(crate) type LetIn = [bool; 3];

/// A command of an article.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) line: String,
    pub(crate) at: At,
    pub(crate) outcome: Outcome,
    pub(crate) let_in: LetIn,
}

/// Commands that follow each other.
#[derive(Clone, Debug)]
pub(crate) struct Article {
    pub(crate) name: &'static str,
    /// Whether it begins with a registry as Azure makes it: without rules, and open to everyone.
    pub(crate) begins_anew: bool,
    pub(crate) commands: Vec<Command>,
}

impl Command {
    /// Whether the command ended as it must.
    pub(crate) fn judge(&self, ran: &Ran) -> Result<()> {
        let printed = format!("{}{}", ran.stdout, ran.stderr);
        let fails = matches!(self.outcome, Outcome::Fails(_));
        ensure!(ran.status.is_some() && ran.success() != fails, "it ended with {:?}: {printed}", ran.status);
        match &self.outcome {
            Outcome::Done => {}
            Outcome::Json(place, expected) => {
                let shown: Value = serde_json::from_str(&ran.stdout)?;
                ensure!(shown.pointer(place) == Some(expected), "{place} is not {expected}: {shown}");
            }
            Outcome::Text(text) => ensure!(ran.stdout.trim_end() == text, "it printed {printed}"),
            Outcome::Says(words) | Outcome::Fails(words) => {
                ensure!(printed.contains(words), "it did not say `{words}`: {printed}");
            }
        }
        Ok(())
    }
}
