//! `service-tag`.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::change_terms::ChangeTerms;
use super::output::OutputArguments;

/// The verbs of `service-tag`.
#[derive(Debug, Subcommand)]
pub(crate) enum ServiceTagCommand {
    /// Replace the service tags by those of a newer published file
    Import(ImportArguments),
    /// List the service tags, without their prefixes
    List(ListTagsArguments),
    /// Show one service tag and its prefixes
    Show(ShowTagArguments),
}

/// `service-tag import`
#[derive(Debug, Args)]
#[command(after_help = "\
The file is the JSON that the cloud publishes each week (ServiceTags_Public_*.json), or what `az network list-service-tags` \
prints. It takes the place of the one that is held in one step, in every registry whose rules name a tag of it, and the \
answer says what was added and removed. Refused, with nothing changed: a file that is not whole, not newer, or of another \
cloud, and one that would leave a Deny rule without prefixes. A rule whose tag is gone stays, allows nobody, and is named.

Examples:
  registry-guard service-tag import ServiceTags_Public_20260720.json
  registry-guard service-tag import ServiceTags_Public_20260720.json --prefixes --query \"tagsChanged[?name=='Sql']\"
  curl -fsS \"$URL\" | registry-guard service-tag import -")]
pub(crate) struct ImportArguments {
    /// The published file; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Also print each prefix that was added to or removed from a tag
    #[arg(long)]
    pub(crate) prefixes: bool,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `service-tag list`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  registry-guard service-tag list --output table
  registry-guard service-tag list --query \"[?systemService=='AzureContainerRegistry'].name\" --output tsv")]
pub(crate) struct ListTagsArguments {
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `service-tag show`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  registry-guard service-tag show --name AzureContainerRegistry.WestEurope --query addressPrefixes --output tsv")]
pub(crate) struct ShowTagArguments {
    /// The service tag (case does not matter)
    #[arg(short, long, value_name = "TAG", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}
