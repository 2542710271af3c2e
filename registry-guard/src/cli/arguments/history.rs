//! `history`, `diff`, `rollback`, `confirm`.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::change_terms::ChangeTerms;
use super::output::OutputArguments;

/// `history`
#[derive(Debug, Args)]
#[command(after_help = "\
The newest first. Each is remembered in the same step as the change itself. How many are remembered is in config.toml \
(`history.revisions`, `history.megabytes`); from which revision on nothing is missing is said on standard error.

Examples:
  registry-guard history --output table
  registry-guard history --name contoso --top 5
  registry-guard history --query \"[?who!='root'].[revision, who, what]\" --output tsv")]
pub(crate) struct HistoryArguments {
    /// Only what is about this registry, or about what all share (case does not matter)
    #[arg(short, long, value_name = "REGISTRY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: Option<String>,
    /// The newest ones, so many; all unless given
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) top: Option<u32>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `diff`
#[derive(Debug, Args)]
#[command(mut_arg("output", |output| output.default_value("table")), after_help = "\
+ stands for what came, ~ for what became something else, - for what went.

Examples:
  registry-guard diff
  registry-guard diff --from 3 --to 7
  registry-guard diff --from 3 --query \"steps[?change=='add'].name\" --output tsv")]
pub(crate) struct DiffArguments {
    /// The revision to begin with; the one before --to unless given
    #[arg(long, value_name = "REVISION")]
    pub(crate) from: Option<u64>,
    /// The revision to end with; the one in force unless given
    #[arg(long, value_name = "REVISION")]
    pub(crate) to: Option<u64>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `rollback`
#[derive(Debug, Args)]
#[command(mut_arg("output", |output| output.default_value("table")), after_help = "\
That is a change like any other: a new revision, in one step, checked against what config.toml allows today. Rules that come back \
count their hits anew. On a terminal it asks first.

Examples:
  registry-guard rollback --dry-run
  registry-guard rollback --to 12 --yes
  registry-guard rollback --to 12 --yes --confirm-within 60s")]
pub(crate) struct RollbackArguments {
    /// The revision whose policy comes back; the one before the last unless given
    #[arg(long, value_name = "REVISION")]
    pub(crate) to: Option<u64>,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `confirm`
#[derive(Debug, Args)]
#[command(after_help = "\
For a change that was made with --confirm-within. Without it, the policy before that change comes back by itself when the time is \
over, also when the agent was stopped or the machine was without power meanwhile.

Examples:
  registry-guard update --name contoso --default-action Deny --confirm-within 60s
  registry-guard confirm")]
pub(crate) struct ConfirmArguments {
    /// The revision that may stand; the last one unless given
    #[arg(long, value_name = "REVISION")]
    pub(crate) revision: Option<u64>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}
