//! The API as callers over TLS meet it, without TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Extension;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::api::caller::{Caller, Process};
use crate::api::discovery::Host;
use crate::api::routes::{guarded, remote_routes, resource_routes};
use crate::api::stand_in::StandIn;
use crate::config::Config;
use crate::identity::{Door, EVERY_REGISTRY, Grant, Principal, Role, SecretHash};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const ID: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const SECRET: &str = "correct horse battery staple";
const URL: &str = "https://guard.example.com:8443";
const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];

fn peer() -> SocketAddr {
    "198.51.100.7:4711".parse().unwrap()
}

fn served() -> Served {
    let text = format!(
        "interfaces = [\"eth0\"]\n[[registry]]\nname = \"contoso\"\nlogin-server = \"contoso.example.com\"\n\
         listen = [\"203.0.113.10:443\"]\n[management]\nlisten = [\"203.0.113.10:8443\"]\nname = \"guard.example.com\"\n\
         certificate = \"/c\"\nkey = \"/k\"\ntenant = \"{TENANT}\"\n[[management.principal]]\nid = \"{ID}\"\nname = \"ci\"\n\
         secret-hash = \"{}\"\nroles = [{{ role = \"contributor\", registry = \"contoso\" }}]\n",
        SecretHash::of(SECRET.as_bytes()).unwrap().as_str()
    );
    let config = Config::parse(Path::new("config.toml"), &text).unwrap();
    let state = tempfile::tempdir().unwrap();
    let door = Arc::new(Door::new(config.management.as_ref().unwrap(), state.path()).unwrap());
    let host = Arc::new(Host { door, login_server_suffix: "example.com".to_owned() });
    let routes = remote_routes(Arc::new(StandIn::new()), host, Arc::default());
    Served::routes(routes.layer(Extension(Caller::Stranger { peer: peer() })))
}

fn form(parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(parameters).finish().into_bytes()
}

fn credentials() -> Vec<(&'static str, &'static str)> {
    let scope = "https://guard.example.com:8443//.default";
    vec![("client_id", ID), ("client_secret", SECRET), ("grant_type", "client_credentials"), ("scope", scope)]
}

async fn ask_token(served: &Served, parameters: &[(&str, &str)]) -> Answered {
    served.ask("POST", &format!("/{TENANT}/oauth2/v2.0/token"), FORM, form(parameters)).await
}

#[tokio::test]
async fn a_client_finds_out_where_tokens_are_had_and_gets_one_that_counts() {
    let served = served();
    let endpoints = served.get("/Metadata/Endpoints?api-version=2022-09-01").await.body;
    assert_eq!(
        (&endpoints["resourceManager"], &endpoints["authentication"]["audiences"]),
        (&json!(URL), &json!([URL]))
    );
    assert_eq!(endpoints["suffixes"]["acrLoginServer"], "example.com");
    let login = endpoints["authentication"]["loginEndpoint"].as_str().unwrap().strip_prefix(URL).unwrap().to_owned();
    let openid = served.get(&format!("{login}/{TENANT}/v2.0/.well-known/openid-configuration")).await.body;
    let token_endpoint = openid["token_endpoint"].as_str().unwrap().strip_prefix(URL).unwrap();
    let answer = served.ask("POST", token_endpoint, FORM, form(&credentials())).await;
    assert_eq!((answer.status, &answer.body["expires_in"]), (200, &json!(3600)), "{}", answer.body);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let token = answer.body["access_token"].as_str().unwrap().to_owned();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let life = claims["exp"].as_u64().unwrap() - claims["nbf"].as_u64().unwrap();
    assert_eq!((&claims["iss"], &claims["aud"], life), (&openid["issuer"], &json!(URL), 3600));
    assert_eq!((&claims["oid"], &claims["appid"], &claims["tid"]), (&json!(ID), &json!(ID), &json!(TENANT)));
    for scheme in ["Bearer", "bearer"] {
        let header = format!("{scheme} {token}");
        let answer = served.ask("GET", &contoso(), &[("authorization", &header)], Vec::new()).await;
        assert_eq!((answer.status, &answer.body["name"]), (200, &json!("Contoso")));
    }
}

#[tokio::test]
async fn older_clients_get_a_token_too() {
    let served = served();
    let mut parameters = credentials();
    parameters.pop();
    parameters.push(("resource", URL));
    let answer = served.ask("POST", &format!("/{TENANT}/oauth2/token"), FORM, form(&parameters)).await;
    assert_eq!((answer.status, &answer.body["expires_in"]), (200, &json!("3600")), "{}", answer.body);
    assert!(answer.body["expires_on"].as_str().unwrap().parse::<u64>().is_ok());
}

