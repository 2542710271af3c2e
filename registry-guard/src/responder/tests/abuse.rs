use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;

use super::client::{http1, request};
use super::*;
use crate::responder::bounds::{LINGER_BYTES, MOST_CONNECTIONS, MOST_PER_SOURCE};

/// A client whose address is this one of 127.0.0.0/8, all of which are the host's own.
async fn connect_from(source: u32, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + source), 0).into())?;
    socket.connect(address).await
}

async fn an_honest_client_is_answered(address: SocketAddr) {
    let answer = http1(connect_from(0x00ff_0000, address).await.unwrap(), request("GET", "/v2/")).await;
    assert_eq!((answer.status.as_u16(), answer.body), (403, denial("127.255.0.1")));
}

/// Reads until the other side ends it, in whatever way.
async fn ended(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_idle_connections_keep_nobody_from_an_answer() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    let (_agent, address) = Agent::with(vec![contoso(None)]).await;
    let mut idle = Vec::new();
    for number in 0..4000 {
        idle.push(connect_from(number, address).await.unwrap());
        if number % 1000 == 999 {
            an_honest_client_is_answered(address).await;
        }
    }
    // Whoever lost its place was reset, and holds nothing.
    let lost = idle
        .iter()
        .filter(|stream| matches!(stream.try_read(&mut [0]), Err(e) if e.kind() != std::io::ErrorKind::WouldBlock))
        .count();
    assert!(lost >= idle.len() - MOST_CONNECTIONS, "{lost}");
}

#[tokio::test]
async fn a_source_that_opens_too_many_connections_loses_its_oldest() {
    let (_agent, address) = Agent::with(vec![contoso(None)]).await;
    let first = connect_from(0, address).await.unwrap();
    let mut others = Vec::new();
    for _ in 0..MOST_PER_SOURCE {
        others.push(connect_from(0, address).await.unwrap());
    }
    assert!(ended(first).await.is_empty());
    let newest = others.pop().unwrap();
    assert_eq!(http1(newest, request("GET", "/")).await.status, 403);
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off_and_others_are_answered() {
    let (_agent, address) = Agent::with(vec![contoso(None)]).await;
    let mut slow = Vec::new();
    for number in 0..200 {
        let mut stream = connect_from(number, address).await.unwrap();
        stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX-").await.unwrap();
        slow.push(stream);
    }
    an_honest_client_is_answered(address).await;
    for mut stream in slow {
        // One byte now and then keeps nothing open.
        let _ = stream.write_all(b"a").await;
        assert!(ended(stream).await.is_empty());
    }
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut_off_and_others_are_answered() {
    let authority = Authority::new();
    let (_agent, address) = Agent::with(vec![contoso(Some(authority.certify(&["contoso.example.com"])))]).await;
    let mut silent = Vec::new();
    for number in 0..200 {
        let mut stream = connect_from(number, address).await.unwrap();
        // The header of a record of 512 bytes, and the beginning of a client hello.
        stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).await.unwrap();
        silent.push(stream);
    }
    let stream = Client(address).tls(&authority.client(&["http/1.1"]), "contoso.example.com").await;
    assert_eq!(http1(stream, request("GET", "/v2/")).await.status, 403);
    for stream in silent {
        assert!(ended(stream).await.is_empty());
    }
}

#[tokio::test]
async fn a_megabyte_of_headers_is_refused_before_it_is_kept() {
    let (_agent, address) = Agent::with(vec![contoso(None)]).await;
    for bomb in [format!("X: {}\r\n", "a".repeat(1 << 20)), "X: a\r\n".repeat(200_000)] {
        let mut stream = connect_from(0, address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let mut answer = [0; 12];
        let (_, read) = tokio::join!(writing.write_all(bomb.as_bytes()), reading.read_exact(&mut answer));
        read.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 431");
        an_honest_client_is_answered(address).await;
    }
}

#[tokio::test]
async fn a_large_header_list_over_http2_is_refused() {
    let (_agent, address) = Agent::with(vec![contoso(None)]).await;
    for (headers, told) in [(400, Some(431)), (20_000, None)] {
        let mut asked = request("GET", "http://contoso.example.com/v2/");
        for number in 0..headers {
            let name = hyper::header::HeaderName::try_from(format!("x-{number}")).unwrap();
            asked.headers_mut().insert(name, "aaaaaaaaaaaaaaaaaaaa".parse().unwrap());
        }
        let io = hyper_util::rt::TokioIo::new(Client(address).connect().await);
        let executor = hyper_util::rt::TokioExecutor::new();
        let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
        tokio::spawn(connection);
        let answer = sender.send_request(asked).await;
        assert_eq!(answer.as_ref().ok().map(|answer| answer.status().as_u16()), told, "{answer:?}");
        an_honest_client_is_answered(address).await;
    }
}

#[tokio::test]
async fn a_client_that_sends_a_large_body_sees_its_answer() {
    let authority = Authority::new();
    let (_agent, plain) = Agent::with(vec![contoso(None)]).await;
    let (_other, encrypted) = Agent::with(vec![contoso(Some(authority.certify(&["contoso.example.com"])))]).await;
    let folder = tempfile::tempdir().unwrap();
    let (body, trust) = (folder.path().join("body"), folder.path().join("ca.pem"));
    std::fs::write(&body, vec![7; 8 << 20]).unwrap();
    std::fs::write(&trust, authority.pem()).unwrap();
    for (scheme, address) in [("http", plain), ("https", encrypted)] {
        for (version, expect) in [("--http1.1", "Expect:"), ("--http1.1", "Expect: 100-continue"), ("--http2", "X: y")]
        {
            let url = format!("{scheme}://contoso.example.com:{}/v2/x/blobs/uploads/1", address.port());
            let resolve = format!("contoso.example.com:{}:127.0.0.1", address.port());
            let mut curl = Command::new("curl");
            curl.args(["-sS", "--noproxy", "*", "-X", "PUT", "-w", "%{http_code}", version, "-H", expect, "--resolve"]);
            curl.args([&resolve, "--cacert", trust.to_str().unwrap(), "--data-binary"]);
            curl.arg(format!("@{}", body.display())).arg(&url).stderr(Stdio::piped());
            let out = curl.output().await.unwrap();
            let said = String::from_utf8(out.stdout).unwrap();
            let complaint = String::from_utf8_lossy(&out.stderr);
            assert_eq!(said, format!("{}403", denial("127.0.0.1")), "{url} {version} {expect}: {complaint}");
        }
    }
}

#[tokio::test]
async fn a_client_that_sends_first_and_reads_later_sees_its_answer() {
    let (_agent, address) = Agent::with(vec![contoso(None)]).await;
    let mut stream = Client(address).connect().await;
    let length = LINGER_BYTES / 2;
    stream
        .write_all(format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n").as_bytes())
        .await
        .unwrap();
    stream.write_all(&vec![0; length]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(&denial("127.0.0.1")), "{answer}");
}
