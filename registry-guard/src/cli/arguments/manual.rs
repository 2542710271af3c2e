//! `man`.

use std::path::PathBuf;

use clap::Args;

/// `man`
#[derive(Debug, Args)]
#[command(after_help = "\
There is a page for each command, made of the text that --help prints. It is printed to standard output, unless --directory \
says where all pages are to be written, under names such as registry-guard-network-rule-add.1; pages of the same names are \
replaced.

Examples:
  registry-guard man | man -l -
  registry-guard man network-rule add | man -l -
  registry-guard man --directory /usr/local/share/man/man1")]
pub(crate) struct ManualArguments {
    /// The command whose page is printed; without it, the page of registry-guard itself
    #[arg(value_name = "COMMAND", conflicts_with = "directory")]
    pub(crate) words: Vec<String>,
    /// Write all pages into this folder, which is made if need be
    #[arg(long, value_name = "FOLDER")]
    pub(crate) directory: Option<PathBuf>,
}
