use anyhow::Result;
use tests::net::{Agent, Certificate, GuardConfig, Network};

use crate::screen::ms;

/// The registry's name to the guard.
pub(crate) const REGISTRY: &str = GuardConfig::REGISTRY;
/// Where the 403 sends its reader.
pub(crate) const HELP: &str = "https://help.example.com/registry";
/// How many denied connections in a second are told why.
pub(crate) const BUDGET: u32 = 1000;

const COMMANDS: [&str; 6] = [
    "network-rule add --name contoso --ip-address 198.51.100.0/25",
    "network-rule add --name contoso --ip-address 2001:db8:1::/64",
    "network vnet create --name corp --vni 5001 --address-prefixes 10.1.0.0/16",
    "network vnet subnet create --vnet-name corp --name ci --address-prefixes 10.1.0.0/26 \
     --service-endpoints Microsoft.ContainerRegistry",
    "network vnet create --name other --vni 5002 --address-prefixes 10.1.0.0/16",
    "network-rule add --name contoso --vnet-name corp --subnet ci",
];

/// The host's facts: what to guard, which VTEPs to believe, and what denied clients are told.
pub(crate) fn config(network: &Network, certificate: &Certificate) -> String {
    let config = GuardConfig::of(network).trusted_vtep("192.0.2.11").trusted_vtep("192.0.2.12");
    config.forbidden(certificate).help(HELP).budget(20, BUDGET).to_string()
}

/// Names the networks that may come in, with the commands that an owner would type.
pub(crate) fn write(agent: &Agent) -> Result<()> {
    for command in COMMANDS {
        let ran = agent.cli(command.split_whitespace())?.expect_success()?;
        println!("  $ registry-guard {command}   ({})", ms(ran.took));
    }
    Ok(())
}
