//! The responder as a process of its own, and the agent's end of it. Needs root, as the process gives that up.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use registry_guard::agent::responder::{Listener, ResponderLink, ResponderOptions, listen_here};
use registry_guard::certificates::{CertificateFiles, Owner};
use registry_guard::handover::{Endpoint, RegistrySetup, Style};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

/// A number without a name.
const USER: u32 = 64_998;

const REQUEST: &[u8] = b"GET /v2/ HTTP/1.1\r\nHost: contoso.example.com\r\n\r\n";

/// The agent's end, and where things are.
struct Guarded {
    folder: TempDir,
    authority: Issuer<'static, KeyPair>,
    trust: Arc<ClientConfig>,
    address: SocketAddr,
    link: Option<ResponderLink>,
}

impl Guarded {
    /// With a certificate in `cert.pem` and `key.pem`, and no responder yet.
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trust = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut guarded = Self {
            folder: tempfile::tempdir().unwrap(),
            authority: Issuer::new(params, key),
            trust: Arc::new(trust.with_root_certificates(roots).with_no_client_auth()),
            address: "127.0.0.1:0".parse().unwrap(),
            link: None,
        };
        // The responder's user has to get through to the socket.
        fs::set_permissions(guarded.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        guarded.write_certificate("cert.pem", "key.pem");
        guarded.start();
        guarded
    }

    /// The agent starts, with sockets of its own.
    fn start(&mut self) {
        let mut listeners: Vec<Listener> = listen_here(0).unwrap();
        listeners.truncate(1);
        let socket = std::net::TcpListener::from(listeners[0].socket.try_clone().unwrap());
        self.address = socket.local_addr().unwrap();
        self.link = Some(ResponderLink::start(self.options(), listeners, None).unwrap());
    }

    fn options(&self) -> ResponderOptions {
        let contoso = RegistrySetup {
            name: "contoso".to_owned(),
            login_server: "contoso.example.com".to_owned(),
            data_endpoints: Vec::new(),
            endpoints: vec![Endpoint { namespace: 0, address: self.address }],
            certificate: None,
            style: Style::EveryPath,
            help: None,
            answers_per_second: 1000,
        };
        let (chain, key) = (self.path("cert.pem"), self.path("key.pem"));
        ResponderOptions {
            socket: self.path("responder.sock"),
            user: Uid::from_raw(USER),
            group: Gid::from_raw(USER),
            registries: vec![contoso],
            certificates: vec![CertificateFiles { owner: Owner::Registry("contoso".to_owned()), chain, key }],
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new pair in these files, each put into place by renaming.
    fn write_certificate(&self, chain: &str, key: &str) -> CertificateDer<'static> {
        let pair = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["contoso.example.com".to_owned()]).unwrap();
        let certificate = params.signed_by(&pair, &self.authority).unwrap();
        for (name, text) in [(chain, certificate.pem()), (key, pair.serialize_pem())] {
            fs::write(self.path("draft"), text).unwrap();
            fs::rename(self.path("draft"), self.path(name)).unwrap();
        }
        certificate.der().clone()
    }

