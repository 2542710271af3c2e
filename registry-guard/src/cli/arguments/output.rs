//! How the answer is printed.

use clap::{Args, ValueEnum};

use crate::cli::output::Query;

/// The output flags that every client command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArguments {
    /// The format of the answer (jsonc is json in colours, on a terminal)
    #[arg(short, long, value_enum, ignore_case = true, default_value_t = Format::Json, value_name = "FORMAT")]
    pub(crate) output: Format,
    #[arg(
        long,
        help = "A JMESPath expression applied to the answer, for example \"networkRuleSet.ipRules[].ipAddressOrRange\"",
        value_name = "JMESPATH", value_parser = Query::parse)]
    pub(crate) query: Option<Query>,
    /// Drop notes and warnings from standard error
    #[arg(long)]
    pub(crate) only_show_errors: bool,
}

/// The formats of `az`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Indented JSON, keys sorted.
    Json,
    /// JSON in colours, if the output is a terminal.
    Jsonc,
    /// Columns for people.
    Table,
    /// Tab-separated values for shells.
    Tsv,
    /// YAML.
    Yaml,
    /// Nothing.
    None,
}
