use std::fmt::Write as _;

use super::ClientRules;

const HOW: &str = "Load it with `iptables-restore --noflush` and `ip6tables-restore --noflush`: each takes the lines of its \
                   family, at the head of chain OUTPUT.";

/// The longest name of a chain, in bytes (`XT_EXTENSION_MAXNAMELEN` without its end).
const LONGEST: usize = 28;

/// Naming the chain empties it, also with `--noflush`.
pub(super) fn rules(client: &ClientRules) -> String {
    let chain = chain(&client.registry);
    let mut text = client.comments(HOW);
    _ = writeln!(text, "*filter\n:{chain} - [0:0]");
    for (port, prefixes) in client.by_port() {
        for prefix in prefixes {
            let family = if prefix.addr().is_ipv4() { "-4" } else { "-6" };
            _ = writeln!(text, "{family} -A {chain} -p tcp -d {prefix} --dport {port} -j ACCEPT");
        }
    }
    _ = writeln!(text, "-I OUTPUT -j {chain}\nCOMMIT");
    text
}

/// The registry's chain. A long name is cut and told from others by a hash (FNV-1a) of the whole.
fn chain(registry: &str) -> String {
    let name = format!("rg-{}", registry.to_ascii_lowercase());
    if name.len() <= LONGEST {
        return name;
    }
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    name.chars().take(LONGEST - 9).chain(format!("-{hash:08x}").chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::contoso;
    use super::*;

    #[tokio::test]
    async fn each_family_has_its_lines_in_one_text() {
        let text = contoso().await.iptables();
        let rules: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            rules,
            [
                "*filter",
                ":rg-contoso - [0:0]",
                "-4 -A rg-contoso -p tcp -d 203.0.113.10/32 --dport 443 -j ACCEPT",
                "-6 -A rg-contoso -p tcp -d 2001:db8::10/128 --dport 443 -j ACCEPT",
                "-4 -A rg-contoso -p tcp -d 203.0.113.11/32 --dport 5443 -j ACCEPT",
                "-I OUTPUT -j rg-contoso",
                "COMMIT",
            ]
        );
    }

    #[test]
    fn a_long_name_is_cut_and_still_its_own() {
        let (one, other) = ("a".repeat(50), format!("{}b", "a".repeat(49)));
        assert_eq!((chain(&one).len(), chain(&other).len()), (LONGEST, LONGEST));
        assert_ne!(chain(&one), chain(&other));
        assert_eq!(chain(&"A".repeat(25)).len(), LONGEST);
    }
}
