//! What a denied client reads: the 403 of the registry itself, in the words of each real client, and the registry once a rule
//! names it.
//!
//! The words are those of docker 20.10, containerd 1.6, podman 4.3 and skopeo 1.9 as Debian 12 has them. How long each took is
//! printed; `cargo xtask test -- --package tests --test forbidden -- --nocapture` shows it.

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::net::{
    Agent, Certificate, Client, Ctr, Curl, Docker, DockerRegistry, GuardConfig, Http, Image, Login, Network, Outcome,
    Podman, Ran, Responder, Skopeo, eventually,
};

const MINUTE: Duration = Duration::from_mins(1);
/// Shorter than the second after which a SYN is sent again.
const ONE_SYN: Duration = Duration::from_millis(800);

const REGISTRY: &str = GuardConfig::REGISTRY;
const HELP: &str = "https://help.example.com/registry";
const STRANGER: &str = "198.51.100.66";
const STRANGER_V6: &str = "2001:db8:6::66";

/// Where the 403 comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    EveryPath,
    Token,
}

/// A guarded registry that asks for a login, with `app:v1` in it, and a stranger whom no rule names.
struct Scene {
    _responder: Responder,
    agent: Agent,
    registry: DockerRegistry,
    builder: Client,
    stranger: Client,
    roamer: Client,
    network: Network,
}

impl Scene {
    fn set(style: Style) -> Result<Self> {
        let mut network = Network::new()?;
        let builder = network.client("builder", &["198.51.100.2"])?;
        let stranger = network.client("stranger", &[STRANGER])?;
        let roamer = network.client("roamer", &[STRANGER_V6])?;
        let registry = DockerRegistry::start_with_login(&network)?;
        let config = GuardConfig::of(&network).forbidden(registry.certificate()).help(HELP);
        let config = if style == Style::Token { config.forbidden_at_token() } else { config };
        let agent = Agent::start(&network, &config.to_string())?;
        let responder = Responder::start(&agent)?;
        allow(&agent, "198.51.100.2")?;
        let scene = Self { _responder: responder, agent, registry, builder, stranger, roamer, network };
        scene.stock()?;
        for client in [&scene.stranger, &scene.roamer] {
            let curl = scene.curl(client);
            eventually("the responder answers", || Ok(curl.get("/v2/", None, MINUTE)?.success()))?;
        }
        Ok(scene)
    }

    /// The builder, who is allowed, brings the image.
    fn stock(&self) -> Result<()> {
        let image = Image::make(&self.network.folder().join("image"), 1_000_000)?;
        let skopeo = Skopeo::new(&self.network, &self.builder, self.certificate());
        report("allowed", "skopeo login", &skopeo.login(Login::BUILDER, MINUTE)?.expect_success()?);
        report("allowed", "skopeo push", &skopeo.push(&image, "app:v1", MINUTE)?.expect_success()?);
        Ok(())
    }

    fn certificate(&self) -> &Certificate {
        self.registry.certificate()
    }

    fn curl<'a>(&'a self, client: &'a Client) -> Curl<'a> {
        Curl { client, certificate: self.certificate() }
    }

    fn allow_stranger(&self) -> Result<()> {
        allow(&self.agent, STRANGER)
    }
}

fn allow(agent: &Agent, ip: &str) -> Result<()> {
    agent.json(["network-rule", "add", "-n", REGISTRY, "--ip-address", ip]).map(drop)
}

fn report(who: &str, what: &str, ran: &Ran) {
    println!("{who}: {what}: {:.0} ms", ran.took.as_secs_f64() * 1000.0);
}

/// The message that the stranger must find.
fn message(source: &str) -> String {
    format!("client with IP '{source}' is not allowed access. Refer {HELP} to grant access.")
}

/// The client came to an end by itself, failed, and said `words`; nothing of what it says points elsewhere.
fn assert_told(what: &str, ran: &Ran, words: &str) -> Result<()> {
    report("denied", what, ran);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    ensure!(ran.status.is_some() && !ran.success(), "{what} fails, and by itself: {ran:?}");
    ensure!(said.contains(words), "{what} says `{words}`: {said}");
    for elsewhere in ["timeout", "deadline", "refused", "x509", "reset by peer", "EOF", "invalid character"] {
        ensure!(!said.contains(elsewhere), "{what} points to `{elsewhere}`: {said}");
    }
    Ok(())
}

fn docker(style: Style, login_words: &str, pull_words: &str) -> Result<()> {
    let scene = Scene::set(style)?;
    let docker = match Docker::start(&scene.network, &scene.stranger, scene.certificate()) {
        Ok(docker) => docker,
        Err(error) => {
            println!("SKIPPED: no docker daemon can run here: {error:#}");
            return Ok(());
        }
    };
    assert_told("docker login", &docker.login(Login::BUILDER, MINUTE)?, login_words)?;
    assert_told("docker pull", &docker.pull("app:v1", MINUTE)?, pull_words)?;
    scene.allow_stranger()?;
    report("allowed", "docker login", &docker.login(Login::BUILDER, MINUTE)?.expect_success()?);
    report("allowed", "docker pull", &docker.pull("app:v1", MINUTE)?.expect_success()?);
    Ok(())
}