#[tokio::test]
async fn who_asks_for_a_token_in_the_wrong_way_is_told_what_is_wrong() {
    let served = served();
    let replaced = |name: &str, value: &'static str| -> Vec<(&str, &str)> {
        credentials().into_iter().map(|(key, old)| (key, if key == name { value } else { old })).collect()
    };
    let twice = [credentials(), vec![("client_secret", SECRET)]].concat();
    for (parameters, status, error, words) in [
        (
            replaced("client_secret", "wrong"),
            401,
            "invalid_client",
            "AADSTS7000215: there is no principal with client_id",
        ),
        (replaced("client_id", TENANT), 401, "invalid_client", TENANT),
        (replaced("client_id", SECRET), 401, "invalid_client", "client_id that is no UUID"),
        (replaced("grant_type", "password"), 400, "unsupported_grant_type", "accepted: client_credentials"),
        (
            replaced("scope", "https://management.azure.com/.default"),
            400,
            "invalid_scope",
            "guard.example.com:8443/.default",
        ),
        (replaced("client_secret", ""), 400, "invalid_request", "no parameter `client_secret`"),
        (Vec::new(), 400, "invalid_request", "no parameter `grant_type`"),
        (twice, 400, "invalid_request", "\"client_secret\" stands there twice"),
    ] {
        let answer = ask_token(&served, &parameters).await;
        assert_eq!((answer.status, &answer.body["error"]), (status, &json!(error)), "{}", answer.body);
        let description = answer.body["error_description"].as_str().unwrap();
        assert!(description.contains(words) && description.starts_with("AADSTS"), "{description}");
        assert!(!description.contains(SECRET), "{description}");
    }
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    let answer = served.ask("POST", &path, &[("content-type", "application/json")], form(&credentials())).await;
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!("invalid_request")), "{}", answer.body);
    let answer = served.ask("POST", &path, FORM, vec![b'a'; (16 << 10) + 1]).await;
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!("invalid_request")), "{}", answer.body);
    for path in ["/common/oauth2/v2.0/token", &format!("/{ID}/oauth2/v2.0/token")] {
        let answer = served.ask("POST", path, FORM, form(&credentials())).await;
        let description = answer.body["error_description"].as_str().unwrap();
        assert!(answer.status == 400 && description.contains(TENANT), "{description}");
    }
}

#[tokio::test]
async fn who_asks_too_often_at_once_is_told_to_wait_and_served_later() {
    let served = served();
    let credentials = credentials();
    let all = futures::future::join_all((0..40).map(|_| ask_token(&served, &credentials))).await;
    let busy: Vec<_> = all.iter().filter(|answer| answer.status != 200).collect();
    assert!((1..=36).contains(&busy.len()), "{} of 40 were told to wait", busy.len());
    for answer in busy {
        assert_eq!((answer.status, &answer.body["error"]), (429, &json!("temporarily_unavailable")), "{}", answer.body);
        assert_eq!(answer.headers["retry-after"], "1");
    }
    assert_eq!(ask_token(&served, &credentials).await.status, 200);
}

#[tokio::test]
async fn without_a_token_nothing_else_answers_and_the_way_to_one_is_shown() {
    let served = served();
    for (method, path) in [
        ("GET", "/subscriptions".to_owned()),
        ("GET", "/nothing".to_owned()),
        ("PUT", ip_rule("203.0.113.9")),
        ("POST", "/detach".to_owned()),
        ("DELETE", format!("/{TENANT}/oauth2")),
    ] {
        let answer = served.ask(method, &path, &[], Vec::new()).await;
        assert_refused(&answer, 401, "AuthenticationFailed", "the header Authorization is missing");
        let challenge = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(challenge.starts_with(&format!("Bearer authorization_uri=\"{URL}/{TENANT}\"")), "{challenge}");
    }
}

#[tokio::test]
async fn a_request_keeps_the_name_that_its_caller_gave_it() {
    let served = served();
    let name = "0a0b0c0d-0000-4000-8000-00000000000e";
    let answer = served.ask("GET", "/subscriptions", &[("x-ms-correlation-request-id", name)], Vec::new()).await;
    assert_eq!(answer.headers["x-ms-correlation-request-id"], name);
    let answer = served.ask("GET", "/subscriptions", &[("x-ms-correlation-request-id", "a b")], Vec::new()).await;
    assert_eq!(answer.headers["x-ms-correlation-request-id"].len(), 36);
    assert_ne!(answer.headers["x-ms-correlation-request-id"], answer.headers["x-ms-request-id"]);
}

/// A principal that may do whatever principals may.
fn owner() -> Caller {
    let grants = vec![Grant { role: Role::Contributor, registry: EVERY_REGISTRY.to_owned() }];
    let secret_hash = SecretHash::of(SECRET.as_bytes()).unwrap();
    let principal = Principal { id: ID.parse().unwrap(), name: "owner".to_owned(), secret_hash, grants };
    Caller::Principal { principal: Arc::new(principal), peer: peer() }
}

#[tokio::test]
async fn a_route_for_which_nothing_is_declared_is_for_callers_on_the_host_only() {
    let new = format!("{}/providers/microsoft.containerregistry/registries/{{registry}}/new", resource_group_id());
    let routes = || {
        let routes = resource_routes(Arc::new(StandIn::new()));
        let routes =
            routes.route(&new.to_ascii_lowercase(), get(async || axum::Json("done")).post(async || axum::Json("done")));
        guarded(routes.route("/new", post(async || axum::Json("done"))))
    };
    let by_owner = Served::routes(routes().layer(Extension(owner())));
    let by_stranger = Served::routes(routes().layer(Extension(Caller::Stranger { peer: peer() })));
    let by_nobody = Served::routes(routes());
    let path = format!("{}/new", contoso()).to_ascii_lowercase();
    for (method, path) in [
        ("GET", path.as_str()),
        ("HEAD", &path),
        ("POST", &path),
        ("POST", "/new"),
        ("GET", "/status"),
        ("POST", "/detach"),
    ] {
        for served in [&by_owner, &by_stranger, &by_nobody] {
            if method != "HEAD" {
                let answer = served.ask(method, path, &[], Vec::new()).await;
                assert_eq!(
                    (answer.status, &answer.body["error"]["code"]),
                    (403, &json!("AuthorizationFailed")),
                    "{path}"
                );
            }
        }
    }
    assert_eq!(by_owner.get(&contoso().to_ascii_lowercase()).await.status, 200, "what is declared is met");
    let local = Served::routes(routes().layer(Extension(Caller::Local(Process { uid: 0, pid: None }))));
    assert_eq!(local.send("POST", "/detach", &json!({})).await.status, 200);
}
