//! The API over TLS: who may do what, and what becomes of those who may not.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tests::net::{
    Agent, Answer, Authority, Certificate, Client, Daemon, GuardConfig, Listener, Manager, Network, Outcome, Principal,
    eventually, expect_same,
};

const ONE_SYN: Duration = Duration::from_millis(900);
const REGISTRY: &str = GuardConfig::REGISTRY;
const SOURCE: &str = "198.51.100.7";

const OWNER: Principal = Principal {
    id: "aaaaaaaa-0000-4000-8000-000000000001",
    name: "owner",
    secret: "the-secret-of-the-owner",
    roles: &[("contributor", "*")],
};
const CI: Principal = Principal {
    id: "aaaaaaaa-0000-4000-8000-000000000002",
    name: "ci of contoso",
    secret: "the-secret-of-contoso-ci",
    roles: &[("contributor", REGISTRY)],
};
const AUDITOR: Principal = Principal {
    id: "aaaaaaaa-0000-4000-8000-000000000003",
    name: "auditor",
    secret: "the-secret-of-the-auditor",
    roles: &[("reader", REGISTRY)],
};
const FABRIKAM: Principal = Principal {
    id: "aaaaaaaa-0000-4000-8000-000000000004",
    name: "ci of fabrikam",
    secret: "the-secret-of-fabrikam-ci",
    roles: &[("contributor", "fabrikam")],
};
const EVERYBODY: [Principal; 4] = [OWNER, CI, AUDITOR, FABRIKAM];

/// `{"alg":"none","typ":"JWT"}`, as it stands in a token.
const NO_ALGORITHM: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

/// A host that is managed over TLS, with two registries.
struct Host {
    // The agent goes before the network that it runs in.
    agent: Agent,
    _listener: Listener,
    client: Client,
    certificate: Certificate,
    network: Network,
}

impl Host {
    fn new(lifetime: &str) -> Result<Self> {
        let mut host = Self::prepare(lifetime)?;
        host.agent.run()?;
        Ok(host)
    }

    /// The same before its agent is started.
    fn prepare(lifetime: &str) -> Result<Self> {
        let mut network = Network::new()?;
        let client = network.client("office", &[SOURCE])?;
        let listener = Listener::start(network.host(), "[::]:443".parse()?)?;
        let authority = Authority::make(&network.folder().join("trust"))?;
        let certificate = authority.issue(&network.folder().join("certificate"))?;
        let agent = Agent::prepare(&network, "agent", &config(&network, &certificate, lifetime, &EVERYBODY)?)?;
        Ok(Self { agent, _listener: listener, client, certificate, network })
    }

    /// Starts the agent again with what comes of each principal's table in its config.toml. Hashes stay as they are.
    fn restart_with(&mut self, change: impl Fn(&str) -> Option<String>) -> Result<()> {
        const HEADER: &str = "[[management.principal]]";
        let config = fs::read_to_string(self.agent.config())?;
        let mut tables = config.split(HEADER);
        let mut changed = tables.next().unwrap_or_default().to_owned();
        for table in tables.filter_map(change) {
            changed.push_str(HEADER);
            changed.push_str(&table);
        }
        self.agent.configure(&changed)?;
        self.agent.restart()
    }

    fn manager(&self) -> Manager<'_> {
        Manager { client: &self.client, source: IpAddr::from([198, 51, 100, 7]), certificate: &self.certificate }
    }

    /// What comes of a request must be a refusal with this status and code, and a line of the log with these words; and nothing
    /// has changed.
    fn expect_refused(&self, what: &str, ask: impl FnOnce() -> Result<Answer>, refused: &Refused<'_>) -> Result<()> {
        let (before, logged) = (self.agent.everything()?, self.agent.log().len());
        let answer = ask().with_context(|| what.to_owned())?;
        let error = &answer.body["error"];
        let code = error["code"].as_str().or(error.as_str());
        ensure!((answer.status, code) == (refused.status, Some(refused.code)), "{what}: {answer:?}");
        ensure!(answer.head.contains("x-ms-correlation-request-id: "), "{what}: {answer:?}");
        let holds = |line: &str| line.contains(" refused ") && refused.logged.iter().all(|word| line.contains(word));
        eventually(&format!("{what} is logged with {:?}", refused.logged), || {
            Ok(self.agent.log()[logged..].lines().any(holds))
        })?;
        expect_same(&before, &self.agent.everything()?, what)
    }

    fn outcome(&self) -> Result<Outcome> {
        let registry: SocketAddr = (Network::REGISTRY_V4, 443).into();
        Ok(self.client.connect(SOURCE.parse()?, registry, ONE_SYN)?.outcome)
    }
}

