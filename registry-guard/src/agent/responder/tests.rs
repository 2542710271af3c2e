use std::path::Path;
use std::sync::Arc;

use nix::unistd::Uid;
use registry_guard_common::Family;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::conversation::Desk;
use super::*;
use crate::config::Config;
use crate::handover::{
    Endpoint, FrameReceiver, ListenerKey, MOST_TO_AGENT, MOST_TO_RESPONDER, Printable, Setup, Style, ToAgent, decode,
    encode, send,
};

const CONFIG: &str = r#"
interfaces = ["eth0"]
[responder]
user = "64999"
[[registry]]
name = "contoso"
login-server = "contoso.example.com"
listen = ["203.0.113.10:443"]
data-endpoints = [{ name = "contoso.local.data.example.com", region = "local", listen = ["203.0.113.10:8443"] }]
certificate = "/etc/ssl/contoso.pem"
key = "/etc/ssl/contoso.key"
forbidden-at = "token"
help = "https://example.com/registry-access"
budget = { total = 7 }
netns = "/run/netns/contoso"
netns-listen = ["0.0.0.0:5000"]
[[registry]]
name = "silent"
login-server = "silent.example.com"
listen = ["203.0.113.11:443"]
certificate = "/etc/ssl/silent.pem"
key = "/etc/ssl/silent.key"
deny-response = "drop"
"#;

fn options() -> ResponderOptions {
    let config = Config::parse(Path::new("config.toml"), CONFIG).unwrap();
    ResponderOptions::of(&config, |_| 3, "/run/registry-guard/responder.sock".into()).unwrap()
}

#[test]
fn the_responder_gets_what_config_says_of_registries_whose_clients_are_told() {
    let options = options();
    assert_eq!(options.user, Uid::from_raw(64999));
    assert_eq!(options.registries.len(), 1);
    let contoso = &options.registries[0];
    let names = ["contoso.example.com", "contoso.local.data.example.com"];
    assert!(contoso.host_names().eq(names));
    let endpoint = |namespace, address: &str| Endpoint { namespace, address: address.parse().unwrap() };
    let endpoints = [(0, "203.0.113.10:443"), (0, "203.0.113.10:8443"), (3, "0.0.0.0:5000")];
    assert_eq!(contoso.endpoints, endpoints.map(|(namespace, address)| endpoint(namespace, address)));
    assert_eq!((contoso.style, contoso.answers_per_second), (Style::Token, 7));
    assert_eq!(contoso.help.as_deref(), Some("https://example.com/registry-access"));
    let files = &options.certificates[..];
    assert!(
        matches!(files, [files] if files.owner.to_string() == "registry contoso" && files.key == Path::new("/etc/ssl/contoso.key"))
    );
}

#[test]
fn sockets_listen_for_both_families_in_the_namespace() {
    let listeners = listen_here(4).unwrap();
    assert_eq!(listeners[0].key, ListenerKey { namespace: 4, family: Family::V4 });
    assert!(listeners.iter().all(|listener| listener.key.namespace == 4));
    let address = |listener: Listener| std::net::TcpListener::from(listener.socket).local_addr().unwrap().ip();
    assert!(listeners.into_iter().map(address).all(|ip| ip.is_loopback()));
}

#[test]
fn a_missing_certificate_is_named_with_its_registry() {
    let error = options().certificates[0].load().unwrap_err().to_string();
    assert!(error.contains("registry contoso: certificate /etc/ssl/contoso.pem: cannot be read"), "{error}");
}

/// One conversation, with a test in the responder's place.
struct Conversation {
    stream: UnixStream,
    accepting: watch::Receiver<Option<Listeners>>,
    reports: mpsc::Receiver<Answered>,
    ended: tokio::task::JoinHandle<()>,
}

