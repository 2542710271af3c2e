//! `man`: a page for each command, made from the definitions that `--help` is made from.

mod page;
mod sections;

#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};

use crate::cli::arguments::{Arguments, PROGRAM};
use crate::cli::failure::Failure;
use crate::cli::terminal::Terminal;
use page::Page;

/// Prints the page of the command that these words name.
pub(crate) fn print(words: &[String], terminal: &mut Terminal) -> Result<(), Failure> {
    let name = [&[PROGRAM.to_owned()], words].concat().join("-");
    let page = pages().into_iter().find(|page| page.name() == name).ok_or_else(|| {
        Failure::Usage(format!("{}: there is no such command; `{PROGRAM} --help` lists them", words.join(" ")))
    })?;
    Ok(terminal.out.write_all(page.roff().as_bytes())?)
}

/// Writes every page into a folder.
pub(crate) fn write(folder: &Path, terminal: &mut Terminal) -> Result<(), Failure> {
    let cannot = |path: &Path, error: &std::io::Error| Failure::Local(format!("{}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| cannot(folder, &error))?;
    let pages = pages();
    for page in &pages {
        let path = folder.join(format!("{}.{}", page.name(), Page::SECTION));
        fs::write(&path, page.roff()).map_err(|error| cannot(&path, &error))?;
    }
    terminal.note(&format!("wrote {} pages to {}", pages.len(), folder.display()));
    Ok(())
}

/// The page of every command, that of a group before those in it.
fn pages() -> Vec<Page> {
    let mut root = Arguments::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    collect(root, &mut pages);
    pages
}

fn collect(command: Command, pages: &mut Vec<Page>) {
    let inner: Vec<Command> = command.get_subcommands().filter(|inner| !inner.is_hide_set()).cloned().collect();
    pages.push(Page::of(command));
    for command in inner {
        collect(command, pages);
    }
}
