use super::client::{exchange, http1, http2, request};
use super::*;

#[tokio::test]
async fn every_method_and_path_is_denied_in_the_words_of_the_service() {
    let (mut agent, address) = Agent::with(vec![contoso(None)]).await;
    for (method, path) in
        [("GET", "/v2/"), ("PUT", "/"), ("DELETE", "/v2/a/manifests/b?c=d"), ("BREW", "/oauth2/token")]
    {
        let answer = http1(Client(address).connect().await, request(method, path)).await;
        assert_eq!(answer.status, 403, "{method} {path}");
        assert_eq!(answer.body, denial("127.0.0.1"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("docker-distribution-api-version"), Some("registry/2.0"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(answer.header("www-authenticate"), None);
        let report = agent.report().await;
        assert_eq!(answer.header("x-ms-correlation-request-id"), Some(report.id.to_string().as_str()));
        assert_eq!((report.registry.as_str(), report.status, report.namespace), ("contoso", 403, 0));
        assert_eq!((report.source.ip().to_string().as_str(), report.endpoint), ("127.0.0.1", address));
        assert_eq!((report.method.as_str(), report.user_agent.as_str()), (method, "test/1"));
        assert_eq!(Some(report.path.as_str()), path.split('?').next());
        assert_eq!(report.left_out, 0);
    }
}

#[tokio::test]
async fn a_head_request_gets_the_head_of_the_same_answer() {
    let (_agent, address) = Agent::with(vec![contoso(None)]).await;
    let answer = http1(Client(address).connect().await, request("HEAD", "/v2/library/x/manifests/latest")).await;
    let length = denial("127.0.0.1").len().to_string();
    assert_eq!((answer.status.as_u16(), answer.header("content-length")), (403, Some(length.as_str())));
    let raw = Client(address).raw("HEAD /v2/ HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(raw.starts_with("HTTP/1.1 403 Forbidden\r\n") && raw.ends_with("\r\n\r\n"), "{raw}");
    let h2 = http2(Client(address).connect().await, vec![request("HEAD", "http://contoso.example.com/v2/")]).await;
    assert_eq!((h2[0].body.as_str(), h2[0].header("content-length")), ("", Some(length.as_str())));
}

#[tokio::test]
async fn the_owners_help_is_named_and_text_is_escaped() {
    let help = Some("https://help.example.com/?a=\"b\"".to_owned());
    let (_agent, address) = Agent::with(vec![RegistrySetup { help, ..contoso(None) }]).await;
    let answer = http1(Client(address).connect().await, request("GET", "/v2/")).await;
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let message =
        "client with IP '127.0.0.1' is not allowed access. Refer https://help.example.com/?a=\"b\" to grant access.";
    assert_eq!(body["errors"][0]["message"], message);
}

#[tokio::test]
async fn the_token_style_sends_clients_to_the_token_endpoint_and_denies_there() {
    let (mut agent, address) = Agent::with(vec![RegistrySetup { style: Style::Token, ..contoso(None) }]).await;
    let challenge =
        |realm: &str| format!("Bearer realm=\"http://{realm}/oauth2/token\",service=\"contoso.example.com\"");
    for (host, realm) in [
        ("contoso.example.com", "contoso.example.com"),
        ("CONTOSO.local.data.example.com:8443", "contoso.local.data.example.com:8443"),
        ("elsewhere.example.net", "contoso.example.com"),
        ("contoso.example.com:44x", "contoso.example.com"),
        ("contoso.example.com\",x=\"", "contoso.example.com"),
    ] {
        let mut asked = request("GET", "/v2/");
        asked.headers_mut().insert("host", host.parse().unwrap());
        let answer = http1(Client(address).connect().await, asked).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.header("www-authenticate"), Some(challenge(realm).as_str()), "{host}");
        assert_eq!(answer.body, r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#);
        assert_eq!(agent.report().await.status, 401);
    }
    for (method, path) in [("GET", "/oauth2/token?service=x&scope=y"), ("POST", "/oauth2/token")] {
        let answer = http1(Client(address).connect().await, request(method, path)).await;
        assert_eq!((answer.status.as_u16(), answer.body), (403, denial("127.0.0.1")));
        assert_eq!(answer.headers.get("www-authenticate"), None);
        assert_eq!(agent.report().await.status, 403);
    }
}

#[tokio::test]
async fn both_styles_are_told_over_http2_to_requests_that_come_at_once() {
    let authority = Authority::new();
    let certificate = authority.certify(&["contoso.example.com"]);
    let (_agent, address) =
        Agent::with(vec![RegistrySetup { style: Style::Token, ..contoso(Some(certificate)) }]).await;
    let stream = Client(address).tls(&authority.client(&["h2"]), "contoso.example.com").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let base = "https://contoso.example.com:5000";
    let asked = vec![request("GET", &format!("{base}/v2/")), request("GET", &format!("{base}/oauth2/token"))];
    let answers = http2(stream, asked).await;
    assert_eq!((answers[0].status.as_u16(), answers[1].status.as_u16()), (401, 403));
    let realm = "Bearer realm=\"https://contoso.example.com:5000/oauth2/token\",service=\"contoso.example.com\"";
    assert_eq!(answers[0].header("www-authenticate"), Some(realm));
    assert_eq!(answers[1].body, denial("127.0.0.1"));
}

#[tokio::test]
async fn an_ipv4_client_on_an_ipv6_socket_is_told_its_ipv4_address() {
    let mut agent = Agent::new().await;
    let (address, socket) = agent::listener("[::]:0");
    let mut registry = contoso(None);
    registry.endpoints[0].address = "[::]:0".parse().unwrap();
    agent.give(agent::at(vec![registry], address), &[(registry_guard_common::Family::V6, &socket)]).await;
    for (client, named) in [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")] {
        let client = Client(format!("{client}:{}", address.port()).parse().unwrap());
        assert_eq!(http1(client.connect().await, request("GET", "/v2/")).await.body, denial(named));
        assert_eq!(agent.report().await.source.ip().to_string(), named);
    }
}

#[tokio::test]
async fn what_strangers_write_is_cleaned_before_it_is_reported() {
    let (mut agent, address) = Agent::with(vec![contoso(None)]).await;
    let long = "a".repeat(5000);
    let head = format!("GET /{long} HTTP/1.1\r\nHost: x\r\nUser-Agent: \u{e9}\u{9b}2J{long}\r\n\r\n");
    assert!(exchange(Client(address).connect().await, &head).await.starts_with("HTTP/1.1 403 "));
    let report = agent.report().await;
    assert_eq!((report.path.as_str().len(), report.user_agent.as_str().len()), (256, 256));
    assert!(report.user_agent.as_str().starts_with("????2Ja"), "{}", report.user_agent);
}

#[tokio::test]
async fn a_connection_to_what_is_nobodys_endpoint_is_reset() {
    let mut agent = Agent::new().await;
    let (address, socket) = agent::listener("127.0.0.1:0");
    agent.give(vec![contoso(None)], &[(registry_guard_common::Family::V4, &socket)]).await;
    let mut stream = Client(address).connect().await;
    let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let error = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 16]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn beyond_its_budget_a_registry_answers_nobody() {
    let (_agent, address) = Agent::with(vec![RegistrySetup { answers_per_second: 0, ..contoso(None) }]).await;
    let mut stream = Client(address).connect().await;
    let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let error = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 16]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}