/// How a request is refused, and what the log says of it.
struct Refused<'a> {
    status: u16,
    code: &'a str,
    logged: &'a [&'a str],
}

/// Somebody who has not shown who they are.
fn unauthenticated(code: &str) -> Refused<'_> {
    Refused { status: 401, code, logged: &["somebody at 198.51.100.7:"] }
}

fn config(network: &Network, certificate: &Certificate, lifetime: &str, principals: &[Principal]) -> Result<String> {
    let config = GuardConfig::of(network).reset().further_registry("fabrikam", "203.0.113.11:443");
    Ok(config.management(certificate, lifetime, principals)?.to_string())
}

fn rule(value: &str) -> String {
    format!("{}/ipRules/{value}", Agent::registry_path(REGISTRY))
}

fn group(rest: &str) -> String {
    format!("/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/registry-guard{rest}")
}

/// The token with one character of this part changed; the part still is what Base64 can be.
fn altered(token: &str, part: usize) -> Result<String> {
    let mut parts: Vec<String> = token.split('.').map(ToOwned::to_owned).collect();
    let text = parts.get_mut(part).context("a token has three parts")?;
    let replacement = if &text[10..11] == "A" { "B" } else { "A" };
    text.replace_range(10..11, replacement);
    Ok(parts.join("."))
}

#[test]
fn a_contributor_adds_a_rule_and_the_very_next_syn_obeys() -> Result<()> {
    let host = Host::new("1h")?;
    let manager = host.manager();
    assert_eq!(host.outcome()?, Outcome::Refused);
    let token = manager.token(&CI)?;
    let answer = manager.call("PUT", &rule(SOURCE), Some(&token), &json!({"action": "Allow"}))?;
    assert_eq!((answer.status, &answer.body["changed"]), (200, &json!(true)), "{answer:?}");
    assert_eq!(host.outcome()?, Outcome::Connected);
    let list = json!({"properties": {"networkRuleSet": {"ipRules": []}}});
    let answer = manager.call("PATCH", &Agent::registry_path(REGISTRY), Some(&token), &list)?;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(host.outcome()?, Outcome::Refused);
    let whole = manager.call("GET", &Agent::registry_path(REGISTRY), Some(&token), &Value::Null)?.body;
    let answer = manager.call("PUT", &Agent::registry_path(REGISTRY), Some(&token), &whole)?;
    assert_eq!((answer.status, &answer.body), (200, &whole), "what was read can be sent back");
    let log = host.agent.log();
    let changes = log.lines().filter(|line| line.contains(CI.id) && line.contains("request carried out"));
    assert_eq!(changes.count(), 3, "{log}");
    Ok(())
}

#[test]
fn who_has_no_token_that_counts_is_refused_and_logged_and_changes_nothing() -> Result<()> {
    let host = Host::new("1h")?;
    let manager = host.manager();
    let wrong = |id: &'static str, secret: &'static str| move || manager.ask_token(id, secret);
    let nobody = "aaaaaaaa-0000-4000-8000-00000000000f";
    let wrong_secret = Refused { logged: &[CI.id, "somebody at 198.51.100.7:"], ..unauthenticated("invalid_client") };
    host.expect_refused("a wrong secret", wrong(CI.id, "the-secret-of-nobody"), &wrong_secret)?;
    host.expect_refused("another's secret", wrong(CI.id, OWNER.secret), &wrong_secret)?;
    host.expect_refused("a wrong id", wrong(nobody, CI.secret), &unauthenticated("invalid_client"))?;

    let token = manager.token(&CI)?;
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { bail!("the token {token}") };
    let invalid = unauthenticated("InvalidAuthenticationToken");
    let body = json!({"action": "Allow"});
    let put = |token: &str| manager.call("PUT", &rule(SOURCE), Some(token), &body);
    for (what, token) in [
        ("an altered header", altered(&token, 0)?),
        ("an altered payload", altered(&token, 1)?),
        ("an altered signature", altered(&token, 2)?),
        ("no algorithm and no signature", format!("{NO_ALGORITHM}.{claims}.")),
        ("no algorithm and a signature", format!("{NO_ALGORITHM}.{claims}.{signature}")),
        ("no signature", format!("{header}.{claims}.")),
        ("half a token", format!("{header}.{claims}")),
        ("the secret for a token", CI.secret.to_owned()),
    ] {
        host.expect_refused(what, || put(&token), &invalid)?;
    }
    let missing = unauthenticated("AuthenticationFailed");
    host.expect_refused("no token", || manager.call("PUT", &rule(SOURCE), None, &body), &missing)?;
    host.expect_refused("a path that is not there", || manager.call("GET", "/x", None, &Value::Null), &missing)?;
    let basic = || manager.request("GET", "/subscriptions", &["Authorization: Basic YTpi"], "");
    host.expect_refused("another scheme", basic, &invalid)?;
    let bearer = format!("Authorization: Bearer {token}");
    let twice = || manager.request("GET", "/subscriptions", &[&bearer, &bearer], "");
    host.expect_refused("two tokens", twice, &invalid)?;

    let before = host.agent.everything()?;
    let request = format!("PUT {} HTTP/1.1\r\nHost: x\r\n{bearer}\r\nContent-Length: 0\r\n\r\n", rule(SOURCE));
    let answer = manager.plain(request.as_bytes())?;
    ensure!(answer.starts_with("HTTP/1.0 400 ") && answer.contains("HTTPS server"), "{answer}");
    let plain = ["plain HTTP", "peer=198.51.100.7:"];
    eventually("plain HTTP is logged", || {
        Ok(host.agent.log().lines().any(|line| plain.iter().all(|word| line.contains(word))))
    })?;
    expect_same(&before, &host.agent.everything()?, "plain HTTP")?;
    assert_eq!(put(&token)?.status, 200, "the token that was not altered counts");
    Ok(())
}