    fn responder(&self, user: &str) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_registry-guard"));
        command.args(["responder", "--user", user, "--responder-socket"]).arg(self.path("responder.sock"));
        Process(command.env_remove("REGISTRY_GUARD_LOG").stderr(Stdio::piped()).spawn().unwrap())
    }

    async fn present(&self, wanted: bool) {
        self.link.as_ref().unwrap().accepting().wait_for(|listeners| listeners.is_some() == wanted).await.unwrap();
    }

    /// The answer over TLS, and the certificate that was shown.
    fn ask(&self) -> std::io::Result<(String, CertificateDer<'static>)> {
        let name = ServerName::try_from("contoso.example.com").unwrap();
        let client = ClientConnection::new(Arc::clone(&self.trust), name).unwrap();
        let mut stream = StreamOwned::new(client, TcpStream::connect(self.address)?);
        stream.write_all(REQUEST)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok((answer, stream.conn.peer_certificates().unwrap()[0].clone()))
    }

    /// Waits until this certificate is shown.
    fn shows(&self, certificate: &CertificateDer<'_>) {
        while self.ask().unwrap().1 != *certificate {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    fn assert_denied(&self) {
        let (answer, _) = self.ask().unwrap();
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        assert!(answer.contains("client with IP '127.0.0.1' is not allowed access."), "{answer}");
    }
}

/// A responder, which ends with the test.
struct Process(Child);

impl Process {
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().cast_signed()), signal).unwrap();
    }

    /// Reads what it logs until one line has this in it.
    fn logs(&mut self, wanted: &str) {
        let log = BufReader::new(self.0.stderr.as_mut().unwrap());
        let mut seen = Vec::new();
        for line in log.lines() {
            let line = line.unwrap();
            if line.contains(wanted) {
                return;
            }
            seen.push(line);
        }
        panic!("no `{wanted}` in {seen:#?}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The words of a line in a file of /proc.
fn status(file: &Path, line: &str) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let found = text.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    found.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_client_is_told_by_a_process_that_can_do_nothing_else() {
    let mut guarded = Guarded::new();
    let socket = fs::symlink_metadata(guarded.path("responder.sock")).unwrap();
    assert_eq!((socket.uid(), socket.mode() & 0o777), (USER, 0o600));
    let responder = guarded.responder(&USER.to_string());
    guarded.present(true).await;
    guarded.assert_denied();
    let report = guarded.link.as_mut().unwrap().answered.recv().await.unwrap();
    assert_eq!((report.registry.as_str(), report.endpoint, report.left_out), ("contoso", guarded.address, 0));

    let proc = PathBuf::from(format!("/proc/{}", responder.0.id()));
    let mut tasks = 0;
    for task in fs::read_dir(proc.join("task")).unwrap() {
        let file = task.unwrap().path().join("status");
        let user = USER.to_string();
        for ids in ["Uid:", "Gid:"] {
            assert_eq!(status(&file, ids), [user.as_str(); 4]);
        }
        assert!(status(&file, "Groups:").is_empty());
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(status(&file, set), ["0000000000000000"], "{set}");
        }
        assert_eq!(status(&file, "NoNewPrivs:"), ["1"]);
        tasks += 1;
    }
    assert!(tasks > 1);
    assert_eq!(status(&proc.join("limits"), "Max core file size")[..2], ["0", "0"]);
    assert_eq!(status(&proc.join("limits"), "Max open files")[..2], ["4096", "4096"]);
    // What is not dumpable belongs to root there.
    assert_eq!(fs::metadata(proc.join("environ")).unwrap().uid(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_shown_however_it_was_put_there() {
    let guarded = Guarded::new();
    let _responder = guarded.responder(&USER.to_string());
    guarded.present(true).await;
    guarded.assert_denied();

    let renamed = guarded.write_certificate("cert.pem", "key.pem");
    guarded.shows(&renamed);

    let linked = guarded.write_certificate("next.pem", "next.key");
    for (link, target) in [("cert.pem", "next.pem"), ("key.pem", "next.key")] {
        symlink(target, guarded.path("draft")).unwrap();
        fs::rename(guarded.path("draft"), guarded.path(link)).unwrap();
    }
    guarded.shows(&linked);

    let in_place = guarded.write_certificate("other.pem", "other.key");
    for (file, text) in [("next.pem", "other.pem"), ("next.key", "other.key")] {
        fs::write(guarded.path(file), fs::read(guarded.path(text)).unwrap()).unwrap();
    }
    guarded.shows(&in_place);

    // A pair that does not fit, and then no PEM at all; afterwards a good one shows that they were looked at.
    guarded.write_certificate("other.pem", "other.key");
    fs::copy(guarded.path("other.key"), guarded.path("next.key")).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(guarded.ask().unwrap().1, in_place);
    fs::write(guarded.path("next.pem"), "no PEM").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(guarded.ask().unwrap().1, in_place);
    let last = guarded.write_certificate("next.pem", "next.key");
    guarded.shows(&last);
}

#[tokio::test(flavor = "multi_thread")]
async fn responder_and_agent_come_and_go_and_no_client_is_lost() {
    let mut guarded = Guarded::new();
    let first = guarded.responder(&USER.to_string());
    guarded.present(true).await;
    first.signal(Signal::SIGKILL);
    guarded.present(false).await;
    // The agent holds the socket: who comes now waits in its queue for the next responder.
    let mut waiting = TcpStream::connect(guarded.address).unwrap();
    let mut second = guarded.responder(&USER.to_string());
    guarded.present(true).await;
    waiting.write_all(REQUEST).unwrap();
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP request to an HTTPS server"), "{answer}");

    guarded.link = None;
    second.logs("the agent has gone");
    guarded.assert_denied();
    guarded.start();
    guarded.present(true).await;
    guarded.assert_denied();

    second.signal(Signal::SIGTERM);
    guarded.present(false).await;
    assert_eq!(second.0.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_taken_for_the_responder() {
    let guarded = Guarded::new();
    // Root can open every socket, and is refused all the same.
    let mut root = std::os::unix::net::UnixStream::connect(guarded.path("responder.sock")).unwrap();
    assert_eq!(root.read(&mut [0; 16]).unwrap(), 0);
    let mut stranger = guarded.responder("64997");
    stranger.logs("cannot reach the agent");
    // Where its mode lets strangers through, the kernel says who they are.
    fs::set_permissions(guarded.path("responder.sock"), fs::Permissions::from_mode(0o666)).unwrap();
    stranger.logs("the agent has gone");
    assert!(guarded.link.as_ref().unwrap().accepting().borrow().is_none());
    let first = guarded.responder(&USER.to_string());
    guarded.present(true).await;
    let mut second = guarded.responder(&USER.to_string());
    second.logs("the agent has gone");
    assert!(guarded.link.as_ref().unwrap().accepting().borrow().is_some());
    guarded.assert_denied();
    first.signal(Signal::SIGKILL);
    second.logs("ready to answer");
    guarded.present(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_cannot_be_used_is_named_with_its_registry() {
    let guarded = Guarded::new();
    guarded.write_certificate("other.pem", "key.pem");
    let listeners = listen_here(0).unwrap();
    let options = ResponderOptions { socket: guarded.path("other.sock"), ..guarded.options() };
    let error = ResponderLink::start(options, listeners, None).unwrap_err().to_string();
    let told =
        format!("registry contoso: key {} holds a private key that does not belong", guarded.path("key.pem").display());
    assert!(error.contains(&told), "{error}");
}

fn refused(user: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_registry-guard"));
    command.args(["responder", "--user", user, "--responder-socket", "/nonexistent/s"]).output().unwrap()
}

#[test]
fn root_and_unknown_users_are_refused_with_what_would_be_accepted() {
    for (user, told) in [
        ("root", "user root: the responder talks to strangers and never runs as root"),
        ("0", "never runs as root"),
        ("nobody-has-this-name", "useradd --system --no-create-home registry-guard"),
    ] {
        let output = refused(user);
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && complaint.contains(told), "{user}: {complaint}");
    }
}
