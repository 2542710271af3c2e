use std::fs;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tests::net::{Agent, Network};

use crate::filter::{Guard, Link};

/// From the start of an agent, on a host where nothing of it is in the kernel, until it answers that it is ready; the store is a copy
/// of the running agent's, and `witness` must be let in then.
pub(super) fn measure(guard: &Guard, witness: IpAddr) -> Result<Duration> {
    let mut network = Network::new()?;
    let _client = network.client("office", &[Link::CLIENT])?;
    let mut agent = Agent::prepare(&network, "agent", &Guard::config(&network).to_string())?;
    fs::create_dir_all(agent.state())?;
    // What was committed stands in the file and its log.
    for name in ["policy.db", "policy.db-wal"] {
        let original = guard.agent().state().join(name);
        if original.exists() {
            fs::copy(&original, agent.state().join(name)).with_context(|| format!("copying {}", original.display()))?;
        }
    }
    let begun = Instant::now();
    agent.run()?;
    let took = begun.elapsed();
    ensure!(Guard::lets_in(&agent, witness)?, "the rules of the store are not in force");
    Ok(took)
}
