use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use ipnet::IpNet;
use tests::net::{Agent, DockerRegistry, Skopeo, SynFlood};

use crate::actors::Actors;
use crate::counters::Counters;
use crate::interrupt;
use crate::policy::BUDGET;
use crate::screen::{self, grouped, ms};
use crate::tally::Tally;

const IMAGE: &str = "large:v1";
const PULLS: usize = 3;
const LIMIT: Duration = Duration::from_secs(30);
/// The flood lasts so long, or until the last pull is done.
const FLOOD: Duration = Duration::from_secs(5);
/// The flood never lasts longer.
const FLOOD_LIMIT: Duration = Duration::from_secs(20);

/// The same pull with and without a flood.
pub(crate) fn show(actors: &Actors, agent: &Agent, tally: &mut Tally) -> Result<()> {
    let skopeo = Skopeo::new(&actors.network, &actors.office, actors.registry.certificate());
    skopeo.push(&actors.large, IMAGE, LIMIT)?.expect_success()?;
    let calm = pulls(&skopeo)?;

    let spoofed: IpNet = Actors::SPOOFED.parse()?;
    let begun = Instant::now();
    let before = Counters::read(agent)?;
    let flood = SynFlood::start(&actors.attacker, spoofed, FLOOD_LIMIT)?;
    let flooded = pulls(&skopeo)?;
    let mut half_open = at_the_registry(actors, spoofed)?;
    while flood.lasted() < FLOOD {
        interrupt::check()?;
        thread::sleep(Duration::from_millis(50));
    }
    half_open += at_the_registry(actors, spoofed)?;
    let sent = flood.stop()?;
    let after = Counters::read(agent)?;
    // It may begin and end within a second of the kernel's clock.
    let most = u64::from(BUDGET) * (begun.elapsed().as_secs() + 2);

    let (denied, admitted) = (after.since(&before, "NoRule"), after.since(&before, "admitted"));
    let rate = |packets: u64| grouped(per_second(packets, sent.lasted));
    let mut table = screen::table(&["what", "expected", "got", ""]);
    let expected = format!("{PULLS} of {PULLS}");
    for (what, pulls) in [("office pulls 50 MB, no flood", &calm), ("office pulls 50 MB, during the flood", &flooded)] {
        let got = format!("{} of {PULLS}, median {}", pulls.len(), ms(screen::median(pulls.clone())));
        table.add_row([what, &expected, &got, tally.row(what, pulls.len() == PULLS)]);
    }
    let got = format!("{} in {:.1} s: {} per second", grouped(denied), sent.lasted.as_secs_f32(), rate(denied));
    table.add_row(["SYNs that the guard denied", "a flood", &got, tally.row("SYNs denied", denied > 10_000)]);
    let (expected, got) = (format!("at most {}", grouped(most)), grouped(admitted));
    let right = tally.row("SYNs passed to the responder", admitted > 0 && admitted <= most);
    let what = format!("of these, passed to the responder: its budget is {} a second", grouped(BUDGET.into()));
    table.add_row([&what, &expected, &got, right]);
    let got = half_open.to_string();
    table.add_row(["spoofed SYNs that reached the registry", "0", &got, tally.row("spoofed SYNs", half_open == 0)]);
    screen::show(&table.to_string());
    println!(
        "  The attacker's link took {} SYNs per second, from random spoofed addresses. Attacker, guard, registry and\n  \
         client share the {} CPUs of this machine.",
        rate(sent.frames),
        thread::available_parallelism()?
    );
    Ok(())
}

/// How many spoofed SYNs wait for their handshake's end at the registry's own socket.
fn at_the_registry(actors: &Actors, spoofed: IpNet) -> Result<usize> {
    let sources = actors.network.half_open_at(DockerRegistry::USER)?;
    Ok(sources.iter().filter(|source| spoofed.contains(*source)).count())
}

/// How long each pull took that succeeded.
fn pulls(skopeo: &Skopeo<'_>) -> Result<Vec<Duration>> {
    let mut took = Vec::new();
    let begun = Instant::now();
    for _ in 0..PULLS {
        interrupt::check()?;
        let ran = skopeo.pull(IMAGE, LIMIT.saturating_sub(begun.elapsed()))?;
        if ran.success() {
            took.push(ran.took);
        }
    }
    Ok(took)
}

fn per_second(packets: u64, lasted: Duration) -> u64 {
    let millis = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX).max(1);
    packets.saturating_mul(1000) / millis
}