impl Conversation {
    async fn new() -> Self {
        let (ours, stream) = UnixStream::pair().unwrap();
        let (accepted, accepting) = watch::channel(None);
        let (sender, reports) = mpsc::channel(1);
        let desk = Desk {
            user: Uid::from_raw(64999),
            registries: options().registries,
            listeners: watch::Sender::new(Arc::new(listen_here(0).unwrap())).subscribe(),
            certificates: watch::Sender::default().subscribe(),
            accepted,
            reports: sender,
        };
        let ended = tokio::spawn(Arc::new(desk).receive(ours));
        let conversation = Self { stream, accepting, reports, ended };
        let mut receiver = FrameReceiver::new(&conversation.stream);
        let setup: Setup = decode(&receiver.frame(MOST_TO_RESPONDER).await.unwrap().unwrap()).unwrap();
        assert_eq!(receiver.descriptors(setup.listeners.len()).unwrap().len(), setup.listeners.len());
        assert_eq!((setup.number, setup.registries), (1, options().registries));
        drop(receiver);
        conversation
    }

    async fn say(&mut self, message: &ToAgent) {
        self.stream.write_all(&encode(message, MOST_TO_AGENT).unwrap()).await.unwrap();
    }
}

fn answered(registry: &str, namespace: u8) -> ToAgent {
    ToAgent::Answered(Answered {
        id: Uuid::nil(),
        time: 1,
        registry: registry.to_owned(),
        namespace,
        source: "203.0.113.9:50000".parse().unwrap(),
        endpoint: "203.0.113.10:443".parse().unwrap(),
        status: 403,
        method: Printable::of(b"GET"),
        path: Printable::of(b"/v2/"),
        user_agent: Printable::default(),
        left_out: 0,
    })
}

#[tokio::test]
async fn the_responder_is_present_from_ready_until_it_goes() {
    let mut conversation = Conversation::new().await;
    assert!(conversation.accepting.borrow().is_none());
    conversation.say(&ToAgent::Ready { setup: 1 }).await;
    conversation.accepting.wait_for(Option::is_some).await.unwrap();
    drop(conversation.stream);
    conversation.ended.await.unwrap();
    assert!(conversation.accepting.borrow().is_none());
}

#[tokio::test]
async fn reports_of_what_does_not_exist_are_left_out() {
    let mut conversation = Conversation::new().await;
    for message in [answered("nobody", 0), answered("contoso", 9), answered("contoso", 0)] {
        conversation.say(&message).await;
    }
    assert_eq!(conversation.reports.recv().await.map(ToAgent::Answered), Some(answered("contoso", 0)));
    drop(conversation.stream);
    conversation.ended.await.unwrap();
    assert!(conversation.reports.recv().await.is_none());
}

#[tokio::test]
async fn who_says_what_cannot_be_is_sent_away() {
    let ready_for = |setup| encode(&ToAgent::Ready { setup }, MOST_TO_AGENT).unwrap().to_vec();
    let framed = |text: &str| [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    for nonsense in [
        ready_for(0),
        ready_for(2),
        u32::MAX.to_be_bytes().to_vec(),
        framed(""),
        framed("null"),
        framed(&"[".repeat(4000)),
        framed(r#"{"type":"ready","setup":-1}"#),
        framed(r#"{"type":"shutdown"}"#),
        framed("{\"type\":\"ready\",\"setup\":1}\u{0}"),
        vec![0, 0, 0, 2, 0xff, 0xfe],
    ] {
        let mut conversation = Conversation::new().await;
        conversation.stream.write_all(&nonsense).await.unwrap();
        conversation.ended.await.unwrap();
        assert!(conversation.accepting.borrow().is_none(), "{nonsense:?}");
    }
}

#[tokio::test]
async fn descriptors_from_the_responder_are_not_taken() {
    let mut conversation = Conversation::new().await;
    let (kept, given) = std::os::unix::net::UnixStream::pair().unwrap();
    let frame = encode(&ToAgent::Ready { setup: 1 }, MOST_TO_AGENT).unwrap();
    send(&conversation.stream, &frame, &[std::os::fd::AsFd::as_fd(&given)]).await.unwrap();
    conversation.accepting.wait_for(Option::is_some).await.unwrap();
    drop(given);
    // Were there a descriptor left, this would wait for what it may write.
    assert_eq!(std::io::Read::read(&mut &kept, &mut [0]).unwrap(), 0);
}
