//! `show`, `list`, `update`, `show-endpoints`.

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Args, Command, Error};

use super::change_terms::ChangeTerms;
use super::network_rule::Action;
use super::output::OutputArguments;

/// `show`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  registry-guard show --name contoso
  registry-guard show -n contoso --query networkRuleSet.defaultAction --output tsv")]
pub(crate) struct ShowArguments {
    /// The registry, as config.toml names it (case does not matter)
    #[arg(short, long, value_name = "REGISTRY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `list`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  registry-guard list --output table
  registry-guard list --query \"[].loginServer\" --output tsv")]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `update`
#[derive(Debug, Args)]
#[command(after_help = "\
At least one setting must be named. `--public-network-enabled false` also sets the default action to Deny, as \
az does; `true` leaves the default action as it is. Which services are trusted, and where they come from, is in config.toml \
(`[[trusted-service]]`).

Examples:
  registry-guard update --name contoso --default-action Deny
  registry-guard update --name contoso --public-network-enabled false
  registry-guard update --name contoso --default-action Allow --if-match 7 --query revision")]
pub(crate) struct UpdateArguments {
    /// The registry, as config.toml names it (case does not matter)
    #[arg(short, long, value_name = "REGISTRY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) terms: ChangeTerms,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// What `update` can change; at least one.
#[derive(Debug, Default, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Settings {
    /// What becomes of a source that no rule names; unchanged unless given
    #[arg(long, value_enum, ignore_case = true, value_name = "ACTION")]
    pub(crate) default_action: Option<Action>,
    /// Whether rules may let anyone in; false leaves private endpoints and trusted services; unchanged unless given
    #[arg(long, value_name = "BOOL", value_parser = Switch, ignore_case = true, num_args = 0..=1, default_missing_value = "true")]
    pub(crate) public_network_enabled: Option<bool>,
    /// Whether trusted services may bypass the rules, and disabled public access; unchanged unless given
    #[arg(long, value_name = "BOOL", value_parser = Switch, ignore_case = true, num_args = 0..=1, default_missing_value = "true")]
    pub(crate) allow_trusted_services: Option<bool>,
    /// Premium, which every registry is here
    #[arg(long, value_name = "SKU", value_parser = PossibleValuesParser::new(["Premium"]), ignore_case = true)]
    pub(crate) sku: Option<String>,
    /// Whether layers are served from the registry's data endpoints; unchanged unless given
    #[arg(long, value_name = "BOOL", value_parser = Switch, ignore_case = true, num_args = 0..=1, default_missing_value = "true")]
    pub(crate) data_endpoint_enabled: Option<bool>,
}

/// `show-endpoints`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  registry-guard show-endpoints --name contoso --output table")]
pub(crate) struct ShowEndpointsArguments {
    /// The registry, as config.toml names it (case does not matter)
    #[arg(short, long, value_name = "REGISTRY", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// `true` or `false` in any case; the flag alone means `true`.
#[derive(Clone)]
struct Switch;

impl TypedValueParser for Switch {
    type Value = bool;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &std::ffi::OsStr) -> Result<bool, Error> {
        PossibleValuesParser::new(["true", "false"])
            .parse_ref(command, argument, value)
            .map(|text| text.eq_ignore_ascii_case("true"))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = clap::builder::PossibleValue> + '_>> {
        Some(Box::new(["true", "false"].into_iter().map(clap::builder::PossibleValue::new)))
    }
}
