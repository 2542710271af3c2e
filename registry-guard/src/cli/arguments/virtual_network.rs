//! `network vnet`.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::change_terms::ChangeTerms;
use super::output::OutputArguments;
use super::subnet::SubnetCommand;

/// The groups of `network`.
#[derive(Debug, Subcommand)]
pub(crate) enum NetworkCommand {
    /// Virtual networks: a VXLAN network identifier and its address space
    #[command(subcommand)]
    Vnet(VirtualNetworkCommand),
}

/// The verbs of `network vnet`.
#[derive(Debug, Subcommand)]
pub(crate) enum VirtualNetworkCommand {
    /// Describe a virtual network
    Create(CreateNetworkArguments),
    /// List the virtual networks
    List(ListNetworksArguments),
    /// Show one virtual network and its subnets
    Show(ShowNetworkArguments),
    /// Change a virtual network; what is not named stays as it is
    Update(UpdateNetworkArguments),
    /// Forget a virtual network that no rule and no private endpoint names
    Delete(DeleteNetworkArguments),
    /// Subnets of a virtual network
    #[command(subcommand)]
    Subnet(SubnetCommand),
}

/// `network vnet create`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  registry-guard network vnet create --name office --vni 5001 --address-prefixes 10.1.0.0/16 fd00:1::/48")]
pub(crate) struct CreateNetworkArguments {
    /// The name of the new virtual network: 1 to 80 of A-Z a-z 0-9 . _ -, starting with a letter or digit
    #[arg(short, long, value_name = "NETWORK", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    /// The VXLAN network identifier, 1 to 16777215
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=0x00ff_ffff))]
    pub(crate) vni: u32,
    /// The address space: one or more IPv4 or IPv6 prefixes, separated by spaces or commas
    #[arg(long, alias = "address-prefix", value_name = "PREFIX", num_args = 1.., value_delimiter = ',', required = true, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) address_prefixes: Vec<String>,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `network vnet list`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  registry-guard network vnet list --query \"[].{Name: name, Subnet: subnets[0].name}\" --output table")]
pub(crate) struct ListNetworksArguments {
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `network vnet show`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  registry-guard network vnet show --name office")]
pub(crate) struct ShowNetworkArguments {
    /// The virtual network (case does not matter)
    #[arg(short, long, value_name = "NETWORK", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `network vnet update`
#[derive(Debug, Args)]
#[command(after_help = "\
At least one of --vni and --address-prefixes must be named. Subnets and private endpoints must lie inside of the new address \
space.

Examples:
  registry-guard network vnet update --name office --address-prefixes 10.1.0.0/16 10.4.0.0/16
  registry-guard network vnet update --name office --vni 5002")]
pub(crate) struct UpdateNetworkArguments {
    /// The virtual network (case does not matter)
    #[arg(short, long, value_name = "NETWORK", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) settings: NetworkSettings,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// What `vnet update` can change; at least one.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct NetworkSettings {
    /// The VXLAN network identifier, 1 to 16777215; unchanged unless given
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=0x00ff_ffff))]
    pub(crate) vni: Option<u32>,
    /// One or more IPv4 or IPv6 prefixes, separated by spaces or commas; they replace the present ones, which stay unless given
    #[arg(long, alias = "address-prefix", value_name = "PREFIX", num_args = 1.., value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub(crate) address_prefixes: Option<Vec<String>>,
}

/// `network vnet delete`
#[derive(Debug, Args)]
#[command(after_help = "\
Refused while a registry's rule names one of its subnets, or a registry has a private endpoint in it.

Example:
  registry-guard network vnet delete --name office")]
pub(crate) struct DeleteNetworkArguments {
    /// The virtual network (case does not matter)
    #[arg(short, long, value_name = "NETWORK", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}
