//! `private-endpoint-connection`.

use std::net::IpAddr;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::change_terms::ChangeTerms;
use super::output::OutputArguments;

/// The verbs of `private-endpoint-connection`.
#[derive(Debug, Subcommand)]
pub(crate) enum PrivateEndpointCommand {
    /// Let a virtual network reach a registry at an address inside of it; doing it twice is one connection
    Create(CreateEndpointArguments),
    /// List the private endpoint connections of a registry
    List(ListEndpointsArguments),
    /// Show one private endpoint connection
    Show(ShowEndpointArguments),
    /// Let a rejected private endpoint connection count again
    Approve(DecideArguments),
    /// Keep a private endpoint connection, but let it count no more
    Reject(DecideArguments),
    /// Forget a private endpoint connection
    Delete(DeleteEndpointArguments),
}

/// `private-endpoint-connection create`
#[derive(Debug, Args)]
#[command(after_help = "\
Connections that arrive from the virtual network at this address are allowed, whatever the rules, the default action and \
public network access say. Connections from elsewhere to the same address are judged like any other. The registry must \
listen there (`listen` in config.toml), and no other connection may have the address in that network.

Example:
  registry-guard private-endpoint-connection create --registry-name contoso --name office \\
      --vnet-name office --ip-address 10.1.0.4")]
pub(crate) struct CreateEndpointArguments {
    #[command(flatten)]
    pub(crate) endpoint: EndpointArguments,
    /// The virtual network, by name or full id (case does not matter)
    #[arg(long, value_name = "NETWORK", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) vnet_name: String,
    /// The address that clients in the network connect to: inside its address space, IPv4 or IPv6
    #[arg(long, value_name = "IP", value_parser = address)]
    pub(crate) ip_address: IpAddr,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `private-endpoint-connection list`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  registry-guard private-endpoint-connection list --registry-name contoso --output table")]
pub(crate) struct ListEndpointsArguments {
    /// The registry, as config.toml names it (case does not matter)
    #[arg(short, long, value_name = "REGISTRY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) registry_name: String,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `private-endpoint-connection show`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  registry-guard private-endpoint-connection show --registry-name contoso --name office --query hits")]
pub(crate) struct ShowEndpointArguments {
    #[command(flatten)]
    pub(crate) endpoint: EndpointArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `private-endpoint-connection approve` and `reject`
#[derive(Debug, Args)]
#[command(after_help = "\
Returns once the kernel enforces it.

Examples:
  registry-guard private-endpoint-connection approve --registry-name contoso --name office
  registry-guard private-endpoint-connection reject -r contoso -n office --description \"moved to the lab\"")]
pub(crate) struct DecideArguments {
    #[command(flatten)]
    pub(crate) decision: Decision,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// What is decided about which connection.
#[derive(Debug, Args)]
pub(crate) struct Decision {
    #[command(flatten)]
    pub(crate) endpoint: EndpointArguments,
    /// Why: one line of at most 140 characters; unchanged unless given
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
}

/// `private-endpoint-connection delete`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  registry-guard private-endpoint-connection delete --registry-name contoso --name office")]
pub(crate) struct DeleteEndpointArguments {
    #[command(flatten)]
    pub(crate) endpoint: EndpointArguments,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// Which connection.
#[derive(Debug, Args)]
pub(crate) struct EndpointArguments {
    /// The registry, as config.toml names it (case does not matter)
    #[arg(short, long, value_name = "REGISTRY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) registry_name: String,
    /// The connection: 1 to 80 of A-Z a-z 0-9 . _ -, starting with a letter or digit (case does not matter)
    #[arg(short, long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "accepted: one IPv4 or IPv6 address such as 10.1.0.4 or 2001:db8::4".to_owned())
}
