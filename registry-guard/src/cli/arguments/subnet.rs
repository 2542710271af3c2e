//! `network vnet subnet`.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::change_terms::ChangeTerms;
use super::output::OutputArguments;

/// The verbs of `network vnet subnet`.
#[derive(Debug, Subcommand)]
pub(crate) enum SubnetCommand {
    /// Describe a subnet of a virtual network
    Create(CreateSubnetArguments),
    /// List the subnets of a virtual network
    List(ListSubnetsArguments),
    /// Show one subnet
    Show(ShowSubnetArguments),
    /// Change a subnet; what is not named stays as it is
    Update(UpdateSubnetArguments),
    /// Forget a subnet that no rule names
    Delete(DeleteSubnetArguments),
}

/// `network vnet subnet create`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  registry-guard network vnet subnet create --vnet-name office --name ci \\
      --address-prefixes 10.1.7.0/24 --service-endpoints Microsoft.ContainerRegistry")]
pub(crate) struct CreateSubnetArguments {
    /// The virtual network (case does not matter)
    #[arg(long, value_name = "NETWORK", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) vnet_name: String,
    /// The name of the new subnet: 1 to 80 of A-Z a-z 0-9 . _ -, starting with a letter or digit
    #[arg(short, long, value_name = "SUBNET", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    /// One or more IPv4 or IPv6 prefixes inside the network's address space, separated by spaces or commas
    #[arg(long, alias = "address-prefix", value_name = "PREFIX", num_args = 1.., value_delimiter = ',', required = true, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) address_prefixes: Vec<String>,
    /// Microsoft.ContainerRegistry, without which no rule that names the subnet counts; "" for none, the default
    #[arg(long, value_name = "SERVICE", num_args = 1.., value_delimiter = ',')]
    pub(crate) service_endpoints: Option<Vec<String>>,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `network vnet subnet list`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  registry-guard network vnet subnet list --vnet-name office --output table")]
pub(crate) struct ListSubnetsArguments {
    /// The virtual network (case does not matter)
    #[arg(long, value_name = "NETWORK", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) vnet_name: String,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `network vnet subnet show`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  registry-guard network vnet subnet show --vnet-name office --name ci --query id --output tsv")]
pub(crate) struct ShowSubnetArguments {
    /// The virtual network (case does not matter)
    #[arg(long, value_name = "NETWORK", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) vnet_name: String,
    /// The subnet (case does not matter)
    #[arg(short, long, value_name = "SUBNET", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `network vnet subnet update`
#[derive(Debug, Args)]
#[command(after_help = "\
At least one of --address-prefixes and --service-endpoints must be named.

Examples:
  registry-guard network vnet subnet update --vnet-name office --name ci \\
      --service-endpoints Microsoft.ContainerRegistry
  registry-guard network vnet subnet update --vnet-name office --name ci --service-endpoints \"\"")]
pub(crate) struct UpdateSubnetArguments {
    /// The virtual network (case does not matter)
    #[arg(long, value_name = "NETWORK", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) vnet_name: String,
    /// The subnet (case does not matter)
    #[arg(short, long, value_name = "SUBNET", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) settings: SubnetSettings,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// What `subnet update` can change; at least one.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct SubnetSettings {
    /// One or more IPv4 or IPv6 prefixes, separated by spaces or commas; they replace the present ones, which stay unless given
    #[arg(long, alias = "address-prefix", value_name = "PREFIX", num_args = 1.., value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub(crate) address_prefixes: Option<Vec<String>>,
    /// Microsoft.ContainerRegistry, or "" for none; they replace the present ones, which stay unless given
    #[arg(long, value_name = "SERVICE", num_args = 1.., value_delimiter = ',')]
    pub(crate) service_endpoints: Option<Vec<String>>,
}

/// `network vnet subnet delete`
#[derive(Debug, Args)]
#[command(after_help = "\
Refused while a registry's rule names it.

Example:
  registry-guard network vnet subnet delete --vnet-name office --name ci")]
pub(crate) struct DeleteSubnetArguments {
    /// The virtual network (case does not matter)
    #[arg(long, value_name = "NETWORK", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) vnet_name: String,
    /// The subnet (case does not matter)
    #[arg(short, long, value_name = "SUBNET", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}
