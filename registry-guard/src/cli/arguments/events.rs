//! `events`.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::output::OutputArguments;

/// `events`
#[derive(Debug, Args)]
#[command(after_help = "\
Prints the last 1000 denials since the agent started, the newest last. With --follow it prints what is denied from now on, \
one line for each (json: one compact object; yaml: one element of a list), and --query is applied to each of them; it ends \
with Ctrl-C, or when nobody reads on. Where more is denied in a second than is logged, a line has the number in leftOut; a \
reader that is too slow gets the number it missed in missed.

Examples:
  registry-guard events --output table
  registry-guard events --follow --name contoso --output json
  registry-guard events --query \"[?reason=='NoRule'].source\" --output tsv
  registry-guard events --follow --query \"[time, source, reason]\" --output tsv")]
pub(crate) struct EventsArguments {
    /// Go on with what is denied from now on
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only what was denied by this registry, as config.toml names it (case does not matter)
    #[arg(short, long, value_name = "REGISTRY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}
