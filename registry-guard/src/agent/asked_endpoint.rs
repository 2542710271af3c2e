//! Where a connection would go that `check` asks about.

use std::net::{IpAddr, SocketAddr};

use super::report::CheckReport;
use super::{Agent, question};
use crate::policy::PolicyError;

impl Agent {
    /// The endpoint that `report` asks about; `None` if the registry has none in the source's family.
    pub(super) fn asked_endpoint(
        &self,
        report: &CheckReport,
        asked: Option<IpAddr>,
    ) -> Result<Option<SocketAddr>, PolicyError> {
        let Some(host) = self.config().registry(&report.registry) else { return Ok(None) };
        let hears = |endpoint: &SocketAddr, address: IpAddr| {
            let everywhere = endpoint.ip().is_unspecified() && (endpoint.is_ipv6() || address.is_ipv4());
            endpoint.ip() == address || everywhere
        };
        let at = |address: IpAddr| {
            let endpoint = host.addresses().find(|endpoint| hears(endpoint, address));
            endpoint.map(|endpoint| SocketAddr::new(address, endpoint.port()))
        };
        if let Some(asked) = asked {
            if asked.is_ipv4() != report.source.is_ipv4() {
                let accepted = "an address of the same family as the source";
                return Err(PolicyError::invalid("destination", asked.to_string(), "is of another family", accepted));
            }
            let listening: Vec<String> = host.addresses().map(|endpoint| endpoint.ip().to_string()).collect();
            return at(asked).map(Some).ok_or_else(|| {
                let problem = format!("is no address that registry `{}` listens on", host.name);
                PolicyError::invalid("destination", asked.to_string(), problem, listening.join(", "))
            });
        }
        let private = report.vni.and_then(|vni| self.private_address(report, vni)).and_then(at);
        let anywhere = question::unspecified(report.source);
        let first = || {
            let reachable =
                |endpoint: &SocketAddr| hears(endpoint, anywhere) || endpoint.is_ipv4() == report.source.is_ipv4();
            let endpoint = host.addresses().find(reachable)?;
            let address = if endpoint.ip().is_unspecified() { anywhere } else { endpoint.ip() };
            Some(SocketAddr::new(address, endpoint.port()))
        };
        Ok(private.or_else(first))
    }

    /// Where sources of the network `vni` find the registry, in the family of the source.
    fn private_address(&self, report: &CheckReport, vni: u32) -> Option<IpAddr> {
        self.read(|policy| {
            let network = policy.networks.values().find(|network| network.vni == vni)?;
            let ours = policy.registry(&report.registry)?.private_endpoints.iter().filter(|endpoint| {
                endpoint.is_approved()
                    && endpoint.is_in(&network.name)
                    && endpoint.address.is_ipv4() == report.source.is_ipv4()
            });
            ours.map(|endpoint| endpoint.address).next()
        })
    }
}
