//! How the answer is printed.

use clap::builder::NonEmptyStringValueParser;
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
    #[command(flatten)]
    pub(crate) shared: SharedArguments,
}

/// What every command of `az` takes.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "As in az")]
pub(crate) struct SharedArguments {
    /// Say on standard error how the agent answered
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Say on standard error what the agent is asked, and how it answered
    #[arg(long)]
    pub(crate) debug: bool,
    /// Means nothing here: all registries of a host are in one group
    #[arg(short = 'g', long, value_name = "GROUP", value_parser = NonEmptyStringValueParser::new())]
    resource_group: Option<String>,
    /// Means nothing here: a host is one subscription
    #[arg(long, value_name = "SUBSCRIPTION", value_parser = NonEmptyStringValueParser::new())]
    subscription: Option<String>,
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
    /// YAML, as `az` spells it where there are colours.
    Yamlc,
    /// Nothing.
    None,
}
