//! `network-rule`.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueEnum};

use super::change_terms::ChangeTerms;
use super::output::OutputArguments;
use crate::cli::failure::Failure;
use crate::cli::resource_path;

/// The verbs of `network-rule`.
#[derive(Debug, Subcommand)]
pub(crate) enum NetworkRuleCommand {
    /// Add one rule; adding it twice is one rule
    Add(AddRuleArguments),
    /// List the rules of a registry
    List(ListRulesArguments),
    /// Remove one rule
    Remove(RemoveRuleArguments),
}

/// `network-rule add`
#[derive(Debug, Args)]
#[command(after_help = "\
Returns once the kernel enforces the rule, and prints the revision that does. The most specific prefix wins, so a \
Deny rule makes an exception in a wider Allow rule. A rule for the same source is there only once: --action changes it, and \
without --action a Deny rule stays and the command is refused.

Examples:
  registry-guard network-rule add --name contoso --ip-address 203.0.113.0/24
  registry-guard network-rule add --name contoso --ip-address 203.0.113.66 --action Deny
  registry-guard network-rule add --name contoso --vnet-name office --subnet ci
  registry-guard network-rule add --name contoso --service-tag AzureContainerRegistry.WestEurope")]
pub(crate) struct AddRuleArguments {
    /// The registry, as config.toml names it (case does not matter)
    #[arg(short, long, value_name = "REGISTRY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) target: RuleTarget,
    /// What becomes of the sources that the rule names; Allow unless given
    #[arg(long, value_enum, ignore_case = true, value_name = "ACTION")]
    pub(crate) action: Option<Action>,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `network-rule list`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  registry-guard network-rule list --name contoso --output table
  registry-guard network-rule list --name contoso --query \"ipRules[].ipAddressOrRange\" --output tsv
  registry-guard network-rule list --name contoso --hits")]
pub(crate) struct ListRulesArguments {
    /// The registry, as config.toml names it (case does not matter)
    #[arg(short, long, value_name = "REGISTRY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    /// Also print how many connections each rule decided, and whether a virtual-network or service-tag rule is in effect
    #[arg(long)]
    pub(crate) hits: bool,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `network-rule remove`
#[derive(Debug, Args)]
#[command(after_help = "\
An address and its /32 (or /128) name the same rule. Exits with 3 if there is no such rule.

Examples:
  registry-guard network-rule remove --name contoso --ip-address 203.0.113.0/24
  registry-guard network-rule remove --name contoso --vnet-name office --subnet ci
  registry-guard network-rule remove --name contoso --service-tag AzureContainerRegistry.WestEurope")]
pub(crate) struct RemoveRuleArguments {
    /// The registry, as config.toml names it (case does not matter)
    #[arg(short, long, value_name = "REGISTRY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) target: RuleTarget,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// Which rule: exactly one of an address, a subnet and a service tag.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct RuleTarget {
    #[arg(
        long,
        help = "An IPv4 or IPv6 address or prefix, for example 203.0.113.9, 203.0.113.0/24 or 2001:db8::/32", value_name = "IP-OR-CIDR", conflicts_with_all = ["subnet", "vnet_name"], value_parser = NonEmptyStringValueParser::new())]
    ip_address: Option<String>,
    /// A subnet's full id, or its name together with --vnet-name
    #[arg(long, value_name = "ID-OR-NAME", value_parser = NonEmptyStringValueParser::new())]
    subnet: Option<String>,
    /// The virtual network of a subnet given by name
    #[arg(long, value_name = "NETWORK", requires = "subnet", value_parser = NonEmptyStringValueParser::new())]
    vnet_name: Option<String>,
    /// A service tag, whose prefixes are those of the imported file (case does not matter)
    #[arg(long, value_name = "TAG", conflicts_with_all = ["ip_address", "subnet", "vnet_name"], value_parser = NonEmptyStringValueParser::new())]
    service_tag: Option<String>,
}

/// A [`RuleTarget`] whose flags fit together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RuleSource {
    /// An address or prefix, as typed.
    Ip(String),
    /// The full ARM id of a subnet.
    Subnet(String),
    /// The name of a service tag, as typed.
    ServiceTag(String),
}

impl RuleTarget {
    /// Resolves a subnet's name to its id; a combination that names nothing, or two things, is a usage error.
    pub(crate) fn source(self) -> Result<RuleSource, Failure> {
        const FORMS: &str =
            "accepted: --ip-address IP-OR-CIDR, --subnet ID, --subnet NAME --vnet-name NETWORK, or --service-tag TAG";
        if let Some(tag) = self.service_tag {
            return Ok(RuleSource::ServiceTag(tag));
        }
        match (self.ip_address, self.subnet, self.vnet_name) {
            (Some(ip), None, None) => Ok(RuleSource::Ip(ip)),
            (None, Some(id), None) if id.starts_with('/') => Ok(RuleSource::Subnet(id)),
            (None, Some(name), None) => Err(Failure::Usage(format!(
                "--subnet {name}: a name says nothing without --vnet-name, and a full id starts with /subscriptions/; {FORMS}"
            ))),
            (None, Some(id), Some(_)) if id.starts_with('/') => Err(Failure::Usage(format!(
                "--subnet {id}: a full id already names the virtual network, so --vnet-name cannot be given too; {FORMS}"
            ))),
            (None, Some(name), Some(network)) => Ok(RuleSource::Subnet(resource_path::subnet_id(&network, &name))),
            _ => Err(Failure::Usage(FORMS.to_owned())),
        }
    }
}

/// What a rule, or the absence of one, does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Action {
    /// Let the connection through.
    #[value(name = "Allow")]
    Allow,
    /// Turn it away.
    #[value(name = "Deny")]
    Deny,
}

impl Action {
    /// The word on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }
}
