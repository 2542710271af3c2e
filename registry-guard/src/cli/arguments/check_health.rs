//! `check-health`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::output::{Format, OutputArguments, SharedArguments};
use crate::cli::health::Target;
use crate::cli::output::Query;

/// `check-health`
#[derive(Debug, Args)]
#[command(after_help = "\
Looks as a client does: proxy variables, DNS, TCP, the certificate's name, dates and issuer, what /v2/ answers, the clock; and \
where the agent can be asked, whether the rules let this machine in. Each line that is not ok says what to do. It sends no \
password and uses no proxy.

With --name the agent says which hosts the registry has. On a machine without the agent, name them yourself: --login-server, and \
--data-endpoint for each that `show-endpoints` prints.

Exits with 1 if something failed, unless --ignore-errors is given; a warning is no failure.

Examples:
  registry-guard check-health --name contoso
  registry-guard check-health --login-server contoso.example.com --data-endpoint contoso.local.data.example.com
  registry-guard check-health --login-server contoso.example.com:5000 --ca-file ca.crt --timeout 2 --output json")]
pub(crate) struct CheckHealthArguments {
    /// The registry, as config.toml names it (case does not matter)
    #[arg(short, long, value_name = "REGISTRY", required_unless_present = "login_server", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: Option<String>,
    /// The login server, on a machine without the agent
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) login_server: Option<Target>,
    /// A data endpoint, with --login-server; may be given several times
    #[arg(long = "data-endpoint", value_name = "HOST[:PORT]", requires = "login_server")]
    pub(crate) data_endpoints: Vec<Target>,
    /// A file of certificates (PEM) to trust besides those that this machine trusts
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// How long each step may take
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=120))]
    pub(crate) timeout: u64,
    /// Exit with 0 whatever was found
    #[arg(long)]
    pub(crate) ignore_errors: bool,
    /// Accepted for scripts written for az: nothing is ever asked
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// The format of the answer; readable lines unless given
    #[arg(short, long, value_enum, ignore_case = true, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) output: Option<Format>,
    #[arg(
        long,
        help = "A JMESPath expression applied to the answer, for example \"checks[?status!='ok']\"",
        value_name = "JMESPATH", value_parser = Query::parse, help_heading = "Output")]
    pub(crate) query: Option<Query>,
    /// Drop notes and warnings from standard error
    #[arg(long, help_heading = "Output")]
    pub(crate) only_show_errors: bool,
    #[command(flatten)]
    pub(crate) shared: SharedArguments,
}

impl CheckHealthArguments {
    /// The output flags as other commands have them, and whether people read the lines.
    pub(crate) fn take_output(&mut self) -> (OutputArguments, bool) {
        let lines = self.output.is_none() && self.query.is_none();
        let output = OutputArguments {
            output: self.output.unwrap_or(Format::Json),
            query: self.query.take(),
            only_show_errors: self.only_show_errors,
            shared: std::mem::take(&mut self.shared),
        };
        (output, lines)
    }
}
