//! CPU time of the receiver for each denied SYN, from the driver's ring to the verdict.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::aim::Aim;
use crate::case::{Case, Cases};
use crate::figure::{Figures, nanoseconds_of_each};
use crate::filter::Filter;
use crate::options::Options;
use crate::receiver::Frames;
use crate::sender::Sender;
use crate::shape::{Shape, What};

/// Frames that are sent at once, between two looks at the clock.
const SERIES: u32 = 1 << 17;
/// CPU time of the receiver that one figure stands for, at least.
const LONG_ENOUGH: Duration = Duration::from_millis(60);
/// How long that may take.
const LIMIT: Duration = Duration::from_secs(10);
/// Addresses that xdp-filter can hold.
const XDP_FILTER_CAPACITY: usize = 10_000;
/// Frames before the first that counts.
const WARM_UP: u32 = 1 << 15;

/// One filter, judging packets from one kind of sources.
pub(crate) struct Row {
    pub(crate) case: Case,
    pub(crate) aim: Aim,
    /// Nanoseconds for each packet that was received.
    pub(crate) cost: Figures,
    /// The same over that of the parse floor, measured right before and right after.
    pub(crate) ratio: Figures,
    /// What became of the packets of all rounds.
    pub(crate) frames: Frames,
}

impl Row {
    const fn new(case: Case, aim: Aim) -> Self {
        Self { case, aim, cost: Figures::new(), ratio: Figures::new(), frames: Frames::NONE }
    }

    fn measured(&mut self, measured: Measured, floor: f64) {
        self.cost.push(measured.cost);
        self.ratio.push(measured.cost / floor);
        self.frames += measured.frames;
    }
}

/// One figure of one round.
#[derive(Clone, Copy)]
struct Measured {
    /// Nanoseconds for each packet that was received.
    cost: f64,
    frames: Frames,
}

/// Measures every filter in turn, round after round, with the parse floor before and after each. Those of one shape of packets, so
/// many rules and one kind of sources come one after the other, the parse floor first.
///
/// Why other filters were left out goes to `left_out`.
pub(crate) fn measure(cases: &mut Cases, options: &Options, left_out: &mut Vec<String>) -> Result<Vec<Row>> {
    let mut sender = Sender::load()?;
    let mut rows = rows(cases, options, left_out)?;
    for round in 1..=options.rounds() {
        eprintln!("receiver: round {round} of {}", options.rounds());
        for together in rows.chunk_by_mut(Row::goes_with) {
            let [floor, filters @ ..] = together else { continue };
            sender.aim(&cases.sources.values(floor.case.shape, floor.case.prefixes, floor.aim))?;
            let mut before = cost(&mut sender, &floor.case)?;
            floor.measured(before, before.cost);
            for row in filters {
                let own = cost(&mut sender, &row.case)?;
                let after = cost(&mut sender, &floor.case)?;
                row.measured(own, f64::midpoint(before.cost, after.cost));
                before = after;
            }
        }
    }
    Ok(rows)
}

impl Row {
    fn goes_with(&self, other: &Self) -> bool {
        let key = |row: &Self| (row.case.shape, row.case.prefixes, row.aim);
        key(self) == key(other)
    }
}

fn rows(cases: &mut Cases, options: &Options, left_out: &mut Vec<String>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for shape in options.shapes() {
        for prefixes in options.sizes() {
            let mut installed = Vec::new();
            for filter in filters(shape, prefixes, options) {
                match cases.case(filter, prefixes, shape) {
                    Ok(case) => installed.push(case),
                    Err(error) if filter.is_peer() => left_out.push(format!("{error:#}")),
                    Err(error) => return Err(error),
                }
            }
            for aim in Aim::DENIED {
                rows.extend(installed.iter().map(|case| Row::new(case.clone(), aim)));
            }
        }
    }
    Ok(rows)
}

/// Which filters are measured with so many prefixes.
fn filters(shape: Shape, prefixes: usize, options: &Options) -> Vec<Filter> {
    let mut filters = vec![Filter::Floor, Filter::Guard];
    if shape != Shape::V4 {
        return filters;
    }
    if prefixes == 100 {
        filters.push(Filter::Bare);
        filters.push(Filter::GuardForbidden);
    }
    if !options.no_peers && prefixes > 1 && prefixes != 100_000 {
        if prefixes <= XDP_FILTER_CAPACITY {
            filters.push(Filter::XdpTools);
        }
        filters.extend([Filter::Nftables, Filter::Iptables]);
    }
    filters
}

fn cost(sender: &mut Sender, case: &Case) -> Result<Measured> {
    let frame = case.shape.frame(What::Syn);
    let link = &case.link;
    sender.send(link.client(), case.shape, &frame, WARM_UP)?;
    let (frames, time) = (link.frames()?, link.receiver().cpu_time()?);
    let begun = Instant::now();
    let mut took = Duration::ZERO;
    while took < LONG_ENOUGH {
        ensure!(begun.elapsed() < LIMIT, "the receiver of {} gets no CPU: it ran for {took:?}", case.filter.name());
        sender.send(link.client(), case.shape, &frame, SERIES)?;
        took = link.receiver().cpu_time()?.saturating_sub(time);
    }
    let frames = link.frames()?.since(&frames);
    Ok(Measured { cost: nanoseconds_of_each(took, frames.received), frames })
}
