use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result};

/// `TCP_SYN_RECV`, as `/proc/net/tcp` prints it.
const SYN_RECEIVED: &str = "03";

/// The source of each half-open connection that the kernel holds in the calling thread's network namespace.
///
/// A SYN that the kernel accepted shows here until the handshake ends, whatever the packet looked like, or until nobody
/// answers for its source to ARP, which takes three seconds.
pub fn half_open() -> Result<Vec<IpAddr>> {
    let mut sources = Vec::new();
    for table in ["tcp", "tcp6"] {
        let path = format!("/proc/thread-self/net/{table}");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        sources.extend(sources_in(&text));
    }
    Ok(sources)
}

fn sources_in(table: &str) -> impl Iterator<Item = IpAddr> {
    let remote = |line: &str| {
        let mut fields = line.split_whitespace();
        let remote = fields.nth(2)?;
        (fields.next()? == SYN_RECEIVED).then(|| address(remote))?
    };
    table.lines().skip(1).filter_map(remote)
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
        let table = "  sl  local_address rem_address   st tx_queue\n   \
                     0: 0A7100CB:01BB 076433C6:9C40 03 00000000:00000000\n   \
                     1: 0A7100CB:01BB 076433C6:9C41 01 00000000:00000000\n   \
                     2: 0A7100CB:01BB 086433C6:9C40 03 00000000:00000000\n";
        let sources: Vec<IpAddr> = sources_in(table).collect();
        assert_eq!(sources, [IpAddr::from([198, 51, 100, 7]), IpAddr::from([198, 51, 100, 8])]);
    }

    #[test]
    fn ipv6_and_mapped_addresses_are_read() {
        let address = |field| address(field).map(|address| address.to_string());
        assert_eq!(address("B80D0120000001000000000007000000:9C40").as_deref(), Some("2001:db8:1::7"));
        assert_eq!(address("0000000000000000FFFF0000076433C6:9C40").as_deref(), Some("198.51.100.7"));
    }
}
