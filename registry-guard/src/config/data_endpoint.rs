use std::net::SocketAddr;

use toml::Spanned;

use super::endpoint::listen;
use super::host_name::{host_name, is_label};
use super::raw::{self, Text};
use super::registry::{ACCEPTED_HOST, ACCEPTED_LISTEN};
use super::source::Source;
use super::{ConfigError, DataEndpoint};

const FIELD: &str = "registry.data-endpoints";
const ACCEPTED_REGION: &str = "1 to 63 letters, digits and hyphens, such as local";

/// The registry that a data endpoint belongs to, for the name that it has unless the file says another.
pub(super) struct Owner<'a> {
    pub(super) name: &'a str,
    pub(super) login_server: &'a str,
}

impl Owner<'_> {
    /// `<registry>.<region>.data.<suffix>` as in Azure, where the suffix is what follows the first label of the login server;
    /// with its port where that is not the port of HTTPS. `None` when the login server is a single label.
    fn default_name(&self, region: &str, listen: &[SocketAddr]) -> Option<String> {
        let host = self.login_server.split(':').next()?;
        let (_, suffix) = host.split_once('.')?;
        let name = format!("{}.{region}.data.{suffix}", self.name).to_ascii_lowercase();
        let port = listen.first().map(SocketAddr::port).filter(|port| *port != 443);
        Some(port.map_or_else(|| name.clone(), |port| format!("{name}:{port}")))
    }
}

pub(super) fn data_endpoint(
    source: &Source<'_>,
    table: Spanned<raw::DataEndpoint>,
    owner: &Owner<'_>,
    vxlan_port: u16,
) -> Result<DataEndpoint, ConfigError> {
    let at = table.span().start;
    let raw = table.into_inner();
    let field = |part: &str| format!("{FIELD}.{part}");
    let region = region(source, raw.region.ok_or_else(|| source.missing(at, &field("region"), ACCEPTED_REGION))?)?;
    if raw.listen.is_empty() {
        return Err(source.missing(at, &field("listen"), ACCEPTED_LISTEN));
    }
    let listen = listen(source, &field("listen"), &raw.listen, vxlan_port)?;
    let name = match &raw.name {
        Some(name) => host_name(source, &field("name"), name)?,
        None => {
            owner.default_name(&region, &listen).ok_or_else(|| source.missing(at, &field("name"), ACCEPTED_HOST))?
        }
    };
    Ok(DataEndpoint { name, region, listen })
}

fn region(source: &Source<'_>, region: Text) -> Result<String, ConfigError> {
    if is_label(region.get_ref()) {
        return Ok(region.into_inner());
    }
    let field = format!("{FIELD}.region");
    Err(source.invalid(&region.span(), &field, region.get_ref(), "is not a region", ACCEPTED_REGION))
}
