//! What comes and goes leaves nothing behind in the agent.

use anyhow::{Context, Result, ensure};
use tests::net::{Agent, Authority, GuardConfig, Network, Process, Responder, eventually};

const ROUNDS: usize = 40;
/// What may be open for a moment while namespaces are looked at.
const PASSING: usize = 12;

fn descriptors(agent: &Agent) -> Result<usize> {
    Process::of(agent.pid().context("the agent does not run")?).descriptors()
}

#[test]
fn interfaces_namespaces_and_responders_that_come_and_go_leave_no_descriptor() -> Result<()> {
    let mut network = Network::new()?;
    let _front = network.client("front", &["198.51.100.250"])?;
    let mut container = network.published("inner", 5000)?;
    let authority = Authority::make(&network.folder().join("trust"))?;
    let certificate = authority.issue(&network.folder().join("certificate"))?;
    let listen = container.listen();
    let config = GuardConfig::of(&network)
        .forbidden(&certificate)
        .netns(&container.namespace().path(), &listen.each_ref().map(String::as_str));
    let agent = Agent::start(&network, &config.to_string())?;
    let mut responder = Responder::start(&agent)?;
    let before = descriptors(&agent)?;
    for round in 0..ROUNDS {
        drop(container);
        network.host().ip("link del published")?;
        container = network.published("inner", 5000)?;
        if round % 8 == 0 {
            responder.kill9()?;
            responder.run()?;
            responder.wait_for_listener()?;
        }
        agent.json(["status"])?;
    }
    eventually("the agent has no more descriptors than before", || Ok(descriptors(&agent)? <= before + PASSING))?;
    ensure!(agent.json(["status"])?["secondLayer"]["namespaces"][1]["enforcing"] == true, "it is guarded in the end");
    println!("{before} descriptors before, {} after {ROUNDS} rounds", descriptors(&agent)?);
    Ok(())
}
