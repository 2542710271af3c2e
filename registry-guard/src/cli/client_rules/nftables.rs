use std::fmt::Write as _;

use ipnet::IpNet;

use super::ClientRules;

const HOW: &str = "Load it with `nft -f`: it goes into table `inet filter`, at the head of chain `output`. Rename both where \
                   yours are called otherwise.";

/// Elements on one line.
const WIDTH: usize = 8;

/// Commands rather than one block: a block adds to what is there, and the rules of yesterday would stay.
pub(super) fn rules(client: &ClientRules) -> String {
    let name = client.registry.to_ascii_lowercase();
    let chain = format!("registry_guard_{name}");
    let mut text = client.comments(HOW);
    text.push_str("add table inet filter\n");
    // Of a chain that is there, this leaves the policy as it is.
    text.push_str("add chain inet filter output { type filter hook output priority filter; }\n");
    _ = writeln!(text, "add chain inet filter {chain}\nflush chain inet filter {chain}");
    for (port, prefixes) in client.by_port() {
        let (v4, v6): (Vec<IpNet>, Vec<IpNet>) = prefixes.iter().partition(|prefix| prefix.addr().is_ipv4());
        for (family, kind, prefixes) in [("ip", "ipv4_addr", v4), ("ip6", "ipv6_addr", v6)] {
            if prefixes.is_empty() {
                continue;
            }
            let set = format!("{chain}_{family}_{port}");
            _ = writeln!(text, "add set inet filter {set} {{ type {kind}; flags interval; }}");
            _ = writeln!(text, "flush set inet filter {set}");
            _ = writeln!(text, "add element inet filter {set} {{\n{}}}", elements(&prefixes));
            _ = writeln!(text, "add rule inet filter {chain} {family} daddr @{set} tcp dport {port} accept");
        }
    }
    _ = writeln!(text, "insert rule inet filter output jump {chain}");
    text
}

fn elements(prefixes: &[IpNet]) -> String {
    let line = |prefixes: &[IpNet]| {
        let each: Vec<String> = prefixes.iter().map(ToString::to_string).collect();
        format!("    {},\n", each.join(", "))
    };
    prefixes.chunks(WIDTH).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::contoso;

    #[tokio::test]
    async fn a_set_for_each_family_and_port_is_filled_anew_and_asked_first() {
        let text = contoso().await.nftables();
        let rules: Vec<&str> = text.lines().filter(|line| line.starts_with("add rule")).collect();
        assert_eq!(
            rules,
            [
                "add rule inet filter registry_guard_contoso ip daddr @registry_guard_contoso_ip_443 tcp dport 443 accept",
                "add rule inet filter registry_guard_contoso ip6 daddr @registry_guard_contoso_ip6_443 tcp dport 443 accept",
                "add rule inet filter registry_guard_contoso ip daddr @registry_guard_contoso_ip_5443 tcp dport 5443 accept",
            ]
        );
        assert!(text.contains("add element inet filter registry_guard_contoso_ip_5443 {\n    203.0.113.11/32,\n}\n"));
        assert!(text.ends_with("insert rule inet filter output jump registry_guard_contoso\n"), "{text}");
        assert_eq!(text.matches("flush set").count(), 3);
        let said =
            "# Data endpoint contoso.local.data.example.com (region local): addresses from config.toml; not announced";
        assert!(text.contains(said), "{text}");
    }
}
