//! The log of denied packets: within a budget per second, with the number of those left out.

use std::net::IpAddr;
use std::time::Duration;

use registry_guard_common::{Class, Event, Response};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use super::Agent;
use crate::kernel::{EventBudget, Events, KernelError, ReasonCounts, interface_name};

/// Writes one line for each event until the runtime ends.
pub(super) async fn follow(agent: Agent, events: Events, mut budget: EventBudget) -> anyhow::Result<()> {
    let mut events = events.stream()?;
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Everything up to a second ago: what was counted by then has been read by now, if it was told at all.
    let mut counted = total(&agent)?;
    let mut accounted = counted;
    loop {
        tokio::select! {
            _ = second.tick() => {
                budget.refill(agent.config().events.per_second)?;
                let left_out = counted.saturating_sub(accounted);
                if left_out > 0 {
                    warn!(left_out, "more packets were denied than are logged in a second");
                }
                accounted += left_out;
                counted = total(&agent)?;
            }
            arrived = events.next() => {
                for event in arrived? {
                    log(&agent, &event);
                    accounted += 1;
                }
            }
        }
    }
}

fn log(agent: &Agent, event: &Event) {
    let registry = agent.registry_in_slot(event.registry()).unwrap_or_else(|| format!("#{}", event.registry()));
    let source = IpAddr::from(event.source());
    let endpoint = std::net::SocketAddr::new(event.destination().into(), event.port());
    let reason = event.reason().map_or("Unknown", |reason| reason.name());
    let interface = interface_name(event.ifindex());
    let response = match event.response() {
        Response::Drop => "drop",
        Response::Reset => "reset",
        Response::Forbidden => "forbidden",
    };
    match event.vtep() {
        None => info!(registry, %source, %endpoint, reason, response, interface, "denied"),
        Some(vtep) => {
            let vtep = IpAddr::from(vtep);
            info!(registry, %source, vni = event.tag().value(), %vtep, %endpoint, reason, response, interface, "denied");
        }
    }
}

/// Packets denied so far, of all registries.
fn total(agent: &Agent) -> Result<u64, KernelError> {
    Ok(denied(&agent.reasons()?))
}

fn denied(counts: &ReasonCounts) -> u64 {
    let of_registries = counts.iter().filter(|(registry, _)| registry.is_some()).flat_map(|(_, reasons)| reasons);
    of_registries.filter(|(reason, _)| reason.class() == Class::Deny).map(|(_, packets)| packets).sum()
}
