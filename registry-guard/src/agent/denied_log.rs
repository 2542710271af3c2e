//! The log of denied packets: within a budget per second, with the number of those left out.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use registry_guard_common::{Class, Event, Layer, Outcome, Response};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tracing::warn;

use super::Agent;
use super::accounts::{Counted, Fate};
use super::denial::{Denial, DenialLayer, DenialResponse};
use super::denials::{Entry, LeftOut};
use crate::kernel::{EventBudget, EventStream, Events, KernelError, interface_name};

const SECOND: Duration = Duration::from_secs(1);

/// The log of one agent, from its start on.
pub(super) struct DeniedLog {
    agent: Agent,
    events: EventStream,
    budget: EventBudget,
    responder: watch::Receiver<bool>,
    present: bool,
}

impl DeniedLog {
    /// Has the programs tell what they deny from now on, and counts from here what is left out.
    pub(super) fn start(agent: Agent, events: Events, mut budget: EventBudget) -> anyhow::Result<Self> {
        let mut events = events.stream()?;
        let mut responder = agent.0.responder_present.subscribe();
        let present = *responder.borrow_and_update();
        // An agent that was killed leaves a budget, and what was written by it is counted already.
        budget.refill(0)?;
        budget.refill_admitted(0)?;
        for event in events.waiting() {
            if !(present && fate(&event) == Fate::Admitted) {
                log(&agent, &event);
            }
        }
        let counted = agent.counted()?;
        agent.accounts().start(present, &counted);
        // The first second begins, before which nothing was left out.
        agent.accounts().second(&counted);
        let mut log = Self { agent, events, budget, responder, present };
        log.refill()?;
        Ok(log)
    }

    fn refill(&mut self) -> Result<(), KernelError> {
        let per_second = self.agent.config().events.per_second;
        self.budget.refill(per_second)?;
        self.refill_admitted()
    }

    fn refill_admitted(&mut self) -> Result<(), KernelError> {
        let per_second = self.agent.config().events.per_second;
        self.budget.refill_admitted(if self.present { 0 } else { per_second })
    }

    /// Logs each event that the budget has room for, until the runtime ends.
    pub(super) async fn follow(mut self) -> anyhow::Result<()> {
        let mut second = interval_at(Instant::now() + SECOND, SECOND);
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = second.tick() => {
                    let counted = self.agent.counted()?;
                    let left_out = self.agent.accounts().second(&counted);
                    self.refill()?;
                    for (registry, number) in left_out {
                        log_left_out(&self.agent, registry, number);
                    }
                }
                arrived = self.events.next() => log_all(&self.agent, &arrived?),
                Ok(()) = self.responder.changed() => self.turn()?,
            }
        }
    }

    /// A responder came or went.
    fn turn(&mut self) -> Result<(), KernelError> {
        self.present = *self.responder.borrow_and_update();
        // Once no more are written, those that were are still to be told as it was then.
        self.budget.refill_admitted(0)?;
        let counted = self.agent.counted()?;
        log_all(&self.agent, &self.events.waiting());
        self.agent.accounts().turn(self.present, &counted);
        self.refill_admitted()
    }
}

fn log_all(agent: &Agent, events: &[Event]) {
    for event in events {
        let has_room = agent.accounts().log_event(event.registry(), fate(event));
        if has_room {
            log(agent, event);
        }
    }
}

fn fate(event: &Event) -> Fate {
    match (event.layer(), event.response()) {
        (Layer::Socket, _) => Fate::Datagram,
        (Layer::Nic, Response::Forbidden) => Fate::Admitted,
        (Layer::Nic, Response::Drop | Response::Reset) => Fate::Stopped,
    }
}

fn log(agent: &Agent, event: &Event) {
    let layer = match event.layer() {
        Layer::Nic => DenialLayer::Xdp,
        Layer::Socket => DenialLayer::Socket,
    };
    // What the second layer tells about may have arrived in another namespace, where an index means another interface.
    let is_here = layer == DenialLayer::Xdp || agent.config().registries.iter().all(|host| host.netns.is_none());
    agent.log_denial(Denial {
        time: SystemTime::now(),
        registry: agent.registry_or_slot(event.registry()),
        source: IpAddr::from(event.source()),
        source_port: None,
        tag: Some(event.tag().value()),
        vtep: event.vtep().map(IpAddr::from),
        endpoint: SocketAddr::new(event.destination().into(), event.port()),
        interface: is_here.then(|| interface_name(event.ifindex())),
        layer,
        reason: event.reason().map_or(Denial::UNKNOWN, |reason| reason.name()),
        response: match event.response() {
            Response::Drop => DenialResponse::Drop,
            // With nobody to tell it why, the second layer refuses it.
            Response::Reset | Response::Forbidden => DenialResponse::Reset,
        },
        correlation_id: None,
    });
}

fn log_left_out(agent: &Agent, registry: u32, left_out: u64) {
    let registry = agent.registry_or_slot(registry);
    warn!(registry, left_out, "more packets were denied than are logged in a second");
    agent.denials().add(Entry::LeftOut(LeftOut { time: SystemTime::now(), registry, left_out }));
}

impl Agent {
    /// Writes a denial to the log, keeps it, and tells it to those who follow.
    pub(super) fn log_denial(&self, denial: Denial) {
        denial.log();
        self.denials().add(Entry::Denied(denial));
    }

    pub(super) fn registry_or_slot(&self, slot: u32) -> String {
        self.registry_in_slot(slot).unwrap_or_else(|| format!("#{slot}"))
    }

    /// What the kernel counted, by registry. A packet is counted as denied before it is as admitted; read in this order, none
    /// is missing that should be taken off.
    fn counted(&self) -> Result<BTreeMap<u32, Counted>, KernelError> {
        let kernel = self.kernel();
        let (reasons, outcomes) = (kernel.reasons()?, kernel.outcomes()?);
        drop(kernel);
        let mut counted: BTreeMap<u32, Counted> = BTreeMap::new();
        for (registry, reasons) in reasons {
            let Some(registry) = registry else { continue };
            let denied = reasons.iter().filter(|(reason, _)| reason.class() == Class::Deny);
            counted.entry(registry).or_default().denied = denied.map(|(_, packets)| packets).sum();
        }
        for (registry, outcomes) in outcomes {
            let packets = |outcome| outcomes.get(&outcome).copied().unwrap_or_default();
            let counted = counted.entry(registry).or_default();
            counted.admitted = packets(Outcome::Admitted);
            counted.datagrams = packets(Outcome::DatagramRefused);
            counted.handed = packets(Outcome::LookupForbidden);
        }
        Ok(counted)
    }
}
