use std::io::{Read as _, Write as _};

use registry_guard_common::Family;
use tokio::net::TcpStream;

use super::agent::{at, listener};
use super::client::{http1, request};
use super::*;
use crate::handover::ToAgent;
use crate::responder::bounds::REPORTS;

#[tokio::test]
async fn sockets_of_a_new_agent_are_used_and_the_old_ones_for_a_while_yet() {
    let (mut agent, old) = Agent::with(vec![contoso(None)]).await;
    let (new, socket) = listener("127.0.0.1:0");
    let mut registry = contoso(None);
    registry.endpoints.push(registry.endpoints[0]);
    registry.endpoints[0].address.set_port(old.port());
    registry.endpoints[1].address.set_port(new.port());
    agent.give(vec![registry], &[(Family::V4, &socket)]).await;
    for address in [new, old] {
        let answer = http1(Client(address).connect().await, request("GET", "/v2/")).await;
        assert_eq!(answer.body, denial("127.0.0.1"));
    }
    // The test holds no other descriptor of the old one, so it goes when the responder lets it go.
    while TcpStream::connect(old).await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(http1(Client(new).connect().await, request("GET", "/v2/")).await.status, 403);
}

#[tokio::test]
async fn without_an_agent_answers_go_on_and_are_reported_to_the_next_one() {
    let (mut agent, address) = Agent::with(vec![contoso(None)]).await;
    agent.die();
    for path in ["/one", "/two"] {
        assert_eq!(http1(Client(address).connect().await, request("GET", path)).await.status, 403);
    }
    agent.come_back().await;
    assert_eq!(agent.report().await.path.as_str(), "/one");
    assert_eq!(agent.report().await.path.as_str(), "/two");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_does_not_listen_delays_no_answer() {
    let (mut agent, address) = Agent::with(vec![contoso(None)]).await;
    let asked = 4 * REPORTS;
    let asking = tokio::task::spawn_blocking(move || {
        for _ in 0..asked {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        }
    });
    asking.await.unwrap();
    let (mut reported, mut left_out) = (0, 0);
    while reported + left_out < asked {
        let report = agent.report().await;
        reported += 1;
        left_out += usize::try_from(report.left_out).unwrap();
    }
    assert_eq!(reported + left_out, asked);
    assert!(left_out > 0, "{reported} reports found room");
}

#[tokio::test]
async fn a_setup_without_its_sockets_ends_the_conversation_and_nothing_else() {
    let (mut agent, address) = Agent::with(vec![contoso(None)]).await;
    let lying = crate::handover::Setup {
        number: 2,
        registries: Vec::new(),
        listeners: vec![crate::handover::ListenerKey { namespace: 0, family: Family::V4 }],
    };
    agent.send_bytes(&crate::handover::encode(&lying, 1 << 20).unwrap()).await;
    assert_eq!(agent.hear().await, None);
    assert_eq!(http1(Client(address).connect().await, request("GET", "/")).await.status, 403);
}

#[tokio::test]
async fn a_socket_that_does_not_listen_is_not_used() {
    let (mut agent, address) = Agent::with(vec![contoso(None)]).await;
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = std::net::TcpStream::connect(other.local_addr().unwrap()).unwrap().into();
    agent.send(at(vec![contoso(None)], address), &[(Family::V4, &connected)]).await;
    assert_eq!(http1(Client(address).connect().await, request("GET", "/")).await.status, 403);
    assert!(matches!(agent.hear().await, Some(ToAgent::Answered(_))));
}

#[tokio::test]
async fn stopping_finishes_what_has_begun_and_accepts_no_more() {
    let (mut agent, address) = Agent::with(vec![contoso(None)]).await;
    let mut begun = std::net::TcpStream::connect(address).unwrap();
    begun.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    assert_eq!(http1(Client(address).connect().await, request("GET", "/")).await.status, 403);
    agent.stop.take().unwrap().send(()).unwrap();
    // The agent is left first, so that it steers nobody here any more.
    while agent.hear().await.is_some() {}
    begun.write_all(b"Host: x\r\n\r\n").unwrap();
    let answer = tokio::task::spawn_blocking(move || {
        let mut answer = String::new();
        begun.read_to_string(&mut answer).unwrap();
        answer
    });
    assert!(answer.await.unwrap().ends_with(&denial("127.0.0.1")));
    agent.responder.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
