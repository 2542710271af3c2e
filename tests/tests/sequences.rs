//! Whatever is asked of the API, in whatever order: it accepts and refuses what a naive model does, shows what the model
//! holds, and the kernel lets in whom the model lets in.

use std::cell::{Cell, RefCell};
use std::env;
use std::net::{IpAddr, SocketAddr};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use serde_json::{Value, json};
use tests::naive::{Allowed, Denied, Illegitimate, Verdict};
use tests::net::{Agent, ApiConnection, Client, Listener, Network, Outcome, Overlay};
use tests::sequences::{Model, Probe, Regressions, Request, Sequence, Site, Step, difference, sequences};

const SEQUENCES: u32 = 500;
/// Hosts that share them, since most of the time of one is waiting for the kernel and the disk.
const HOSTS: u32 = 2;
/// The seed, unless this environment variable names another.
const SEED: u64 = 4;
const SEED_VARIABLE: &str = "REGISTRY_GUARD_SEED";
/// How long to wait for a connection that is due.
const DUE: Duration = Duration::from_secs(10);
/// How long to wait for one that is not: were it let in, it would mostly stand sooner.
const NOT_DUE: Duration = Duration::from_millis(20);
const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/registry-guard";

/// The sources of real connections: public ones that rules may name, and one of the network 5001.
const PUBLIC: [&str; 4] = ["198.51.100.7", "198.51.101.200", "192.0.2.66", "2001:db8:1::7"];
const INSIDE: &str = "10.1.7.4";

/// What was done, so that nobody takes an idle run for a proof.
#[derive(Debug, Default)]
struct Tally {
    calls: Cell<u64>,
    accepted: Cell<u64>,
    verdicts: Cell<u64>,
    allowed: Cell<u64>,
    connections: Cell<u64>,
}

