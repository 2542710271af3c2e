use anyhow::Result;
use tests::net::{Agent, Network};

use crate::screen::ms;

/// The registry's name to the guard.
pub(crate) const REGISTRY: &str = "contoso";

const COMMANDS: [&str; 6] = [
    "network-rule add --name contoso --ip-address 198.51.100.0/25",
    "network-rule add --name contoso --ip-address 2001:db8:1::/64",
    "network vnet create --name corp --vni 5001 --address-prefixes 10.1.0.0/16",
    "network vnet subnet create --vnet-name corp --name ci --address-prefixes 10.1.0.0/26 \
     --service-endpoints Microsoft.ContainerRegistry",
    "network vnet create --name other --vni 5002 --address-prefixes 10.1.0.0/16",
    "network-rule add --name contoso --vnet-name corp --subnet ci",
];

/// The host's facts: what to guard, and which VTEPs to believe.
pub(crate) fn config(network: &Network) -> String {
    format!(
        "interfaces = {:?}\n\
         [vxlan]\n\
         trusted-vteps = [\"192.0.2.11\", \"192.0.2.12\"]\n\
         [[registry]]\n\
         name = \"{REGISTRY}\"\n\
         login-server = \"{}\"\n\
         listen = [\"{}:443\", \"[{}]:443\"]\n\
         deny-response = \"drop\"\n",
        network.interfaces(),
        Network::LOGIN_SERVER,
        Network::REGISTRY_V4,
        Network::REGISTRY_V6
    )
}

/// Names the networks that may come in, with the commands that an owner would type.
pub(crate) fn write(agent: &Agent) -> Result<()> {
    for command in COMMANDS {
        let ran = agent.cli(command.split_whitespace())?.expect_success()?;
        println!("  $ registry-guard {command}   ({})", ms(ran.took));
    }
    Ok(())
}
