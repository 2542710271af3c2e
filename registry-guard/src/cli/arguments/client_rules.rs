//! `client-rules`.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};

use super::output::OutputArguments;

/// `client-rules`
#[derive(Debug, Args)]
#[command(after_help = "\
Prints what a client's own firewall must allow out: TCP to the login server and to every data endpoint, announced or not, so \
that a firewall can be prepared before data endpoints are switched on. Addresses are those of config.toml; where that has a \
wildcard, they are what DNS says on this host, and the output says so. Name resolution itself is not part of it.

nftables: loads with `nft -f`. An own chain and own sets in table `inet filter`, and a jump at the head of its chain `output`.
iptables: loads with `iptables-restore --noflush` and with `ip6tables-restore --noflush`; each takes the lines of its family.
json:     host names, addresses and ports, printed as --output and --query say.
Loading the rules again replaces what they allowed before.

Examples:
  registry-guard client-rules --name contoso --format nftables > contoso.nft
  registry-guard client-rules --name contoso --format iptables | iptables-restore --noflush
  registry-guard client-rules --name contoso --format nftables --service-tag AzureContainerRegistry
  registry-guard client-rules --name contoso --format json --query \"endpoints[].host\" --output tsv")]
pub(crate) struct ClientRulesArguments {
    /// The registry, as config.toml names it (case does not matter)
    #[arg(short, long, value_name = "REGISTRY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    /// For which firewall
    #[arg(long, value_enum, ignore_case = true, value_name = "FIREWALL")]
    pub(crate) format: Firewall,
    /// Also what belongs to these service tags, at port 443, as `service-tag list` names them
    #[arg(long = "service-tag", value_name = "NAME", num_args = 1.., value_parser = NonEmptyStringValueParser::new())]
    pub(crate) service_tags: Vec<String>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// Who reads the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Firewall {
    /// `nft`.
    Nftables,
    /// `iptables-restore` and `ip6tables-restore`.
    Iptables,
    /// Anybody else.
    Json,
}
