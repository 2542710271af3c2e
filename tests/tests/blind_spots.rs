//! What the second layer cannot see is a problem that `status` tells of.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tests::net::{Agent, Client, Daemon, GuardConfig, Listener, Namespace, Network, Outcome, eventually, run};

const LIMIT: Duration = Duration::from_secs(10);
/// Shorter than the second after which a SYN is sent again.
const ONE_SYN: Duration = Duration::from_millis(900);

/// Runs a command line in the registry's host.
fn host(network: &Network, line: &str) -> Result<()> {
    let mut words = line.split(' ');
    let mut command = network.host().command(words.next().unwrap_or_default());
    run(command.args(words), LIMIT)?.expect_success()?;
    Ok(())
}

fn problems(agent: &Agent) -> Result<Vec<String>> {
    let status = agent.json(["status"])?;
    let problems = status["problems"].as_array().into_iter().flatten().filter_map(|problem| problem.as_str());
    Ok(problems.map(str::to_owned).collect())
}

/// Waits for the one problem, which holds each of `words`.
fn expect_problem(agent: &Agent, words: &[&str]) -> Result<()> {
    eventually(&format!("there is a problem with {words:?}"), || Ok(!problems(agent)?.is_empty()))?;
    let told = problems(agent)?;
    ensure!(told.len() == 1 && words.iter().all(|word| told[0].contains(word)), "{words:?} are not all in {told:?}");
    Ok(())
}

fn expect_none(agent: &Agent) -> Result<()> {
    eventually("there is no problem any more", || Ok(problems(agent)?.is_empty()))
}

fn start(network: &mut Network) -> Result<(Agent, Client)> {
    let office = network.client("office", &["198.51.100.7"])?;
    Ok((Agent::start(network, &GuardConfig::of(network).reset().to_string())?, office))
}

