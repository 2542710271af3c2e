use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result};

/// `TCP_SYN_RECV`, as `/proc/net/tcp` prints it.
const SYN_RECEIVED: &str = "03";

/// A half-open connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfOpen {
    /// Where its SYN came from.
    pub source: IpAddr,
    /// The user who owns the listening socket that took the SYN.
    pub user: u32,
}

/// Each half-open connection that the kernel holds in the calling thread's network namespace.
///
/// A SYN that the kernel accepted shows here until the handshake ends, whatever the packet looked like, or until nobody
/// answers for its source to ARP, which takes three seconds.
pub fn half_open() -> Result<Vec<HalfOpen>> {
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        let path = format!("/proc/thread-self/net/{table}");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        found.extend(found_in(&text));
    }
    Ok(found)
}

fn found_in(table: &str) -> impl Iterator<Item = HalfOpen> {
    let half_open = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, _, remote, state, _, _, _, user, ..] = fields[..] else { return None };
        let found = HalfOpen { source: address(remote)?, user: user.parse().ok()? };
        (state == SYN_RECEIVED).then_some(found)
    };
    table.lines().skip(1).filter_map(half_open)
}

/// The address of an `ADDRESS:PORT` field: 32-bit words in hexadecimal, each in the machine's byte order.
fn address(field: &str) -> Option<IpAddr> {
    let (words, _port) = field.split_once(':')?;
    let mut bytes = Vec::new();
    for start in (0..words.len()).step_by(8) {
        let word = u32::from_str_radix(words.get(start..start + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    if let Ok(v4) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(v4).into());
    }
    let v6 = <[u8; 16]>::try_from(bytes).ok()?;
    Some(Ipv6Addr::from(v6).to_canonical())
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    #[test]
    fn only_half_open_connections_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0A7100CB:01BB 076433C6:9C40 03 00000000:00000000 01:00000063 00000000 65533        0 0\n   \
                     1: 0A7100CB:01BB 076433C6:9C41 01 00000000:00000000 01:00000063 00000000 65533        0 0\n   \
                     2: 0A7100CB:01BB 086433C6:9C40 03 00000000:00000000 01:00000063 00000000     0        0 0\n";
        let found: Vec<HalfOpen> = found_in(table).collect();
        let expected = |last, user| HalfOpen { source: IpAddr::from([198, 51, 100, last]), user };
        assert_eq!(found, [expected(7, 65_533), expected(8, 0)]);
    }

    #[test]
    fn ipv6_and_mapped_addresses_are_read() {
        let address = |field| address(field).map(|address| address.to_string());
        assert_eq!(address("B80D0120000001000000000007000000:9C40").as_deref(), Some("2001:db8:1::7"));
        assert_eq!(address("0000000000000000FFFF0000076433C6:9C40").as_deref(), Some("198.51.100.7"));
    }
}
