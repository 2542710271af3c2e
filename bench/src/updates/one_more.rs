use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use ::tests::net::{Agent, GuardConfig};
use anyhow::{Result, ensure};

use super::latency::Latency;
use crate::aim::Aim;
use crate::filter::Guard;
use crate::options::Options;
use crate::rule_set::RuleSet;

/// Rules that are added with the command line, and over the API.
const BY_COMMAND: usize = 1000;
const BY_REQUEST: usize = 1000;
/// One of so many is looked at in the kernel, before and after.
const LOOKED_AT: usize = 20;

/// One rule added to many, again and again.
pub(crate) struct OneMore {
    /// As whoever types the command sees it, from the start of its process to the end.
    pub(crate) command: Latency,
    /// As a client of the API on an open connection sees it.
    pub(crate) request: Latency,
    /// As the agent says it (`Server-Timing`), from the head of the request until the kernel enforces the rule.
    pub(crate) enforced: Option<Latency>,
    /// The same until the rule is stored.
    pub(crate) stored: Option<Latency>,
}

pub(super) fn measure(guard: &Guard, rules: &RuleSet, options: &Options) -> Result<OneMore> {
    let agent = guard.agent();
    let (by_command, by_request) = if options.quick { (100, 100) } else { (BY_COMMAND, BY_REQUEST) };
    let addresses = Aim::Uniform.addresses(rules, by_command + by_request);
    let mut addresses = addresses.into_iter().map(|number| rules.family.address(number));

    let mut command = Vec::new();
    for (place, address) in addresses.by_ref().take(by_command).enumerate() {
        let look = place % LOOKED_AT == 0;
        ensure!(!look || !Guard::lets_in(agent, address)?, "{address} is let in already");
        command.push(add(agent, address)?);
        ensure!(!look || Guard::lets_in(agent, address)?, "{address} is not let in after its rule was added");
    }

    let mut connection = agent.connection()?;
    let (mut request, mut enforced, mut stored) = (Vec::new(), Vec::new(), Vec::new());
    for address in addresses {
        let path = format!("{}/ipRules/{address}", Agent::registry_path(GuardConfig::REGISTRY));
        let begun = Instant::now();
        let answer = connection.request("PUT", &path, &[], b"")?;
        request.push(begun.elapsed());
        enforced.extend(timing(&answer.head, "enforced"));
        stored.extend(timing(&answer.head, "stored"));
        answer.expect_success()?;
    }
    let told = |took: &[Duration]| (!took.is_empty()).then(|| Latency::of(took)).transpose();
    Ok(OneMore {
        command: Latency::of(&command)?,
        request: Latency::of(&request)?,
        enforced: told(&enforced)?,
        stored: told(&stored)?,
    })
}

/// How long the command took.
fn add(agent: &Agent, address: IpAddr) -> Result<Duration> {
    // The command in its namespace, without what takes it there: it only talks to a socket in the file system.
    let arguments = ["network-rule", "add", "-n", GuardConfig::REGISTRY, "--ip-address", &address.to_string()];
    let there = agent.cli_command(arguments);
    let mut command = Command::new(agent.program());
    command.args(arguments).envs(there.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let begun = Instant::now();
    let output = command.output()?;
    let took = begun.elapsed();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(took)
}

/// A duration of the header `Server-Timing`, which has them in milliseconds: `name;dur=0.3, other;dur=1.2`.
fn timing(head: &str, name: &str) -> Option<Duration> {
    let header = head.lines().find_map(|line| {
        let (header, value) = line.split_once(':')?;
        header.eq_ignore_ascii_case("server-timing").then_some(value)
    })?;
    let metric = header.split(',').find_map(|metric| metric.trim().strip_prefix(name)?.strip_prefix(";dur="))?;
    Some(Duration::from_secs_f64(metric.parse::<f64>().ok()? / 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_from_the_answers_head() {
        let head = "HTTP/1.1 200 OK\r\nServer-Timing: enforced;dur=0.250, stored;dur=1.5\r\nEtag: \"7\"";
        assert_eq!(timing(head, "enforced"), Some(Duration::from_micros(250)));
        assert_eq!(timing(head, "stored"), Some(Duration::from_micros(1500)));
        assert_eq!(timing(head, "answered"), None);
        assert_eq!(timing("HTTP/1.1 200 OK", "enforced"), None);
    }
}
