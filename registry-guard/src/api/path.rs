//! Paths as clients write them: their fixed words in any case, perhaps with slashes too many.

use axum::extract::Request;
use axum::http::Uri;
use axum::http::uri::PathAndQuery;

/// What follows one of these is a name, which is left as it is.
const COLLECTIONS: [&str; 8] = [
    "registries",
    "iprules",
    "virtualnetworkrules",
    "servicetagrules",
    "privateendpointconnections",
    "virtualnetworks",
    "subnets",
    "servicetags",
];

/// Rewrites the path of a request so that its fixed words are lower-case and each slash is one.
pub(super) fn normalise(mut request: Request) -> Request {
    if let Some(uri) = normalised(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

fn normalised(uri: &Uri) -> Option<Uri> {
    let mut path = words(uri.path());
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(path).ok()?);
    Uri::from_parts(parts).ok()
}

fn words(path: &str) -> String {
    let mut whole = String::with_capacity(path.len());
    let mut name_follows = false;
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        whole.push('/');
        if name_follows {
            whole.push_str(segment);
            name_follows = false;
        } else {
            let word = segment.to_ascii_lowercase();
            name_follows = COLLECTIONS.contains(&word.as_str());
            whole.push_str(&word);
        }
    }
    if whole.is_empty() { "/".to_owned() } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(path: &str) -> String {
        normalised(&path.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn fixed_words_are_lower_case_and_names_as_they_were() {
        assert_eq!(
            rewritten(
                "/Subscriptions/0/resourceGroups/RG/PROVIDERS/Microsoft.ContainerRegistry/Registries/Contoso/IpRules"
            ),
            "/subscriptions/0/resourcegroups/rg/providers/microsoft.containerregistry/registries/Contoso/iprules"
        );
        assert_eq!(rewritten("/virtualNetworks/Subnets/subnets/SubNets"), "/virtualnetworks/Subnets/subnets/SubNets");
        assert_eq!(rewritten("/STATUS"), "/status");
    }

    #[test]
    fn slashes_too_many_are_dropped() {
        assert_eq!(rewritten("//subscriptions///0//"), "/subscriptions/0");
        assert_eq!(rewritten("/"), "/");
        assert_eq!(rewritten("///"), "/");
    }

    #[test]
    fn a_percent_encoded_name_and_the_query_survive() {
        let path = "/registries/contoso/ipRules/2001%3ADB8%3A%3A%2F32?api-version=2025-11-01&Return=Minimal";
        assert_eq!(
            rewritten(path),
            "/registries/contoso/iprules/2001%3ADB8%3A%3A%2F32?api-version=2025-11-01&Return=Minimal"
        );
        let id = "%2Fsubscriptions%2F0%2FresourceGroups%2FRG";
        assert!(rewritten(&format!("/registries/contoso/virtualNetworkRules/{id}")).ends_with(id));
    }
}
