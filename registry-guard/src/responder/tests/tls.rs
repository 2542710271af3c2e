use registry_guard_common::Family;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::agent::{at, listener};
use super::client::{exchange, http1, request};
use super::*;
use crate::handover::Certificate;

const REQUEST: &str = "GET /v2/ HTTP/1.1\r\nHost: contoso.example.com\r\n\r\n";

fn der(certificate: &Certificate) -> CertificateDer<'static> {
    certificate.certified_key().unwrap().cert[0].clone()
}

/// The certificate that a client is shown who asks for this name, whatever it is for.
async fn shown(address: std::net::SocketAddr, authority: &Authority, name: &str) -> CertificateDer<'static> {
    let stream = Client(address).tls(&authority.client(&["http/1.1"]), name).await;
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

fn fabrikam(certificate: Option<Certificate>) -> RegistrySetup {
    RegistrySetup {
        name: "fabrikam".to_owned(),
        login_server: "fabrikam.example.com".to_owned(),
        data_endpoints: Vec::new(),
        endpoints: Vec::new(),
        ..contoso(certificate)
    }
}

#[tokio::test]
async fn each_name_gets_its_certificate_and_the_endpoint_its_own_denial() {
    let authority = Authority::new();
    let contoso_pair = authority.certify(&["contoso.example.com", "contoso.local.data.example.com"]);
    let fabrikam_pair = authority.certify(&["fabrikam.example.com"]);
    let registries = vec![fabrikam(Some(fabrikam_pair.clone())), contoso(Some(contoso_pair.clone()))];
    let (mut agent, address) = Agent::with(registries).await;
    for name in ["contoso.example.com", "contoso.local.data.example.com"] {
        assert_eq!(shown(address, &authority, name).await, der(&contoso_pair));
    }
    assert_eq!(shown(address, &authority, "fabrikam.example.com").await, der(&fabrikam_pair));
    let stream = Client(address).tls(&authority.client(&["http/1.1"]), "fabrikam.example.com").await;
    assert_eq!(http1(stream, request("GET", "/v2/")).await.body, denial("127.0.0.1"));
    assert_eq!(agent.report().await.registry, "contoso");
}

#[tokio::test]
async fn a_client_that_names_nobody_or_a_stranger_is_shown_the_endpoints_certificate() {
    let authority = Authority::new();
    let pair = authority.certify(&["contoso.example.com", "127.0.0.1"]);
    let (_agent, address) = Agent::with(vec![contoso(Some(pair.clone()))]).await;
    // RFC 6066: an address is no server name, so the client sends none.
    assert_eq!(shown(address, &authority, "127.0.0.1").await, der(&pair));
    let config = authority.client(&[]);
    let name = "elsewhere.example.net".try_into().unwrap();
    let refused = tokio_rustls::TlsConnector::from(config).connect(name, Client(address).connect().await).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("not valid for name"), "{refused}");
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken() {
    let authority = Authority::new();
    let (_agent, address) = Agent::with(vec![contoso(Some(authority.certify(&["contoso.example.com"])))]).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.der()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let config = std::sync::Arc::new(config.with_root_certificates(roots).with_no_client_auth());
        let stream = Client(address).tls(&config, "contoso.example.com").await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        assert!(exchange(stream, REQUEST).await.ends_with(&denial("127.0.0.1")));
    }
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_connections_and_running_ones_go_on() {
    let authority = Authority::new();
    let old = authority.certify(&["contoso.example.com"]);
    let new = authority.certify(&["contoso.example.com"]);
    let mut agent = Agent::new().await;
    let (address, socket) = listener("127.0.0.1:0");
    let sockets = [(Family::V4, &socket)];
    agent.give(at(vec![contoso(Some(old.clone()))], address), &sockets).await;
    let mut running = Client(address).tls(&authority.client(&["http/1.1"]), "contoso.example.com").await;
    assert_eq!(running.get_ref().1.peer_certificates().unwrap()[0], der(&old));
    running.write_all(&REQUEST.as_bytes()[..20]).await.unwrap();

    agent.give(at(vec![contoso(Some(new.clone()))], address), &sockets).await;
    assert_eq!(shown(address, &authority, "contoso.example.com").await, der(&new));
    running.write_all(&REQUEST.as_bytes()[20..]).await.unwrap();
    let mut answer = String::new();
    running.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(&denial("127.0.0.1")), "{answer}");
}

#[tokio::test]
async fn a_setup_that_cannot_be_used_changes_nothing() {
    let authority = Authority::new();
    let good = authority.certify(&["contoso.example.com"]);
    let mixed = Certificate { key: authority.certify(&["contoso.example.com"]).key, ..good.clone() };
    let mut agent = Agent::new().await;
    let (address, socket) = listener("127.0.0.1:0");
    let sockets = [(Family::V4, &socket)];
    agent.give(at(vec![contoso(Some(good.clone()))], address), &sockets).await;
    agent.send(at(vec![contoso(Some(mixed))], address), &sockets).await;
    agent.give(at(vec![contoso(Some(good.clone()))], address), &sockets).await;
    assert_eq!(shown(address, &authority, "contoso.example.com").await, der(&good));
}

#[tokio::test]
async fn http_where_tls_is_expected_is_told_so() {
    let authority = Authority::new();
    let (_agent, address) = Agent::with(vec![contoso(Some(authority.certify(&["contoso.example.com"])))]).await;
    let answer = Client(address).raw(REQUEST).await;
    assert_eq!(answer, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
    let mut neither = Client(address).connect().await;
    neither.write_all(&[0; 100]).await.unwrap();
    assert!(neither.read(&mut [0; 16]).await.is_err());
}
