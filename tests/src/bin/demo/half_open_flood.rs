use std::net::IpAddr;
use std::time::Duration;

use ::tests::net::{Network, run};
use anyhow::Result;

use crate::actors::is_spoofed;

/// How many half-open connections the registry's host has from addresses that the flood sends from.
pub(crate) fn count(network: &Network) -> Result<usize> {
    let mut ss = network.host().command("ss");
    ss.args(["--no-header", "--numeric", "--tcp", "state", "syn-recv"]);
    let ran = run(&mut ss, Duration::from_secs(10))?.expect_success()?;
    Ok(ran.stdout.lines().filter_map(peer).filter(|peer| is_spoofed(*peer)).count())
}

/// The peer's address of a line of `ss` without its column for the state.
fn peer(line: &str) -> Option<IpAddr> {
    let (address, _port) = line.split_whitespace().nth(3)?.rsplit_once(':')?;
    let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_of_a_line_is_found_in_both_spellings() {
        let v4 = "0      0      203.0.113.10:443   198.18.0.1:40000";
        let mapped = "0      0      [::ffff:203.0.113.10]:443   [::ffff:198.18.0.1]:40000";
        assert_eq!(peer(v4), Some(IpAddr::from([198, 18, 0, 1])));
        assert_eq!(peer(mapped), peer(v4));
        assert_eq!(peer(""), None);
    }
}
