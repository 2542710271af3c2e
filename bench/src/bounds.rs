//! What is promised, and what was seen.

use serde::Serialize;

use crate::aim::Aim;
use crate::figure::{Figures, Spread};
use crate::filter::Filter;
use crate::results::Results;
use crate::shape::{Shape, What};
use crate::updates::MANY;

/// A promise.
#[derive(Serialize)]
pub(crate) struct Bound {
    /// Of what.
    pub(crate) what: String,
    /// What its median may be.
    pub(crate) limit: Limit,
    /// What it was; nothing where it was not measured.
    pub(crate) seen: Option<Spread>,
}

/// The best or the worst that is promised.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    /// Whether it holds, if it was measured.
    pub(crate) fn holds(&self) -> Option<bool> {
        let median = self.seen?.median;
        Some(match self.limit {
            Limit::AtMost(limit) => median <= limit,
            Limit::AtLeast(limit) => median >= limit,
        })
    }
}

fn at_most(what: impl Into<String>, limit: f64, seen: Option<Spread>) -> Bound {
    Bound { what: what.into(), limit: Limit::AtMost(limit), seen }
}

fn at_least(what: impl Into<String>, limit: f64, seen: Option<Spread>) -> Bound {
    Bound { what: what.into(), limit: Limit::AtLeast(limit), seen }
}

/// Every promise.
pub(crate) fn bounds(results: &Results) -> Vec<Bound> {
    let mut bounds = Vec::new();
    bounds.extend(denied(results));
    bounds.extend(peers(results));
    bounds.extend(not_guarded(results));
    bounds.extend(traffic(results));
    bounds.extend(updates(results));
    bounds
}

/// Receiver CPU of a denied SYN over that of the parse floor.
fn denied(results: &Results) -> Vec<Bound> {
    let guard = |prefixes, shape, aim| results.ratio(Filter::Guard, prefixes, shape, aim);
    let name = |shape: Shape, prefixes: usize, aim: Aim| {
        format!("denied SYN, {}, {prefixes} prefixes, {} sources: times the floor", shape.name(), aim.name())
    };
    let mut bounds = Vec::new();
    for shape in [Shape::V4, Shape::V6] {
        for (prefixes, near) in [(100, 1.6), (MANY, 2.5)] {
            for (aim, limit) in [(Aim::Fixed, 1.3), (Aim::Uniform, 1.3), (Aim::Near, near)] {
                bounds.push(at_most(name(shape, prefixes, aim), limit, spread(guard(prefixes, shape, aim))));
            }
        }
    }
    for prefixes in [100, MANY] {
        for aim in Aim::DENIED {
            let seen = spread(guard(prefixes, Shape::Vxlan, aim));
            bounds.push(at_most(name(Shape::Vxlan, prefixes, aim), 2.0, seen));
        }
    }
    for shape in Shape::ALL {
        let (few, many) = (guard(100, shape, Aim::Uniform), guard(MANY, shape, Aim::Uniform));
        let what =
            format!("growth from 100 to {MANY} prefixes, {}, uniform sources, each over its floor", shape.name());
        bounds.push(at_most(what, 1.25, quotient(many, few)));
    }
    bounds
}

/// How many times as much other filters cost.
fn peers(results: &Results) -> Vec<Bound> {
    let promised = [
        (Filter::XdpTools, 100, 1.2),
        (Filter::Nftables, 100, 3.0),
        (Filter::Nftables, MANY, 7.0),
        (Filter::Iptables, 100, 3.0),
        (Filter::Iptables, MANY, 8.0),
    ];
    let mut bounds = Vec::new();
    for (peer, prefixes, limit) in promised {
        for aim in Aim::DENIED {
            let cost = |filter| results.ratio(filter, prefixes, Shape::V4, aim);
            let what = format!("{} over registry-guard, {prefixes} prefixes, {} sources", peer.name(), aim.name());
            bounds.push(at_least(what, limit, quotient(cost(peer), cost(Filter::Guard))));
        }
    }
    bounds
}

/// Program time of what is none of the guard's business, at the number of prefixes where it is most.
fn not_guarded(results: &Results) -> Vec<Bound> {
    let mut bounds = Vec::new();
    for shape in [Shape::V4, Shape::V6] {
        for what in What::NOT_GUARDED {
            let rows = results.not_guarded.iter().filter(|row| row.case.shape == shape && row.what == what);
            let worst =
                rows.filter_map(|row| row.ratio.spread()).max_by(|one, other| one.median.total_cmp(&other.median));
            let what = format!("program time of {}, {}, at any size: times the floor", what.name(), shape.name());
            bounds.push(at_most(what, 1.2, worst));
        }
    }
    bounds
}

fn traffic(results: &Results) -> Vec<Bound> {
    let mut bounds = Vec::new();
    for prefixes in [100, MANY] {
        let of = |row: &&crate::traffic::Row| row.case.filter == Filter::Guard && row.case.prefixes == prefixes;
        let row = results.traffic.iter().find(of);
        let (pull, connections) = (row.map(|row| &row.pull_ratio), row.map(|row| &row.connections_ratio));
        bounds.push(at_least(format!("pull at {prefixes} prefixes: of that without a guard"), 0.98, spread(pull)));
        let what = format!("connections a second at {prefixes} prefixes: of those without a guard");
        bounds.push(at_least(what, 0.97, spread(connections)));
    }
    bounds
}

fn updates(results: &Results) -> Vec<Bound> {
    let updates = results.updates.as_ref();
    let one = |figure: f64| Spread { low: figure, median: figure, high: figure };
    let command = updates.map(|updates| one(updates.one_more.command.percentile_99));
    let enforced = updates.and_then(|updates| Some(one(updates.one_more.enforced?.percentile_99)));
    vec![
        at_most("one rule more, command, 99th percentile: ms", 10.0, command),
        at_most("one rule more, until enforced in the agent, 99th percentile: ms", 1.0, enforced),
        at_most("cold start until enforced: s", 4.0, spread(updates.map(|updates| &updates.cold_start))),
        at_most(
            "kernel memory, all of it: bytes a prefix",
            250.0,
            updates.map(|updates| one(updates.bytes_a_prefix())),
        ),
        at_most("longest wait of an urgent thread in a swap: ms", 10.0, spread(updates.map(|updates| &updates.stall))),
    ]
}

fn spread(figures: Option<&Figures>) -> Option<Spread> {
    figures?.spread()
}

/// Round by round, the one over the other.
fn quotient(above: Option<&Figures>, below: Option<&Figures>) -> Option<Spread> {
    above?.over(below?).spread()
}
