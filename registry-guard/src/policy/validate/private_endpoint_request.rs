use std::net::IpAddr;

use super::unknown_word;
use crate::policy::{ConnectionStatus, PolicyError, PrivateEndpoint, PrivateEndpointRequest, network_id};

pub(super) const NETWORK: &str = "virtualNetwork";
pub(super) const ADDRESS: &str = "ipAddress";
const ACCEPTED_ADDRESS: &str = "one address such as 10.1.0.4 or 2001:db8::4";
const MOST_CHARACTERS: usize = 140;

/// The name in what may be a name or a full id.
pub(super) fn network_name(asked: &str) -> Result<&str, PolicyError> {
    if !asked.starts_with('/') {
        return Ok(asked);
    }
    let start = network_id("");
    let named = asked.split_at_checked(start.len()).filter(|(fixed, _)| fixed.eq_ignore_ascii_case(&start));
    named.map(|(_, name)| name).filter(|name| !name.is_empty() && !name.contains('/')).ok_or_else(|| {
        let accepted = format!("a name, or {}", network_id("{network}"));
        PolicyError::invalid(NETWORK, asked, "is not the id of a virtual network on this host", accepted)
    })
}

pub(super) fn address_of(
    request: &PrivateEndpointRequest,
    before: Option<&PrivateEndpoint>,
) -> Result<IpAddr, PolicyError> {
    match (&request.address, before) {
        (Some(asked), _) => {
            asked.parse().map_err(|_| PolicyError::invalid(ADDRESS, asked, "is not an IP address", ACCEPTED_ADDRESS))
        }
        (None, Some(before)) => Ok(before.address),
        (None, None) => Err(PolicyError::missing(ADDRESS, ACCEPTED_ADDRESS)),
    }
}

/// Whoever creates it through this API may also approve it, so that is what it is unless something else is said.
pub(super) fn status_of(
    request: &PrivateEndpointRequest,
    before: Option<&PrivateEndpoint>,
) -> Result<ConnectionStatus, PolicyError> {
    match &request.status {
        None => Ok(before.map_or(ConnectionStatus::Approved, |before| before.status)),
        Some(word) => ConnectionStatus::parse(word)
            .ok_or_else(|| unknown_word("privateLinkServiceConnectionState.status", word, ConnectionStatus::ACCEPTED)),
    }
}

pub(super) fn description_of(
    request: &PrivateEndpointRequest,
    before: Option<&PrivateEndpoint>,
) -> Result<String, PolicyError> {
    let Some(text) = &request.description else {
        return Ok(before.map_or_else(String::new, |before| before.description.clone()));
    };
    if text.chars().count() > MOST_CHARACTERS || text.chars().any(char::is_control) {
        let field = "privateLinkServiceConnectionState.description";
        let accepted = format!("one line of at most {MOST_CHARACTERS} characters");
        return Err(PolicyError::invalid(field, text, "is too long or has control characters", accepted));
    }
    Ok(text.clone())
}
