//! A block of a page, by what its first line says of it.

use anyhow::{Context, Result, bail, ensure};

use super::console::{self, Step};

/// A block between fences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The line of its opening fence.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
    /// Whether it is done before every other page too (`setup`).
    pub is_setup: bool,
}

/// What becomes of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Commands that end (`console`).
    Commands(Vec<Step>),
    /// A command that stays in the foreground of its terminal (`console stays`).
    Stays(Step),
    /// Commands that are not tried, and why (`console not-tried: WHY`).
    NotTried {
        /// How many commands.
        commands: usize,
        /// The reason.
        why: String,
    },
    /// A file that the reader writes (`toml file=PATH`), or more of one that is there (`toml append=PATH`).
    File {
        /// Its path.
        path: String,
        /// Whether the text comes behind what is there.
        append: bool,
        /// The text.
        text: String,
    },
    /// Something to look at.
    Shown,
}

impl Block {
    /// Reads a block; `info` is what stands behind its opening fence.
    pub(super) fn parse(info: &str, text: &str, line: usize) -> Result<Self> {
        Self::kind(info, text, line)
            .map(|kind| Self { line, kind, is_setup: info.split(' ').any(|word| word == "setup") })
            .with_context(|| format!("the block at line {line}, marked ```{info}"))
    }

    fn kind(info: &str, text: &str, line: usize) -> Result<Kind> {
        let (language, marks) = info.split_once(' ').unwrap_or((info, ""));
        if let Some(why) = marks.strip_prefix("not-tried:") {
            ensure!(matches!(language, "console" | "python") && !why.trim().is_empty(), "a reason is due");
            let commands = if language == "console" { console::steps(text, line + 1)?.len() } else { 1 };
            return Ok(Kind::NotTried { commands, why: why.trim().to_owned() });
        }
        let marks: Vec<&str> = marks.split(' ').filter(|mark| !mark.is_empty() && *mark != "setup").collect();
        match (language, marks.as_slice()) {
            ("console", []) => {
                let steps = console::steps(text, line + 1)?;
                ensure!(!steps.is_empty(), "there is no command in it");
                Ok(Kind::Commands(steps))
            }
            ("console", ["stays"]) => {
                let [step] = <[Step; 1]>::try_from(console::steps(text, line + 1)?)
                    .map_err(|steps| anyhow::anyhow!("one command can stay, not {}", steps.len()))?;
                Ok(Kind::Stays(step))
            }
            ("toml" | "yaml" | "json", [file]) => {
                let (how, path) = file.split_once('=').context("accepted: file=PATH or append=PATH")?;
                ensure!(matches!(how, "file" | "append"), "accepted: file=PATH or append=PATH");
                Ok(Kind::File { path: path.to_owned(), append: how == "append", text: text.to_owned() })
            }
            ("toml" | "yaml" | "json" | "text" | "http", []) => Ok(Kind::Shown),
            _ => bail!(
                "accepted: console, console stays, console or python not-tried: WHY; toml, yaml or json, each alone, with file=PATH or \
                 with append=PATH; text; http"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(info: &str) -> Result<Kind> {
        Block::parse(info, "$ one\n", 1).map(|block| block.kind)
    }

    #[test]
    fn a_block_says_what_becomes_of_it() {
        assert!(matches!(kind("console").unwrap(), Kind::Commands(steps) if steps.len() == 1));
        assert!(matches!(kind("console stays").unwrap(), Kind::Stays(_)));
        let not_tried = Kind::NotTried { commands: 1, why: "it installs packages".to_owned() };
        assert_eq!(kind("console not-tried: it installs packages").unwrap(), not_tried);
        assert!(matches!(kind("toml append=/etc/x").unwrap(), Kind::File { append: true, .. }));
        assert!(Block::parse("toml file=/etc/x setup", "", 1).unwrap().is_setup);
        assert_eq!(kind("json").unwrap(), Kind::Shown);
    }

    #[test]
    fn commands_that_nothing_tries_need_a_reason() {
        for info in ["", "sh", "bash", "shell", "console not-tried:", "console maybe", "toml /etc/x"] {
            assert!(kind(info).is_err(), "{info}");
        }
    }
}