#[test]
fn who_has_not_the_role_is_refused_and_logged_and_changes_nothing() -> Result<()> {
    let host = Host::new("1h")?;
    let manager = host.manager();
    let registry = Agent::registry_path(REGISTRY);
    let office = group("/providers/Microsoft.Network/virtualNetworks/office");
    let (ci, auditor, fabrikam) = (manager.token(&CI)?, manager.token(&AUDITOR)?, manager.token(&FABRIKAM)?);
    let (allow, patch) = (json!({"action": "Allow"}), json!({"properties": {"publicNetworkAccess": "Disabled"}}));
    let vnet = json!({"properties": {"vni": 5001, "addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}}});
    for (what, by, token, method, path, body) in [
        ("a reader adds a rule", AUDITOR, &auditor, "PUT", rule(SOURCE), &allow),
        ("a reader removes a rule", AUDITOR, &auditor, "DELETE", rule(SOURCE), &Value::Null),
        ("a reader updates", AUDITOR, &auditor, "PATCH", registry.clone(), &patch),
        ("a reader replaces", AUDITOR, &auditor, "PUT", registry.clone(), &patch),
        ("a reader makes a network", AUDITOR, &auditor, "PUT", office.clone(), &vnet),
        ("a contributor of another adds a rule", FABRIKAM, &fabrikam, "PUT", rule(SOURCE), &allow),
        ("a contributor of another updates", FABRIKAM, &fabrikam, "PATCH", registry.to_uppercase(), &patch),
        ("a contributor of another looks", FABRIKAM, &fabrikam, "GET", registry.clone(), &Value::Null),
        ("a contributor of one makes a network", CI, &ci, "PUT", office.clone(), &vnet),
        ("a contributor of one removes a network", CI, &ci, "DELETE", office.clone(), &Value::Null),
        ("a contributor detaches", CI, &ci, "POST", "/detach".to_owned(), &Value::Null),
        ("a contributor asks for the status", CI, &ci, "GET", "/status".to_owned(), &Value::Null),
        ("a contributor follows denials", CI, &ci, "GET", "/events".to_owned(), &Value::Null),
    ] {
        let logged = [by.id, by.name, "at 198.51.100.7:", method];
        let refused = Refused { status: 403, code: "AuthorizationFailed", logged: &logged };
        host.expect_refused(what, || manager.call(method, &path, Some(token), body), &refused)?;
    }
    Ok(())
}

#[test]
fn a_renewed_certificate_is_shown_and_one_of_another_name_is_not() -> Result<()> {
    let host = Host::new("1h")?;
    let manager = host.manager();
    let ask = |certificate| Manager { certificate, ..manager }.call("GET", "/metadata/endpoints", None, &Value::Null);
    let folder = host.network.folder();
    let authority = Authority::make(&folder.join("other"))?;
    let misnamed = authority.issue_for(&folder.join("misnamed"), &["fabrikam.example.com"], &[])?;
    let renewed = authority.issue(&folder.join("renewed"))?;
    let put = |certificate: &Certificate| -> Result<()> {
        fs::copy(certificate.chain(), host.certificate.chain())?;
        fs::copy(certificate.key(), host.certificate.key())?;
        Ok(())
    };
    put(&misnamed)?;
    eventually("the name is missed", || Ok(host.agent.log().contains("is not a name in the certificate")))?;
    assert_eq!(ask(&host.certificate)?.status, 200, "the one before is still shown");
    put(&renewed)?;
    eventually("the renewed certificate is shown", || Ok(ask(&renewed).is_ok_and(|answer| answer.status == 200)))
}

#[test]
fn lists_show_what_the_caller_may_see() -> Result<()> {
    let host = Host::new("1h")?;
    let manager = host.manager();
    for (principal, seen) in
        [(OWNER, vec![REGISTRY, "fabrikam"]), (AUDITOR, vec![REGISTRY]), (FABRIKAM, vec!["fabrikam"])]
    {
        let token = manager.token(&principal)?;
        let filter = "?$filter=resourceType%20eq%20'Microsoft.ContainerRegistry/registries'&api-version=2022-09-01";
        for path in
            [group("/providers/Microsoft.ContainerRegistry/registries"), format!("{}{filter}", group("/resources"))]
        {
            let list = manager.call("GET", &path, Some(&token), &Value::Null)?.expect_success()?;
            let names: Vec<&str> =
                list["value"].as_array().into_iter().flatten().filter_map(|it| it["name"].as_str()).collect();
            assert_eq!(names, seen, "{} {path}", principal.name);
        }
    }
    Ok(())
}

#[test]
fn a_token_that_has_expired_is_refused_and_logged_and_changes_nothing() -> Result<()> {
    let host = Host::new("1s")?;
    let manager = host.manager();
    let token = manager.token(&CI)?;
    let put = || manager.call("PUT", &rule(SOURCE), Some(&token), &json!({"action": "Deny"}));
    let look = || manager.call("GET", &Agent::registry_path(REGISTRY), Some(&token), &Value::Null);
    eventually("the token expires", || Ok(look()?.status == 401))?;
    let expired = Refused { logged: &[CI.id, "expired"], ..unauthenticated("ExpiredAuthenticationToken") };
    host.expect_refused("an expired token", put, &expired)
}

#[test]
fn a_token_outlives_the_agent_but_not_its_principal_nor_the_key() -> Result<()> {
    let mut host = Host::new("1h")?;
    let (ci, owner) = (host.manager().token(&CI)?, host.manager().token(&OWNER)?);
    host.restart_with(|table| (!table.contains(CI.id)).then(|| table.to_owned()))?;
    let manager = host.manager();
    let put = |token: &str| manager.call("PUT", &rule(SOURCE), Some(token), &json!({"action": "Allow"}));
    let gone = Refused { logged: &[CI.id, "gone"], ..unauthenticated("InvalidAuthenticationToken") };
    host.expect_refused("a principal that is gone", || put(&ci), &gone)?;
    assert_eq!(put(&owner)?.status, 200, "a restart logs nobody out");

    host.restart_with(|table| Some(table.replace("contributor", "reader")))?;
    let manager = host.manager();
    let put = |token: &str| manager.call("PUT", &rule("203.0.113.9"), Some(token), &json!({"action": "Allow"}));
    let changed = Refused { logged: &[OWNER.id], ..unauthenticated("InvalidAuthenticationToken") };
    host.expect_refused("a token from before the roles changed", || put(&owner), &changed)?;

    fs::remove_file(host.agent.state().join("management.key"))?;
    host.restart_with(|table| Some(table.replace("reader", "contributor")))?;
    let manager = host.manager();
    let put = |token: &str| manager.call("PUT", &rule("203.0.113.9"), Some(token), &json!({"action": "Allow"}));
    host.expect_refused("a token of another key", || put(&owner), &unauthenticated("InvalidAuthenticationToken"))
}

#[test]
fn no_secret_and_no_token_is_in_a_log_or_an_error() -> Result<()> {
    let mut host = Host::prepare("1h")?;
    host.agent.log_filter("trace,netlink_packet_route=error");
    host.agent.run()?;
    let manager = host.manager();
    let token = manager.token(&CI)?;
    let wrong = "a-secret-that-is-nobodys";
    let forged = altered(&token, 2)?;
    let form = ["Content-Type: application/x-www-form-urlencoded"];
    let ask = |body: &str| manager.request("POST", &format!("/{}/oauth2/v2.0/token", Manager::TENANT), &form, body);
    let scope = format!("scope={}/.default", Manager::url());
    let answers = [
        manager.ask_token(CI.id, wrong)?,
        manager.ask_token(wrong, wrong)?,
        ask(&format!("client_secret={wrong}&client_secret={wrong}"))?,
        ask(&format!("grant_type=client_credentials&client_id={}&client_secret={wrong}", CI.id))?,
        ask(&format!("grant_type=password&client_secret={wrong}&{scope}"))?,
        manager.call("GET", "/subscriptions", Some(wrong), &Value::Null)?,
        manager.call("GET", "/subscriptions", Some(&forged), &Value::Null)?,
        manager.call("GET", "/detach", Some(&token), &Value::Null)?,
        manager.call("PUT", &rule("nonsense"), Some(&token), &json!({"action": "Allow"}))?,
        manager.request("GET", "/subscriptions", &[&format!("Authorization: Basic {wrong}")], "")?,
    ];
    assert_eq!(manager.call("PUT", &rule(SOURCE), Some(&token), &json!({}))?.status, 200);
    manager.plain(format!("GET / HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\r\n").as_bytes())?;
    host.agent.stop()?;
    let config = fs::read_to_string(host.agent.config())?;
    let hashes: Vec<&str> = config.lines().filter_map(|line| line.strip_prefix("secret-hash = ")).collect();
    assert_eq!(hashes.len(), EVERYBODY.len());
    let signature = |token: &str| token.rsplit('.').next().unwrap_or_default().to_owned();
    let hash = |line: &str| line.trim_matches('"').rsplit('$').next().unwrap_or_default().to_owned();
    let secrets = [wrong.to_owned(), CI.secret.to_owned(), signature(&token), signature(&forged)];
    let log = host.agent.log();
    ensure!(log.contains("TRACE") && log.contains("token issued"), "the log says too little to be searched");
    for secret in secrets.into_iter().chain(hashes.into_iter().map(hash)) {
        ensure!(secret.len() >= 16, "{secret:?} says too little to be searched for");
        if let Some(line) = log.lines().find(|line| line.contains(&secret)) {
            bail!("the log has {secret}: {line}");
        }
        if let Some(answer) = answers.iter().find(|answer| format!("{answer:?}").contains(&secret)) {
            bail!("an error has {secret}: {answer:?}");
        }
    }
    assert!(answers.iter().all(|answer| answer.status >= 400), "{answers:?}");
    Ok(())
}

/// Starts `command` where core files of any size are wanted, in `folder`, and ends it by this signal once it is `ready`.
fn killed(command: &Command, folder: &Path, signal: Signal, mut ready: impl FnMut(u32) -> bool) -> Result<ExitStatus> {
    let mut unlimited = Command::new("prlimit");
    unlimited.arg("--core=unlimited:unlimited").arg(command.get_program()).args(command.get_args()).current_dir(folder);
    for (name, value) in command.get_envs() {
        value.map(|value| unlimited.env(name, value));
    }
    let mut daemon = Daemon::start(&mut unlimited, &folder.join("log"))?;
    let pid = daemon.pid();
    daemon.wait_until(Duration::from_mins(1), || ready(pid))?;
    // Rust's runtime takes the first SIGSEGV for a stack overflow, sees that it is none, and leaves the next one to the kernel.
    let mut status = None;
    eventually("the signal ends it", || {
        status = daemon.ended()?;
        if status.is_none() {
            kill(Pid::from_raw(pid.cast_signed()), signal)?;
        }
        Ok(status.is_some())
    })?;
    status.context("it did not end")
}

#[test]
fn an_agent_that_crashes_leaves_no_core_behind() -> Result<()> {
    let host = Host::prepare("1h")?;
    let folder = tempfile::tempdir()?;
    let mut sleep = Command::new("sleep");
    sleep.arg("1000");
    // Before that it is prlimit, which may not have raised the limit yet.
    let sleeps = |pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n");
    if !killed(&sleep, folder.path(), Signal::SIGABRT, sleeps)?.core_dumped() {
        println!("SKIPPED: this kernel leaves no core of anyone");
        return Ok(());
    }
    for signal in [Signal::SIGABRT, Signal::SIGSEGV] {
        let folder = tempfile::tempdir()?;
        let answers = |_| host.agent.cli(["status"]).is_ok_and(|ran| ran.success());
        let status = killed(&host.agent.run_command(), folder.path(), signal, answers)?;
        assert_eq!((status.signal(), status.core_dumped()), (Some(signal as i32), false), "{signal}");
        let left: Vec<_> = fs::read_dir(folder.path())?.map(|entry| entry.map(|entry| entry.file_name())).collect();
        assert_eq!(left.len(), 1, "{signal} left {left:?}");
    }
    Ok(())
}
