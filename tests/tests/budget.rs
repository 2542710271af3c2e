//! How many denied SYNs go on to be told why: never more than the budgets say, whatever arrives at the same time.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{hint, thread};

use anyhow::{Context as _, Result, ensure};
use tests::net::{Agent, Authority, GuardConfig, Network};
use tests::packet::{Ethernet, Ipv4, Tcp};

const SOURCES: u32 = 4_000;

/// The number of SYNs that the first layer let go on to be told why.
fn admitted(agent: &Agent) -> Result<u64> {
    let status = agent.json(["status"])?;
    Ok(status["registries"][0]["outcomes"]["admitted"].as_u64().unwrap_or(0))
}

fn syn(number: u32) -> Vec<u8> {
    let [_, _, third, last] = number.to_be_bytes();
    (Ethernet::default() / Ipv4::from(Ipv4Addr::new(198, 18, third, last)) / Tcp::syn(443)).bytes()
}

#[test]
fn a_source_that_comes_on_two_cpus_at_once_has_one_budget() -> Result<()> {
    let mut network = Network::new()?;
    let clients = [network.client("one", &["198.51.100.66"])?, network.client("two", &["198.51.100.67"])?];
    let authority = Authority::make(&network.folder().join("trust"))?;
    let certificate = authority.issue(&network.folder().join("certificate"))?;
    let config = GuardConfig::of(&network).forbidden(&certificate).budget(1, 8192);
    let agent = Agent::start(&network, &config.to_string())?;
    let arrived = AtomicU32::new(0);
    let spread = thread::scope(|scope| {
        let senders = clients.each_ref().map(|client| {
            let arrived = &arrived;
            scope.spawn(move || -> Result<Duration> {
                let injector = client.injector()?;
                let frames: Vec<Vec<u8>> = (0..SOURCES).map(syn).collect();
                let begin = Instant::now();
                for (round, frame) in (1..).zip(&frames) {
                    // Both send as nearly at the same time as can be.
                    arrived.fetch_add(1, Ordering::SeqCst);
                    while arrived.load(Ordering::SeqCst) < 2 * round {
                        hint::spin_loop();
                    }
                    injector.send(frame)?;
                }
                Ok(begin.elapsed())
            })
        });
        senders.map(|sender| sender.join().expect("no panic"))
    });
    let longest = spread.into_iter().collect::<Result<Vec<_>>>()?.into_iter().max().context("none")?;
    // A pair of SYNs that fall into two seconds of the kernel's clock are both within the budget.
    let boundaries = longest.as_secs() + 2;
    let admitted = admitted(&agent)?;
    println!("{admitted} of {} admitted in {longest:?}", 2 * SOURCES);
    ensure!(admitted >= u64::from(SOURCES) / 2, "only {admitted} were admitted");
    ensure!(admitted <= u64::from(SOURCES) + boundaries, "{admitted} of {SOURCES} sources were admitted");
    Ok(())
}