#[test]
fn a_host_without_such_rules_has_no_problem() -> Result<()> {
    let mut network = Network::new()?;
    host(&network, "iptables-nft -t nat -A PREROUTING -p tcp --dport 8443 -j DNAT --to-destination 192.0.2.9:5000")?;
    host(&network, "nft add table inet edge")?;
    let (agent, _office) = start(&mut network)?;
    assert_eq!(problems(&agent)?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_port_that_is_published_into_another_namespace_is_a_problem_until_it_is_no_more() -> Result<()> {
    for tool in ["iptables-nft", "iptables-legacy"] {
        let mut network = Network::new()?;
        let rule = "DOCKER -p tcp --dport 443 -j DNAT --to-destination 192.0.2.9:5000";
        host(&network, &format!("{tool} -t nat -N DOCKER"))?;
        host(&network, &format!("{tool} -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"))?;
        host(&network, &format!("{tool} -t nat -A {rule}"))?;
        let (agent, _office) = start(&mut network)?;
        expect_problem(&agent, &["contoso", "chain DOCKER", "203.0.113.10:443", "192.0.2.9:5000", "`netns-listen`"])?;
        assert_eq!(agent.json(["status"])?["state"], "DEGRADED");
        assert!(agent.log().contains("the second layer is blind"), "{}", agent.log());
        host(&network, &format!("{tool} -t nat -D {rule}"))?;
        expect_none(&agent)?;
    }
    Ok(())
}

#[test]
fn nothing_is_left_to_a_layer_that_a_connection_goes_past() -> Result<()> {
    let mut network = Network::new()?;
    let office = network.client("office", &["198.51.100.7"])?;
    let inside = Namespace::create(&network.host().name().replace("host", "inside"))?;
    network.host().ip(&format!(
        "link add to-inside type veth peer name eth0 netns {}\naddr add 192.0.2.129/30 dev to-inside\n\
         link set to-inside up\n",
        inside.name()
    ))?;
    inside.ip("addr add 192.0.2.130/30 dev eth0\nlink set eth0 up\nroute add default via 192.0.2.129\n")?;
    network.host().sysctl("net/ipv4/ip_forward", "1")?;
    host(&network, "iptables-nft -t nat -A PREROUTING -p tcp --dport 443 -j DNAT --to-destination 192.0.2.130:5000")?;
    let listener = Listener::start(&inside, "[::]:5000".parse()?)?;
    let connect = || office.connect("198.51.100.7".parse()?, (Network::REGISTRY_V4, 443).into(), ONE_SYN);
    assert_eq!(connect()?.outcome, Outcome::Connected, "nobody guards it yet");
    assert!(listener.arrival("198.51.100.7".parse()?, LIMIT));
    listener.forget();

    // A denied SYN would pass the NIC, for the second layer to hand it to the responder.
    let config = GuardConfig::of(&network).to_string().replace("\"drop\"", "\"forbidden\"");
    let agent = Agent::start(&network, &config)?;
    assert_eq!(connect()?.outcome, Outcome::TimedOut);
    assert_eq!(listener.visitors(), []);
    assert_eq!(agent.counter(GuardConfig::REGISTRY, "NoRule")?, 1);
    Ok(())
}

#[test]
fn an_address_family_has_its_own_rules() -> Result<()> {
    let mut network = Network::new()?;
    host(
        &network,
        "ip6tables-nft -t nat -A PREROUTING -p tcp --dport 443 -j DNAT --to-destination [2001:db8:9::9]:5000",
    )?;
    let (agent, _office) = start(&mut network)?;
    expect_problem(&agent, &["[2001:db8::10]:443", "[2001:db8:9::9]:5000", "ip6 nat"])
}

#[test]
fn rules_of_nft_are_read_through_their_sets_and_maps() -> Result<()> {
    let mut network = Network::new()?;
    let rules = "table inet edge {\n\
        map services { type ipv4_addr . inet_proto . inet_service : verdict; elements = { 203.0.113.10 . tcp . 443 : goto away } ; }\n\
        chain away {\n meta l4proto tcp dnat ip to 192.0.2.9:5000\n }\n\
        chain arrive {\n type nat hook prerouting priority dstnat; policy accept;\n\
        udp dport 443 redirect to :9\n tcp dport { 80, 8000-9000 } redirect to :9\n\
        ip daddr . ip protocol . tcp dport vmap @services\n }\n}\n";
    let file = network.folder().join("rules.nft");
    fs::write(&file, rules)?;
    host(&network, &format!("nft -f {}", file.display()))?;
    let (agent, _office) = start(&mut network)?;
    expect_problem(&agent, &["chain away", "inet edge", "203.0.113.10:443", "192.0.2.9:5000"])
}

#[test]
fn docker_proxy_in_front_of_a_registry_is_a_problem_and_a_reverse_proxy_is_none() -> Result<()> {
    let mut network = Network::new()?;
    let _office = network.client("office", &["198.51.100.7"])?;
    let config = network.folder().join("registry.yml");
    fs::write(&config, r#"{"version": "0.1", "storage": {"inmemory": {}}, "http": {"addr": "203.0.113.10:443"}}"#)?;
    for (name, hides) in [("nginx", false), ("docker-proxy", true)] {
        // The kernel names a process after the path that it was started by.
        let program = network.folder().join(name);
        symlink(installed("docker-registry")?, &program)?;
        let mut command = network.host().command(&program);
        command.arg("serve").arg(&config).env("OTEL_TRACES_EXPORTER", "none");
        let mut daemon = Daemon::start(&mut command, &network.folder().join(format!("{name}.log")))?;
        daemon.wait_until(LIMIT, || is_heard(&network))?;
        let config = format!("{}allow-local = true\n", GuardConfig::of(&network).reset());
        let mut agent = Agent::prepare(&network, &format!("before-{name}"), &config)?;
        agent.run()?;
        if hides {
            let told =
                ["contoso", "docker-proxy", "203.0.113.10:443", "userland-proxy", "`allow-local` does not count"];
            expect_problem(&agent, &told)?;
        } else {
            assert_eq!(problems(&agent)?, Vec::<String>::new());
        }
        drop(daemon);
        expect_none(&agent)?;
        agent.json(["detach"])?;
    }
    Ok(())
}

fn is_heard(network: &Network) -> bool {
    let connect = || std::net::TcpStream::connect((Network::REGISTRY_V4, 443)).is_ok();
    network.host().within(connect).unwrap_or(false)
}

fn installed(program: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.with_context(|| format!("no {program} in PATH"))
}
