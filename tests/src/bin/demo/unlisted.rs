use std::net::IpAddr;

use anyhow::Result;
use tests::net::{Agent, Client, eventually};

use crate::actors::Actors;
use crate::counters::text;
use crate::interrupt;
use crate::screen;
use crate::tally::Tally;
use crate::visit::{self, Met, Visit};

const ALLOWED: &str = "198.51.100.9";
const DENIED: &str = "198.51.100.201";

/// Someone plugs in a NIC while the guard runs and tells nobody, and later unplugs it.
pub(crate) fn show(actors: &mut Actors, agent: &Agent, tally: &mut Tally) -> Result<()> {
    let annex = actors.network.unlisted_client("annex", &[ALLOWED, DENIED])?;
    let actors = &*actors;
    let ask = |client: &Client, source: &str| -> Result<Visit> {
        interrupt::check()?;
        visit::browse(client, source.parse::<IpAddr>()?, actors)
    };
    let state = || -> Result<String> { Ok(text(&agent.json(["status"])?, "state").to_owned()) };
    eventually("the guard sees the NIC", || Ok(ask(&annex, ALLOWED)?.met == Met::Registry))?;

    let mut table = screen::table(&["who, on the NIC that nobody listed", "expected", "got", ""]);
    for (who, source, meets, expected) in
        [("annex, in the IPv4 rule", ALLOWED, Met::Registry, "HTTP 200"), ("annex", DENIED, Met::Forbidden, "HTTP 403")]
    {
        let (who, visit) = (format!("{who}: {source}"), ask(&annex, source)?);
        table.add_row([&who, expected, &visit.seen, tally.row(&who, visit.met == meets)]);
    }
    let (meanwhile, visit) = (state()?, visit::of_overlay(&actors.app, actors)?);
    let what = "the guard's state meanwhile";
    table.add_row([what, "DEGRADED", &meanwhile, tally.row(what, meanwhile == "DEGRADED")]);
    let what = "app in VXLAN 5001 meanwhile";
    table.add_row([what, "HTTP 403", &visit.seen, tally.row(what, visit.met == Met::Forbidden)]);
    let problems = agent.json(["status"])?["problems"].clone();
    drop(annex);
    eventually("the guard is whole again", || Ok(state()? == "ENFORCING"))?;
    let (what, visit) = ("app in VXLAN 5001, the NIC unplugged", visit::of_overlay(&actors.app, actors)?);
    table.add_row([what, "HTTP 200", &visit.seen, tally.row(what, visit.met == Met::Registry)]);
    screen::show(&table.to_string());
    println!(
        "  On that NIC no XDP program stands; the second layer judges its connections at the socket. But nobody checks"
    );
    println!("  there who wrote a VXLAN header, so VXLAN gives no identity while it is plugged in. `status` says so:");
    for problem in problems.as_array().into_iter().flatten().filter_map(|problem| problem.as_str()) {
        println!("  - {problem}");
    }
    Ok(())
}