fn count(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

/// A host whose agent nobody else talks to.
struct Host {
    connection: ApiConnection,
    // The agent goes before the network that it runs in.
    _agent: Agent,
    _listener: Listener,
    office: Client,
    inside: Overlay,
    _network: Network,
}

impl Host {
    fn new() -> Result<Self> {
        let mut network = Network::new()?;
        let office = network.client("office", &PUBLIC)?;
        let inside = network.overlay_client("inside", &Site::VTEP.to_string(), 5001, &[INSIDE])?;
        let listener = Listener::start(network.host(), "[::]:443".parse()?)?;
        let agent = Agent::start(&network, &Site::config(&network).to_string())?;
        let connection = agent.connection()?;
        Ok(Self { connection, _agent: agent, _listener: listener, office, inside, _network: network })
    }

    /// Plays a sequence from the beginning.
    fn play(&mut self, sequence: &Sequence, tally: &Tally) -> Result<()> {
        self.clear().context("clearing away the sequence before")?;
        let mut model = Model::fresh();
        let mut revision = self.expect_shown(&model)?;
        for (place, step) in sequence.iter().enumerate() {
            let before = model.clone();
            revision = self
                .step(step, &mut model, revision, tally)
                .and_then(|revision| self.expect_verdicts(&model, &before, place, tally).map(|()| revision))
                .with_context(|| format!("call {place}: {step:?}"))?;
        }
        self.expect_connections(&model, tally).context("in the end")
    }

    /// Makes the call and returns the revision that it led to.
    fn step(&mut self, step: &Step, model: &mut Model, revision: u64, tally: &Tally) -> Result<u64> {
        let before = model.clone();
        let expected = model.obey(step);
        let Request { method, path, header, body } = Request::of(step, revision);
        let header: Vec<&str> = header.as_deref().into_iter().collect();
        let answer = self.connection.request(&method, &path, &header, body.as_bytes())?;
        count(&tally.calls);
        ensure!(expected.is_met_by(answer.status), "{} {}, not {expected:?}", answer.status, answer.body);
        if answer.status < 300 {
            count(&tally.accepted);
        } else {
            let said = answer.body["error"]["message"].as_str().unwrap_or_default();
            ensure!(!said.is_empty(), "the refusal says nothing: {}", answer.body);
        }
        let now = self.expect_shown(model)?;
        let due = revision + u64::from(before != *model);
        ensure!(now == due, "the revision is {now} instead of {due}");
        Ok(now)
    }

    fn expect_shown(&mut self, model: &Model) -> Result<u64> {
        let registry = self.get(&Agent::registry_path("contoso"))?;
        let networks = self.get(&format!("{GROUP}/providers/Microsoft.Network/virtualNetworks"))?;
        for (what, expected, shown) in
            [("the registry", model.registry(), &registry), ("the networks", model.networks(), &networks)]
        {
            if let Some(place) = difference(&expected, shown) {
                bail!("{what}: {place}");
            }
        }
        registry["revision"].as_u64().context("no revision")
    }

    fn expect_verdicts(&mut self, model: &Model, before: &Model, place: usize, tally: &Tally) -> Result<()> {
        let policy = model.policy();
        for probe in model.probes(before, place as u64) {
            let expected = Model::verdict(&policy, &probe);
            let answer = self.check(&probe)?;
            count(&tally.verdicts);
            if matches!(expected, Verdict::Allow(_)) {
                count(&tally.allowed);
            }
            ensure!(says(&answer, expected), "{probe:?}: the model says {expected:?}, the kernel {answer}");
        }
        Ok(())
    }

    fn check(&mut self, probe: &Probe) -> Result<Value> {
        let mut question = json!({"source": probe.source, "destination": probe.destination});
        if probe.tag != 0 {
            question["vni"] = json!(probe.tag);
        }
        let path = format!("{}/check", Agent::registry_path("contoso"));
        self.connection.request("POST", &path, &[], question.to_string().as_bytes())?.expect_success()
    }

    /// Real SYNs to the registry's usual addresses.
    fn expect_connections(&self, model: &Model, tally: &Tally) -> Result<()> {
        let policy = model.policy();
        let public = PUBLIC.map(|source| (source, 0));
        for (source, tag) in public.into_iter().chain([(INSIDE, 5001)]) {
            let source: IpAddr = source.parse()?;
            let destination = match source {
                IpAddr::V4(_) => Network::REGISTRY_V4.into(),
                IpAddr::V6(_) => Network::REGISTRY_V6.into(),
            };
            let expected = Model::verdict(&policy, &Probe { source, tag, destination });
            let registry = SocketAddr::new(destination, 443);
            let allowed = matches!(expected, Verdict::Allow(_));
            let limit = if allowed { DUE } else { NOT_DUE };
            let attempt = match tag {
                0 => self.office.connect(source, registry, limit)?,
                _ => self.inside.connect(source, registry, limit)?,
            };
            count(&tally.connections);
            let connected = attempt.outcome == Outcome::Connected;
            ensure!(connected == allowed, "{source} of {tag}: {:?}, and the model says {expected:?}", attempt.outcome);
        }
        Ok(())
    }

    /// Makes the policy what a new agent's is.
    fn clear(&mut self) -> Result<()> {
        let fresh = json!({"properties": {
            "publicNetworkAccess": "Enabled", "networkRuleBypassOptions": "AzureServices", "dataEndpointEnabled": false,
            "networkRuleSet": {"defaultAction": "Deny", "ipRules": [], "virtualNetworkRules": []},
        }});
        let path = Agent::registry_path("contoso");
        self.connection.request("PATCH", &path, &[], fresh.to_string().as_bytes())?.expect_success()?;
        let networks = format!("{GROUP}/providers/Microsoft.Network/virtualNetworks");
        for list in [format!("{path}/privateEndpointConnections"), networks] {
            for one in self.get(&list)?["value"].as_array().context("no list")? {
                let name = one["name"].as_str().context("no name")?;
                self.connection.request("DELETE", &format!("{list}/{name}"), &[], b"")?.expect_success()?;
            }
        }
        Ok(())
    }

    fn get(&mut self, path: &str) -> Result<Value> {
        self.connection.request("GET", path, &[], b"")?.expect_success()
    }
}

/// Whether the answer of `check` is the naive verdict, with its reason.
fn says(answer: &Value, naive: Verdict) -> bool {
    let (verdict, reasons): (&str, &[&str]) = match naive {
        Verdict::Allow(Allowed::AtPrivateEndpoint) => ("Allow", &["PrivateEndpoint"]),
        Verdict::Allow(Allowed::TrustedService) => ("Allow", &["TrustedService"]),
        Verdict::Allow(Allowed::ByRule) => ("Allow", &["IpRule", "SubnetRule"]),
        Verdict::Allow(Allowed::ByDefault) => ("Allow", &["DefaultAllow"]),
        Verdict::Deny(Denied::PublicAccessDisabled) => ("Deny", &["PublicAccessDisabled"]),
        Verdict::Deny(Denied::ByRule) => ("Deny", &["DenyRule"]),
        Verdict::Deny(Denied::ByDefault) => ("Deny", &["NoRule"]),
        Verdict::Never(Illegitimate::MappedSource) => ("Deny", &["MappedSource"]),
        _ => return false,
    };
    answer["verdict"] == verdict && reasons.iter().any(|reason| answer["reason"] == *reason)
}

/// The host that sequences are played on; after a failure the next one gets a new host, since this one may be spoilt.
struct Stage(RefCell<Option<Host>>);

impl Stage {
    /// With the first host, so that a machine on which there can be none is no failure of a sequence.
    fn new() -> Result<Self> {
        Ok(Self(RefCell::new(Some(Host::new()?))))
    }

    fn play(&self, sequence: &Sequence, tally: &Tally) -> Result<()> {
        let mut host = match self.0.take() {
            Some(host) => host,
            None => Host::new()?,
        };
        host.play(sequence, tally)?;
        self.0.replace(Some(host));
        Ok(())
    }
}

fn seed() -> Result<u64> {
    match env::var(SEED_VARIABLE) {
        Ok(text) => text.parse().with_context(|| format!("{SEED_VARIABLE}: `{text}` is not a number")),
        Err(_) => Ok(SEED),
    }
}

#[test]
fn kernel_show_and_naive_model_agree_after_each_call_of_500_random_sequences() -> Result<()> {
    let seed = seed()?;
    println!("seed {seed}; {SEED_VARIABLE} names another");
    let tallies = thread::scope(|scope| {
        let hosts: Vec<_> = (0..HOSTS).map(|host| scope.spawn(move || play_random(seed, host))).collect();
        let played = hosts.into_iter().map(|host| host.join().map_err(|_| anyhow!("a host panicked"))?);
        played.collect::<Result<Vec<Tally>>>()
    })?;
    let sum = |of: fn(&Tally) -> &Cell<u64>| tallies.iter().map(|tally| of(tally).get()).sum::<u64>();
    let [calls, accepted, verdicts] =
        [sum(|tally| &tally.calls), sum(|tally| &tally.accepted), sum(|tally| &tally.verdicts)];
    let [allowed, connections] = [sum(|tally| &tally.allowed), sum(|tally| &tally.connections)];
    println!(
        "{SEQUENCES} sequences, {calls} calls ({accepted} accepted), {verdicts} verdicts ({allowed} allowed), \
         {connections} real connections, 0 differences"
    );
    for (some, all) in [(accepted, calls), (allowed, verdicts)] {
        assert!(some > all / 10 && some < all - all / 10, "{some} of {all} prove little");
    }
    Ok(())
}

/// The part of one host in the sequences of a seed.
fn play_random(seed: u64, host: u32) -> Result<Tally> {
    let config = Config {
        cases: SEQUENCES / HOSTS,
        rng_seed: RngSeed::Fixed(seed.wrapping_mul(HOSTS.into()).wrapping_add(host.into())),
        // The failing sequence itself is stored, since a seed means another one as soon as the random choice changes.
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let (stage, tally) = (Stage::new()?, Tally::default());
    let played = TestRunner::new(config).run(&sequences(), |sequence| {
        stage.play(&sequence, &tally).map_err(|error| TestCaseError::fail(format!("{error:#}")))
    });
    match played {
        Ok(()) => Ok(tally),
        Err(TestError::Fail(why, sequence)) => {
            let stored = Regressions::of_this_tree().store(&sequence)?;
            bail!("{why}\nseed {seed}; the smallest sequence that fails is in {}:\n{sequence:#?}", stored.display());
        }
        Err(TestError::Abort(why)) => bail!("given up: {why}"),
    }
}

#[test]
fn every_sequence_that_once_failed_still_passes() -> Result<()> {
    let (stage, tally) = (Stage::new()?, Tally::default());
    let regressions = Regressions::of_this_tree().all()?;
    for (path, sequence) in &regressions {
        stage.play(sequence, &tally).with_context(|| format!("{}", path.display()))?;
    }
    println!("{} stored sequences, {} calls, 0 differences", regressions.len(), tally.calls.into_inner());
    Ok(())
}
