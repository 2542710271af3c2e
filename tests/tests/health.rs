//! `check-health` at real clients of a real registry: what it finds where something is wrong, and that it finds nothing else.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::net::{Agent, Client, Curl, DockerRegistry, GuardConfig, Network, Ran, Responder, Shown, eventually, run};

const MINUTE: Duration = Duration::from_mins(1);
const REGISTRY: &str = GuardConfig::REGISTRY;
const CLIENT: &str = "198.51.100.7";
const DATA: &str = "203.0.113.11";

/// A client before a registry, and whom it trusts.
struct Scene {
    registry: DockerRegistry,
    client: Client,
    network: Network,
}

impl Scene {
    fn set(shown: Shown) -> Result<Self> {
        let mut network = Network::new()?;
        let client = network.client("office", &[CLIENT])?;
        network.host().ip(&format!("addr add {DATA}/32 dev lo\n"))?;
        client.know(Network::DATA_ENDPOINT, DATA.parse()?)?;
        let registry = DockerRegistry::start_showing(&network, shown)?;
        Ok(Self { registry, client, network })
    }

    fn guarded(&self, config: GuardConfig) -> Result<Agent> {
        Agent::start(&self.network, &config.data_endpoint("local", &format!("{DATA}:443")).to_string())
    }

    /// The command at the client, with these arguments, for a registry whose authority the client trusts.
    fn command(&self, arguments: &str) -> Result<Command> {
        let mut command = self.client.tool(Agent::built()?);
        for variable in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"] {
            command.env_remove(variable);
        }
        command.arg("check-health").args(arguments.split_whitespace());
        command.arg("--ca-file").arg(self.registry.certificate().authority());
        Ok(command)
    }

    /// What it prints without an agent to ask.
    fn alone(&self, arguments: &str) -> Result<Found> {
        found(&mut self.command(arguments)?)
    }

    /// The same with an agent.
    fn with(&self, agent: &Agent, arguments: &str) -> Result<Found> {
        found(self.command(arguments)?.env("REGISTRY_GUARD_SOCKET", agent.socket()))
    }
}

/// A report, and how the command ended.
struct Found {
    code: Option<i32>,
    report: Value,
    stderr: String,
}

fn found(command: &mut Command) -> Result<Found> {
    let Ran { status, stdout, stderr, .. } = run(command.args(["--output", "json"]), MINUTE)?;
    let report = serde_json::from_str(&stdout).with_context(|| format!("{command:?} printed {stdout}{stderr}"))?;
    Ok(Found { code: status.and_then(|status| status.code()), report, stderr })
}

impl Found {
    fn checks(&self) -> impl Iterator<Item = &Value> {
        self.report["checks"].as_array().into_iter().flatten()
    }

    /// What is wrong, each as `status check`.
    fn wrong(&self) -> Vec<String> {
        let wrong = self.checks().filter(|check| check["status"] != "ok");
        wrong.map(|check| format!("{} {}", text(&check["status"]), text(&check["check"]))).collect()
    }

    /// This is wrong, with these words, and nothing else; each line that is not ok says what to do.
    fn expect(&self, wrong: &[(&str, &str)]) -> Result<()> {
        let expected: Vec<&str> = wrong.iter().map(|(what, _)| *what).collect();
        ensure!(self.wrong() == expected, "{expected:?}, not {:#}", self.report);
        for ((_, words), check) in wrong.iter().zip(self.checks().filter(|check| check["status"] != "ok")) {
            let said = format!("{} -> {}", text(&check["message"]), text(&check["advice"]));
            ensure!(said.contains(words), "`{words}` is not in: {said}");
            ensure!(!text(&check["advice"]).is_empty(), "it says what to do: {check}");
        }
        let failed = wrong.iter().any(|(what, _)| what.starts_with("failed"));
        ensure!(self.code == Some(i32::from(failed)), "{:?}: {}", self.code, self.stderr);
        ensure!(self.report["healthy"] == !failed, "{:#}", self.report);
        Ok(())
    }

