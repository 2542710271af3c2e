//! `operation`.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::output::OutputArguments;

/// The verbs of `operation`.
#[derive(Debug, Subcommand)]
pub(crate) enum OperationCommand {
    /// List the changes of whole lists: those under way, and those of late
    List(ListOperationsArguments),
    /// Show one of them
    Show(ShowOperationArguments),
    /// Wait until one of them has ended, or all
    Wait(WaitArguments),
}

/// `operation list`
#[derive(Debug, Args)]
#[command(after_help = "\
Every `apply`, and every change of a registry as a whole, is an operation, whether somebody waits for it or not. One is under \
way at a time, the others wait. The agent remembers 64, until it is stopped.

Examples:
  registry-guard operation list --output table
  registry-guard operation list --query \"[?status=='InProgress'].percentComplete\" --output tsv")]
pub(crate) struct ListOperationsArguments {
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `operation show`
#[derive(Debug, Args)]
#[command(after_help = "\
status is InProgress, Succeeded or Failed; error says why it failed, and properties.revision what the kernel enforces since it \
succeeded.

Examples:
  registry-guard operation show --id 2d7b1c5e-8f0a-4c39-9d61-0b1f6f3f5f10 --query status --output tsv")]
pub(crate) struct ShowOperationArguments {
    /// What `apply --no-wait` printed as name
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `operation wait`
#[derive(Debug, Args)]
#[command(after_help = "\
Fails if the operation has failed, and says why. Shows its progress on a terminal.

Examples:
  registry-guard operation wait
  registry-guard operation wait --id 2d7b1c5e-8f0a-4c39-9d61-0b1f6f3f5f10 --output none")]
pub(crate) struct WaitArguments {
    /// What `apply --no-wait` printed as name; every operation that is under way or waits, unless given
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}
