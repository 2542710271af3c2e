//! `check`.

use std::net::IpAddr;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::output::OutputArguments;

/// `check`
#[derive(Debug, Args)]
#[command(after_help = "\
Prints the verdict, its reason and the rule that decided. The answer comes from the program loaded in the kernel and leaves \
no trace in its counters. Exits with 0 whatever the verdict is.

Examples:
  registry-guard check --name contoso --source 203.0.113.9
  registry-guard check --name contoso --source 10.1.7.20 --vni 5001 --query verdict --output tsv
  registry-guard check --name contoso --source 10.1.7.20 --vni 5001 --destination 10.1.0.4")]
pub(crate) struct CheckArguments {
    /// The registry, as config.toml names it (case does not matter)
    #[arg(short, long, value_name = "REGISTRY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    /// The source address of the connection, IPv4 or IPv6
    #[arg(long, value_name = "IP", value_parser = address)]
    pub(crate) source: IpAddr,
    /// The VXLAN network identifier the connection arrives with, 1 to 16777215; without it, it is public traffic
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=0x00ff_ffff))]
    pub(crate) vni: Option<u32>,
    /// The address it is for; without it, the registry's private endpoint in that network, else its first endpoint
    #[arg(long, value_name = "IP", value_parser = address)]
    pub(crate) destination: Option<IpAddr>,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "accepted: one IPv4 or IPv6 address such as 203.0.113.9 or 2001:db8::9".to_owned())
}