#[test]
fn docker_is_told_at_every_path() -> Result<()> {
    docker(
        Style::EveryPath,
        "login attempt to https://contoso.example.com/v2/ failed with status: 403 Forbidden",
        &format!("denied: {}", message(STRANGER)),
    )
}

#[test]
fn docker_is_told_at_the_token_endpoint() -> Result<()> {
    docker(
        Style::Token,
        &format!("Get \"https://contoso.example.com/v2/\": denied: {}", message(STRANGER)),
        &format!("Head \"https://contoso.example.com/v2/app/manifests/v1\": denied: {}", message(STRANGER)),
    )
}

fn ctr(style: Style, words: &str) -> Result<()> {
    let scene = Scene::set(style)?;
    let ctr = match Ctr::start(&scene.network, &scene.stranger, scene.certificate()) {
        Ok(ctr) => ctr,
        Err(error) => {
            println!("SKIPPED: no containerd can run here: {error:#}");
            return Ok(());
        }
    };
    assert_told("ctr images pull", &ctr.pull("app:v1", MINUTE)?, words)?;
    scene.allow_stranger()?;
    report("allowed", "ctr images pull", &ctr.pull_as(Login::BUILDER, "app:v1", MINUTE)?.expect_success()?);
    Ok(())
}

#[test]
fn containerd_is_told_at_every_path() -> Result<()> {
    ctr(Style::EveryPath, "failed with status code [manifests v1]: 403 Forbidden")
}

#[test]
fn containerd_is_told_at_the_token_endpoint() -> Result<()> {
    ctr(Style::Token, "failed to authorize: failed to fetch anonymous token: unexpected status: 403 Forbidden")
}

fn podman_and_skopeo(style: Style, words: &str) -> Result<()> {
    let scene = Scene::set(style)?;
    let podman = Podman::new(&scene.network, &scene.stranger, scene.certificate())?;
    let skopeo = Skopeo::new(&scene.network, &scene.stranger, scene.certificate());
    assert_told("podman login", &podman.login(Login::BUILDER, MINUTE)?, words)?;
    assert_told("podman pull", &podman.pull("app:v1", MINUTE)?, words)?;
    assert_told("skopeo login", &skopeo.login(Login::BUILDER, MINUTE)?, words)?;
    assert_told("skopeo pull", &skopeo.pull("app:v1", MINUTE)?, words)?;
    scene.allow_stranger()?;
    report("allowed", "podman login", &podman.login(Login::BUILDER, MINUTE)?.expect_success()?);
    report("allowed", "podman pull", &podman.pull("app:v1", MINUTE)?.expect_success()?);
    report("allowed", "skopeo login", &skopeo.login(Login::BUILDER, MINUTE)?.expect_success()?);
    report("allowed", "skopeo pull", &skopeo.pull("app:v1", MINUTE)?.expect_success()?);
    Ok(())
}

#[test]
fn podman_and_skopeo_are_told_at_every_path() -> Result<()> {
    podman_and_skopeo(Style::EveryPath, "invalid status code from registry 403 (Forbidden)")
}

#[test]
fn podman_and_skopeo_are_told_at_the_token_endpoint() -> Result<()> {
    podman_and_skopeo(Style::Token, "Requesting bearer token: invalid status code from registry 403 (Forbidden)")
}

/// What curl shows of an answer.
struct Shown {
    status: String,
    head: String,
    body: Value,
}

fn show(curl: &Curl<'_>, path: &str, http: Http) -> Result<Shown> {
    let ran = curl.show(path, http, MINUTE)?.expect_success()?;
    report("denied", &format!("curl {path} {http:?}"), &ran);
    let (answer, status) = ran.stdout.trim_end().rsplit_once('\n').context("no status")?;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("no end of the head in {answer:?}"))?;
    let body = serde_json::from_str(body).with_context(|| format!("the body of {answer:?}"))?;
    Ok(Shown { status: status.to_owned(), head: head.to_ascii_lowercase(), body })
}

impl Shown {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn assert_denial(&self, source: &str) {
        let expected = serde_json::json!({ "errors": [{ "code": "DENIED", "message": message(source) }] });
        assert_eq!(self.body, expected);
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.head);
        assert_eq!(self.header("www-authenticate"), None, "a denied client sees no challenge: {}", self.head);
        let id = self.header("x-ms-correlation-request-id").unwrap_or_default();
        assert!(id.len() == 36 && id.matches('-').count() == 4, "`{id}` is no UUID: {}", self.head);
    }
}

const VERSIONS: [(Http, &str); 2] = [(Http::One, "HTTP/1.1"), (Http::Two, "HTTP/2")];

