use std::fmt::Write as _;

use anyhow::Result;

use super::carrier;
use super::client::Client;
use super::namespace::Namespace;

/// Makes the host's end of the client's link a port of a new bridge, and moves addresses and routes to the bridge.
pub(super) fn put_between(host: &Namespace, client: &Client, bridge: &str) -> Result<()> {
    let port = client.host_interface();
    let mut lines = format!(
        "link add {bridge} address {} type bridge\n\
         addr flush dev {port}\n\
         link set {port} master {bridge}\n\
         link set {bridge} up\n\
         addr add {}/64 dev {bridge} nodad\n",
        Client::HOST_MAC,
        Client::GATEWAY_V6
    );
    for address in client.addresses() {
        let length = if address.is_ipv4() { 32 } else { 128 };
        writeln!(lines, "route replace {address}/{length} dev {bridge}")?;
    }
    host.ip(&lines)?;
    carrier::wait(host, bridge)
}