    /// The message of the check of this name.
    fn message(&self, name: &str) -> Result<String> {
        let check = self.checks().find(|check| check["check"] == name);
        check.map(|check| text(&check["message"]).to_owned()).with_context(|| format!("{name}: {:#}", self.report))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn a_registry_that_is_fine_passes_every_check_with_its_data_endpoint() -> Result<()> {
    let scene = Scene::set(Shown::Certificate)?;
    let agent = scene.guarded(GuardConfig::of(&scene.network))?;
    agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", CLIENT])?;
    let off = scene.with(&agent, "-n Contoso")?;
    off.expect(&[])?;
    let checked: Vec<&str> = off.checks().map(|check| text(&check["check"])).collect();
    let all =
        ["proxy", "dns", "tcp", "tls", "certificate-name", "certificate-expiry", "certificate-trust", "http", "clock"];
    ensure!(checked == [&all[..], &["rules"]].concat(), "{checked:?}");
    assert_eq!(off.report["registry"], REGISTRY);
    ensure!(off.message("rules")?.starts_with("198.51.100.7 gets Allow: IpRule (rule 198.51.100.7)"), "{}", off.report);

    agent.json(["update", "-n", REGISTRY, "--data-endpoint-enabled"])?;
    let on = scene.with(&agent, "--name contoso")?;
    on.expect(&[])?;
    let targets: Vec<&str> = on.checks().map(|check| text(&check["target"])).collect();
    ensure!(targets.contains(&"contoso.local.data.example.com:443"), "{targets:?}");
    assert_eq!(targets.len(), 2 * (all.len() + 1));

    let lines =
        run(scene.command("-n contoso")?.env("REGISTRY_GUARD_SOCKET", agent.socket()), MINUTE)?.expect_success()?;
    ensure!(lines.stdout.starts_with("ok       proxy "), "{}", lines.stdout);
    assert_eq!(lines.stdout.lines().count(), targets.len());
    let nobody = run(scene.command("-n nobody")?.env("REGISTRY_GUARD_SOCKET", agent.socket()), MINUTE)?;
    assert_eq!(nobody.status.and_then(|status| status.code()), Some(3), "{}", nobody.stderr);
    let away = run(scene.command("-n contoso")?.env("REGISTRY_GUARD_SOCKET", "/nowhere.sock"), MINUTE)?;
    assert_eq!(away.status.and_then(|status| status.code()), Some(1), "{}", away.stderr);
    ensure!(away.stderr.contains("name the registry with --login-server"), "{}", away.stderr);
    Ok(())
}

#[test]
fn a_name_a_port_and_an_issuer_that_are_wrong_are_found_one_by_one() -> Result<()> {
    let scene = Scene::set(Shown::Certificate)?;
    let nowhere = scene.alone("--login-server nowhere.example.invalid --timeout 2")?;
    nowhere.expect(&[("failed dns", "nowhere.example.invalid has no address: ")])?;
    let closed = scene.alone("--login-server contoso.example.com:444")?;
    closed.expect(&[("failed tcp", "203.0.113.10:444 refused the connection -> nothing listens at port 444")])?;
    let both = scene.alone("--login-server contoso.example.com --data-endpoint contoso.local.data.example.com:444")?;
    both.expect(&[("failed tcp", "203.0.113.11:444 refused")])?;
    let mut stranger = scene.client.tool(Agent::built()?);
    let stranger = found(stranger.args(["check-health", "--login-server", Network::LOGIN_SERVER]))?;
    stranger.expect(&[("failed certificate-trust", "--ca-file")])?;
    let ignored = run(&mut scene.command("--login-server contoso.example.com:444 --ignore-errors --yes")?, MINUTE)?;
    ensure!(ignored.success(), "{}", ignored.stderr);
    ensure!(ignored.stdout.contains("\n         -> nothing listens"), "{}", ignored.stdout);
    let proxied = found(
        scene.command("--login-server contoso.example.com")?.env("https_proxy", "http://me:pw@203.0.113.99:3128"),
    )?;
    proxied.expect(&[("warning proxy", "go through http://***@203.0.113.99:3128")])?;
    let unread = run(scene.command("--login-server contoso.example.com")?.args(["--ca-file", "/nowhere.pem"]), MINUTE)?;
    assert_eq!(unread.status.and_then(|status| status.code()), Some(2), "{}", unread.stderr);
    Ok(())
}

#[test]
fn a_certificate_of_another_name_is_found() -> Result<()> {
    let scene = Scene::set(Shown::OtherName)?;
    let wrong = scene.alone("--login-server contoso.example.com")?;
    wrong.expect(&[("failed certificate-name", "is not for contoso.example.com but for fabrikam.example.com")])
}

#[test]
fn an_expired_certificate_is_found() -> Result<()> {
    let scene = Scene::set(Shown::Expired)?;
    let wrong = scene.alone("--login-server contoso.example.com")?;
    wrong.expect(&[("failed certificate-expiry", "expired at 2020-12-31T00:00:00Z -> renew")])
}

#[test]
fn a_registry_that_speaks_plain_http_is_warned_of() -> Result<()> {
    let scene = Scene::set(Shown::Nothing)?;
    let plain = scene.alone("--login-server contoso.example.com")?;
    plain.expect(&[("warning tls", "speaks plain HTTP")])?;
    ensure!(plain.message("http")?.starts_with("200 at /v2/"), "{:#}", plain.report);
    Ok(())
}

#[test]
fn a_client_that_is_dropped_learns_why_from_the_agent_and_what_to_look_for_without_it() -> Result<()> {
    let scene = Scene::set(Shown::Certificate)?;
    let agent = scene.guarded(GuardConfig::of(&scene.network))?;
    let told = scene.with(&agent, "-n contoso --timeout 1")?;
    told.expect(&[("failed tcp", "nothing answered within 1 s"), ("failed rules", "198.51.100.7 gets Deny: NoRule")])?;
    ensure!(told.report.to_string().contains("network-rule add --name contoso --ip-address 198.51.100.7"));
    let alone = scene.alone("--login-server contoso.example.com --timeout 1")?;
    alone.expect(&[("failed tcp", "the registry may be dropping this address")])
}

/// What a client finds that is answered 403, where the registry tells it so at this place.
fn denied_at(place: &str, token: bool) -> Result<()> {
    let scene = Scene::set(Shown::Certificate)?;
    let config =
        GuardConfig::of(&scene.network).forbidden(scene.registry.certificate()).help("https://help.example.com");
    let agent = scene.guarded(if token { config.forbidden_at_token() } else { config })?;
    let _responder = Responder::start(&agent)?;
    let curl = Curl { client: &scene.client, certificate: scene.registry.certificate() };
    eventually("the responder answers", || Ok(curl.get("/v2/", None, MINUTE)?.success()))?;
    let denial =
        format!("403 at {place}: client with IP '198.51.100.7' is not allowed access. Refer https://help.example.com");
    let alone = scene.alone("--login-server contoso.example.com")?;
    alone.expect(&[("failed http", &denial)])?;
    ensure!(alone.report.to_string().contains("network-rule add --name REGISTRY --ip-address 198.51.100.7"));
    let told = scene.with(&agent, "-n contoso")?;
    told.expect(&[("failed http", &denial), ("failed rules", "198.51.100.7 gets Deny: NoRule")])?;
    agent.json(["update", "-n", REGISTRY, "--data-endpoint-enabled"])?;
    let rules = ("failed rules", "198.51.100.7 gets Deny: NoRule");
    let both = scene.with(&agent, "-n contoso")?;
    both.expect(&[("failed http", &denial), rules, ("failed http", &denial), rules])
}

#[test]
fn a_client_that_is_denied_finds_the_words_of_the_registry() -> Result<()> {
    denied_at("/v2/", false)
}

#[test]
fn a_client_that_is_denied_at_the_token_endpoint_finds_them_there() -> Result<()> {
    denied_at("the token endpoint", true)
}