#[test]
fn every_path_answers_with_the_denial_over_both_families_and_both_versions_of_http() -> Result<()> {
    let scene = Scene::set(Style::EveryPath)?;
    for (client, source) in [(&scene.stranger, STRANGER), (&scene.roamer, STRANGER_V6)] {
        for (http, version) in VERSIONS {
            for path in ["/v2/", "/v2/app/manifests/v1", "/oauth2/token?service=contoso.example.com", "/"] {
                let shown = show(&scene.curl(client), path, http)?;
                assert_eq!(shown.status, format!("403 {version}"), "{path}");
                shown.assert_denial(source);
            }
        }
    }
    Ok(())
}

#[test]
fn the_token_style_challenges_everywhere_and_denies_where_the_challenge_leads() -> Result<()> {
    let scene = Scene::set(Style::Token)?;
    for (client, source) in [(&scene.stranger, STRANGER), (&scene.roamer, STRANGER_V6)] {
        let curl = scene.curl(client);
        for (http, version) in VERSIONS {
            let challenged = show(&curl, "/v2/", http)?;
            assert_eq!(challenged.status, format!("401 {version}"));
            let challenge = challenged.header("www-authenticate").context("no challenge")?;
            let realm = challenge.strip_prefix("bearer realm=\"https://contoso.example.com").context("no realm")?;
            let path = realm.split('"').next().unwrap_or_default();
            let denied = show(&curl, path, http)?;
            assert_eq!(denied.status, format!("403 {version}"));
            denied.assert_denial(source);
        }
    }
    Ok(())
}

#[test]
fn a_denied_client_inside_vxlan_is_told_its_inner_address() -> Result<()> {
    let mut network = Network::new()?;
    let app = network.overlay_client("app", "192.0.2.11", 5001, &["10.1.0.4"])?;
    let registry = DockerRegistry::start(&network)?;
    let certificate = registry.certificate();
    let config = GuardConfig::of(&network).trusted_vtep("192.0.2.11").forbidden(certificate).help(HELP);
    let agent = Agent::start(&network, &config.to_string())?;
    let _responder = Responder::start(&agent)?;
    let curl = Curl { client: &app, certificate };
    eventually("the responder answers", || Ok(curl.get("/v2/", None, MINUTE)?.success()))?;
    let shown = show(&curl, "/v2/", Http::One)?;
    assert_eq!(shown.status, "403 HTTP/1.1");
    shown.assert_denial("10.1.0.4");
    Ok(())
}

/// What becomes of `count` connections that begin at the same time.
fn at_once(client: &Client, source: IpAddr, count: usize) -> Result<Vec<Outcome>> {
    let registry = (Network::REGISTRY_V4, 443).into();
    thread::scope(|scope| {
        let attempts: Vec<_> =
            (0..count).map(|_| scope.spawn(move || client.connect(source, registry, ONE_SYN))).collect();
        attempts.into_iter().map(|attempt| Ok(attempt.join().expect("no panic")?.outcome)).collect()
    })
}

#[test]
fn beyond_its_budget_a_denied_source_hears_nothing_and_others_still_do() -> Result<()> {
    let mut network = Network::new()?;
    let stranger = network.client("stranger", &[STRANGER])?;
    let other = network.client("other", &["198.51.100.67"])?;
    let registry = DockerRegistry::start(&network)?;
    let config = GuardConfig::of(&network).forbidden(registry.certificate()).budget(3, 1000);
    let agent = Agent::start(&network, &config.to_string())?;
    let _responder = Responder::start(&agent)?;
    let answered = |client: &Client, source: &str| -> Result<_> {
        let outcomes = at_once(client, source.parse()?, 30)?;
        Ok(outcomes.iter().filter(|outcome| **outcome == Outcome::Connected).count())
    };
    eventually("the responder answers", || Ok(answered(&stranger, STRANGER)? > 0))?;
    // Thirty attempts fall into one second of the kernel's clock, or into two, and the first may be used up already.
    for (client, source) in [(&stranger, STRANGER), (&other, "198.51.100.67")] {
        let batches = [answered(client, source)?, answered(client, source)?, answered(client, source)?];
        ensure!(batches.iter().all(|answered| *answered <= 6), "{batches:?} of 30 connections each from {source}");
        ensure!(batches.iter().sum::<usize>() > 0, "{source} is never answered");
    }
    Ok(())
}

#[test]
fn beyond_the_total_budget_denied_sources_hear_nothing_and_allowed_ones_are_served() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7"])?;
    let stranger = network.client("stranger", &[STRANGER])?;
    let registry = DockerRegistry::start(&network)?;
    let config = GuardConfig::of(&network).forbidden(registry.certificate()).budget(1000, 0);
    let agent = Agent::start(&network, &config.to_string())?;
    let _responder = Responder::start(&agent)?;
    allow(&agent, "198.51.100.7")?;
    for _ in 0..5 {
        let outcomes = at_once(&stranger, STRANGER.parse()?, 10)?;
        ensure!(outcomes.iter().all(|outcome| *outcome == Outcome::TimedOut), "{outcomes:?}");
    }
    let outcomes = at_once(&office, "198.51.100.7".parse()?, 10)?;
    ensure!(outcomes.iter().all(|outcome| *outcome == Outcome::Connected), "{outcomes:?}");
    Ok(())
}
