//! One page.

use clap::builder::{Resettable, StyledStr};
use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::sections::Sections;
use crate::cli::arguments::{AFTER_HELP, PROGRAM};

/// The page of one command.
#[derive(Clone, Debug)]
pub(super) struct Page {
    command: Command,
}

impl Page {
    /// User commands.
    pub(super) const SECTION: &str = "1";

    /// Of a command that was built.
    pub(super) fn of(command: Command) -> Self {
        Self { command }
    }

    /// The page's name: the words of the command with hyphens between.
    pub(super) fn name(&self) -> &str {
        self.command.get_display_name().unwrap_or(PROGRAM)
    }

    /// The page as `man` reads it.
    pub(super) fn roff(&self) -> String {
        let text = self.command.get_after_help().map(StyledStr::to_string).unwrap_or_default();
        let sections = Sections::of(&text);
        let mut tail = Roff::new();
        exit_status(&sections, &mut tail);
        self.environment(&sections, &mut tail);
        self.files(&mut tail);
        examples(&sections, &mut tail);
        self.see_also(&mut tail);
        format!("{}{}", self.head(&sections), tail.render())
    }

    /// What clap alone knows: name, synopsis, description, flags and commands.
    fn head(&self, sections: &Sections<'_>) -> String {
        // `Man` wants a description that holds the sentences which `--help` prints at its end.
        let about = self.command.get_long_about().or(self.command.get_about()).map(StyledStr::to_string);
        let paragraphs: Vec<&str> =
            about.iter().map(String::as_str).chain(sections.paragraphs.iter().copied()).collect();
        let command = self.command.clone().long_about(paragraphs.join("\n\n"));
        let command = command.after_help(Resettable::Reset).version(Resettable::Reset);
        let mut text = Vec::new();
        // Nothing can go wrong when it writes to memory.
        _ = Man::new(command).source(format!("{PROGRAM} {}", env!("CARGO_PKG_VERSION"))).render(&mut text);
        // Long flags leave nothing in a line of the synopsis that could be stretched to its end, of which groff warns.
        String::from_utf8_lossy(&text).replacen(".SH SYNOPSIS", ".ad l\n.SH SYNOPSIS", 1)
    }

    fn environment(&self, sections: &Sections<'_>, roff: &mut Roff) {
        let more = sections.block(&["Environment"]).unwrap_or_default();
        let arguments: Vec<&Arg> = self.arguments().filter(|argument| argument.get_env().is_some()).collect();
        if more.is_empty() && arguments.is_empty() {
            return;
        }
        roff.control("SH", ["ENVIRONMENT"]);
        for argument in arguments {
            let variable = argument.get_env().unwrap_or_default().to_string_lossy().into_owned();
            let flag = argument.get_long().unwrap_or_default();
            entry(roff, vec![bold(variable)], &format!("Stands for --{flag} where that is not given."));
        }
        explained(more, roff);
    }

    /// The paths that count where no flag names another.
    fn files(&self, roff: &mut Roff) {
        let path = |argument: &Arg| {
            let value = argument.get_default_values().first()?.to_str()?.to_owned();
            value.starts_with('/').then_some(value)
        };
        let mut files = self.arguments().filter_map(|argument| Some((path(argument)?, argument))).peekable();
        if files.peek().is_some() {
            roff.control("SH", ["FILES"]);
        }
        for (path, argument) in files {
            entry(roff, vec![italic(path)], &argument.get_help().map(StyledStr::to_string).unwrap_or_default());
        }
    }

    fn see_also(&self, roff: &mut Roff) {
        let above = self.name().rsplit_once(self.command.get_name()).map(|(above, _)| above.trim_end_matches('-'));
        let inner = self.command.get_subcommands().filter_map(Command::get_display_name);
        let mut others: Vec<&str> = above.into_iter().chain(inner).filter(|name| !name.is_empty()).collect();
        if self.name() != PROGRAM {
            others.insert(0, PROGRAM);
        }
        others.dedup();
        roff.control("SH", ["SEE ALSO"]);
        let mut line = Vec::new();
        for other in others {
            line.extend([
                roman(if line.is_empty() { "" } else { ", " }),
                bold(other),
                roman(format!("({})", Self::SECTION)),
            ]);
        }
        roff.text(line);
    }

    fn arguments(&self) -> impl Iterator<Item = &Arg> {
        self.command.get_arguments().filter(|argument| !argument.is_hide_set())
    }
}

/// The command's own exit codes, or those of all commands.
fn exit_status(sections: &Sections<'_>, roff: &mut Roff) {
    let headlines = &["Exit codes"];
    let common = Sections::of(AFTER_HELP);
    roff.control("SH", ["EXIT STATUS"]);
    explained(sections.block(headlines).or(common.block(headlines)).unwrap_or_default(), roff);
}

fn examples(sections: &Sections<'_>, roff: &mut Roff) {
    let Some(lines) = sections.block(&["Example", "Examples"]) else {
        return;
    };
    roff.control("SH", ["EXAMPLES"]);
    // Between these lines stay as they are.
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(*line)]);
    }
    roff.control("fi", []);
}

/// Lines of a word, two or more spaces, and what it means.
fn explained(lines: &[&str], roff: &mut Roff) {
    for line in lines {
        let (word, meaning) = line.split_once("  ").unwrap_or((line, ""));
        entry(roff, vec![bold(word)], meaning.trim_start());
    }
}

/// A term and what it means, indented.
fn entry(roff: &mut Roff, term: Vec<Inline>, meaning: &str) {
    roff.control("TP", []);
    roff.text(term);
    roff.text([roman(meaning)]);
}
