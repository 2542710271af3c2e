//! `export`, `apply`, `restore`.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args};

use super::change_terms::ChangeTerms;
use super::output::OutputArguments;

/// `export`
#[derive(Debug, Args)]
#[command(mut_arg("output", |output| output.default_value("yaml")), after_help = "\
Prints virtual networks and registries with all their settings, rules and private endpoints, in the form that `apply` reads, \
and the revision on standard error. Hit counters and what is in config.toml are not part of it. Nothing changes when what was \
exported is applied.

Examples:
  registry-guard export > policy.yaml
  registry-guard export --name contoso --output json
  registry-guard export --query \"registries[].ipRules[].ipAddressOrRange\" --output tsv")]
pub(crate) struct ExportArguments {
    /// This registry alone, without virtual networks (case does not matter); everything unless given
    #[arg(short, long, value_name = "REGISTRY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `apply`
#[derive(Debug, Args)]
#[command(mut_arg("output", |output| output.default_value("table")), after_help = "\
Everything happens in one revision, or nothing. A list that is in the document replaces the whole list; what is not in the \
document stays: registries, settings and lists that it does not name. `virtualNetworks: []` is a list, and removes them all. \
Prints what changed, with + for what came, ~ for what became something else, - for what went; with --dry-run what would. A long \
list takes seconds, during which the policy before it stays in force; on a terminal its progress is shown.

Examples:
  registry-guard apply -f policy.yaml --dry-run
  registry-guard apply -f policy.yaml --if-match 12
  registry-guard apply -f policy.yaml --no-wait
  registry-guard export | sed s/Deny/Allow/ | registry-guard apply -f - --dry-run --output json

A document:
  version: 1
  registries:
  - name: contoso
    defaultAction: Deny
    ipRules:
    - ipAddressOrRange: 203.0.113.0/24
    virtualNetworkRules:
    - virtualNetwork: office
      subnet: ci")]
pub(crate) struct ApplyArguments {
    /// The document, YAML or JSON; - for standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Say what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not wait until it is done: print the operation, which `operation wait` waits for
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `restore`
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").args(["name", "from", "list"]).required(true)), after_help = "\
With --name everyone can reach the registry afterwards: all its network rules are removed, its default action is Allow, public \
network access is enabled. Private endpoint connections, the trusted-service bypass, data endpoints and virtual networks stay as they \
are, and the registry stays guarded.

With --from the whole policy becomes what a copy says, in one step. The agent makes good copies by itself, each with its \
SHA-256, and checks it. A policy store that cannot be read is moved aside, and the copy takes its place. On a terminal it asks first.

Examples:
  registry-guard export --name contoso > contoso.yaml
  registry-guard restore --name contoso --yes
  registry-guard apply -f contoso.yaml
  registry-guard restore --list --output table
  registry-guard restore --from last-good --yes
  registry-guard restore --from /backup/policy.db")]
pub(crate) struct RestoreArguments {
    /// Put this registry back to default access (its name as config.toml has it, case does not matter)
    #[arg(short, long, value_name = "REGISTRY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: Option<String>,
    /// Put the policy of a good copy in force: last-good, a revision, or the path of a policy store
    #[arg(long, value_name = "COPY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) from: Option<String>,
    /// List the good copies, the newest first
    #[arg(long)]
    pub(crate) list: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}
