//! What the fuzz target `api` does with its bytes.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::backend::Backend as _;
use super::caller::{Caller, Process};
use super::routes::caller_routes;
use super::stand_in::StandIn;
use crate::policy::{SubnetId, network_id, private_endpoint_connection_id, registry_id, resource_group_id};

/// Every request that takes a body.
fn requests() -> [(Method, String); 12] {
    let registry = registry_id("contoso");
    let encoded =
        |segment: &str| percent_encoding::utf8_percent_encode(segment, percent_encoding::NON_ALPHANUMERIC).to_string();
    let subnet = SubnetId::new("hub", "builders");
    [
        (Method::PATCH, registry.clone()),
        (Method::PUT, registry.clone()),
        (Method::PUT, format!("{registry}/ipRules/{}", encoded("203.0.113.0/24"))),
        (Method::PUT, format!("{registry}/virtualNetworkRules/{}", encoded(&subnet.to_string()))),
        (Method::PUT, format!("{registry}/serviceTagRules/Storage")),
        (Method::PUT, private_endpoint_connection_id("contoso", "desk")),
        (Method::PUT, network_id("hub")),
        (Method::PUT, format!("{}/subnets/builders", network_id("hub"))),
        (Method::PUT, format!("{}/providers/Microsoft.Network/locations/local/serviceTags", resource_group_id())),
        (Method::POST, "/policy".to_owned()),
        (Method::POST, format!("{registry}/check")),
        (Method::PUT, network_id("spoke")),
    ]
}

/// As the bodies of requests, one for each line, whose first byte chooses the request. Each is answered, by no fault of the
/// server; one that is refused changes nothing, and one that was carried out changes nothing once more.
pub fn api(bytes: &[u8]) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let backend = Arc::new(StandIn::new());
        let service = TowerToHyperService::new(caller_routes(Arc::clone(&backend) as _));
        for line in bytes.split(|byte| *byte == b'\n').take(4) {
            let Some((choice, body)) = line.split_first() else { continue };
            let requests = requests();
            let (method, path) = &requests[usize::from(*choice) % requests.len()];
            let revision = || backend.policy().map(|policy| policy.revision).ok();
            for again in [false, true] {
                let mut request = Request::new(Body::from(body.to_vec()));
                *request.method_mut() = method.clone();
                *request.uri_mut() = path.parse().expect("a path");
                request.headers_mut().insert("content-type", "application/json".parse().expect("a value"));
                request.extensions_mut().insert(Caller::Local(Process { uid: 0, pid: None }));
                let before = revision();
                let Ok(answer) = service.call(request).await;
                let status = answer.status();
                assert!(!status.is_server_error(), "{method} {path}: {status}");
                let said = answer.into_body().collect().await.expect("a body").to_bytes();
                assert!(said.is_empty() || serde_json::from_slice::<serde_json::Value>(&said).is_ok(), "{said:?}");
                if !status.is_success() {
                    assert_eq!(revision(), before, "{method} {path}: {status}");
                    break;
                }
                if again {
                    assert_eq!(revision(), before, "{method} {path} twice");
                }
            }
        }
    });
}
