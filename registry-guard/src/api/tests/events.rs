use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use super::*;
use crate::agent::{Denial, DenialLayer, DenialResponse, Entry, LeftOut, MOST_FOLLOWERS};

fn denial(registry: &str, source: &str) -> Entry {
    Entry::Denied(Denial {
        time: SystemTime::UNIX_EPOCH,
        registry: registry.to_owned(),
        source: source.parse().unwrap(),
        source_port: None,
        tag: Some(5001),
        vtep: Some("192.0.2.11".parse().unwrap()),
        endpoint: "203.0.113.10:443".parse().unwrap(),
        interface: Some("eth0".to_owned()),
        layer: DenialLayer::Xdp,
        reason: "NoRule",
        response: DenialResponse::Drop,
        correlation_id: None,
    })
}

fn left_out(number: u64) -> Entry {
    Entry::LeftOut(LeftOut { time: SystemTime::UNIX_EPOCH, registry: "Contoso".to_owned(), left_out: number })
}

fn as_json(registry: &str, source: &str) -> Value {
    json!({"time": "1970-01-01T00:00:00.000Z", "registry": registry, "source": source, "tag": 5001,
        "vtep": "192.0.2.11", "endpoint": "203.0.113.10:443", "interface": "eth0", "layer": "xdp", "reason": "NoRule",
        "response": "drop"})
}

/// One who follows, with what has not been read yet.
struct Following {
    answer: Response<Incoming>,
    buffer: Vec<u8>,
    connection: JoinHandle<()>,
}

impl Following {
    async fn start(served: &Served, query: &str) -> Self {
        let stream = UnixStream::connect(served.socket()).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        let request = Request::builder().uri(format!("/events?{query}")).header("host", "localhost");
        let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        Self { answer, buffer: Vec::new(), connection }
    }

    /// The next line; `None` at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = self.answer.body_mut().frame().await?.unwrap();
            self.buffer.extend_from_slice(&frame.into_data().unwrap());
        }
    }
}

#[tokio::test]
async fn recent_events_are_a_list_with_the_newest_last() {
    let served = Served::new();
    assert_eq!(served.get("/events").await.body, json!({"value": []}));
    served.denials.add(denial("Contoso", "198.51.100.66"));
    served.denials.add(denial("fabrikam", "2001:db8:6::66"));
    served.denials.add(left_out(93));
    let (contoso, fabrikam) = (as_json("Contoso", "198.51.100.66"), as_json("fabrikam", "2001:db8:6::66"));
    let left_out = json!({"time": "1970-01-01T00:00:00.000Z", "registry": "Contoso", "leftOut": 93});
    for (query, expected) in [
        ("", json!([contoso, fabrikam, left_out])),
        ("?registry=FABRIKAM", json!([fabrikam])),
        ("?registry=contoso&api-version=1", json!([contoso, left_out])),
        ("?recent=1", json!([left_out])),
        ("?follow=false&recent=2", json!([fabrikam, left_out])),
    ] {
        assert_eq!(served.get(&format!("/events{query}")).await.body["value"], expected, "{query}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_its_name() {
    let served = Served::new();
    for (query, code, words) in [
        ("follow=maybe", "InvalidQueryParameterValue", "follow: `maybe` is not valid; accepted: true or false"),
        ("recent=-1", "InvalidQueryParameterValue", "recent: `-1` is not valid; accepted: 0 to 1000"),
        ("recent=1001", "InvalidQueryParameterValue", "accepted: 0 to 1000"),
        ("recent", "InvalidQueryParameterValue", "recent: `` is not valid"),
        ("registries=a", "InvalidQueryParameter", "accepted: follow, registry, recent, api-version"),
    ] {
        assert_refused(&served.get(&format!("/events?{query}")).await, 400, code, words);
    }
    for query in ["registry=nobody", "registry=", "registry=nobody&follow=true"] {
        assert_refused(&served.get(&format!("/events?{query}")).await, 404, "ResourceNotFound", "does not exist");
    }
}

#[tokio::test]
async fn a_follower_gets_a_line_for_each_event_as_it_happens() {
    let served = Served::new();
    served.denials.add(denial("Contoso", "198.51.100.1"));
    served.denials.add(denial("Contoso", "198.51.100.2"));
    let mut all = Following::start(&served, "follow=true").await;
    let mut recent = Following::start(&served, "follow=true&recent=1&registry=contoso").await;
    assert_eq!(
        (all.answer.status().as_u16(), &all.answer.headers()["content-type"]),
        (200, &"application/x-ndjson".parse().unwrap())
    );
    assert_eq!(recent.next().await, Some(as_json("Contoso", "198.51.100.2")));
    served.denials.add(denial("fabrikam", "198.51.100.3"));
    assert_eq!(all.next().await, Some(as_json("fabrikam", "198.51.100.3")), "nothing old");
    served.denials.add(left_out(7));
    for follower in [&mut all, &mut recent] {
        assert_eq!(follower.next().await.unwrap()["leftOut"], 7);
    }
}

#[tokio::test]
async fn followers_do_not_keep_the_agent_from_stopping() {
    let mut served = Served::new();
    let mut follower = Following::start(&served, "follow=true").await;
    served.denials.add(left_out(1));
    served.stop.take().unwrap().send(()).unwrap();
    let patience = Duration::from_secs(5);
    tokio::time::timeout(patience, served.ended).await.expect("it stops before its patience ends").unwrap().unwrap();
    assert_eq!(follower.next().await.unwrap()["leftOut"], 1, "what happened before is still told");
    assert_eq!(follower.next().await, None);
}

#[tokio::test]
async fn followers_are_few_and_one_that_goes_away_frees_its_place() {
    let served = Served::new();
    let mut followers = Vec::new();
    for _ in 0..MOST_FOLLOWERS {
        followers.push(Following::start(&served, "follow=true").await);
    }
    let answer = served.get("/events?follow=true").await;
    assert_refused(&answer, 429, "TooManyRequests", "64 clients follow the events already");
    followers.pop().unwrap().connection.abort();
    while Following::start(&served, "follow=true").await.answer.status() != 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(served.get("/events").await.status, 200);
}
