//! The variables that send clients through a proxy, as Go's `net/http` reads them, hence docker, containerd, podman and skopeo.

use std::net::IpAddr;

use ipnet::IpNet;

use super::finding::Finding;
use super::target::Target;

const CHECK: &str = "proxy";

/// Each variable with its value, in the order in which it is asked for.
#[derive(Default)]
pub(in crate::cli) struct ProxyVariables(Vec<(&'static str, String)>);

const NAMES: [&str; 8] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"];

impl ProxyVariables {
    /// Those of this process.
    pub(in crate::cli) fn of_this_process() -> Self {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(value: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &'static str| value(name).filter(|value| !value.is_empty()).map(|value| (name, value));
        Self(NAMES.into_iter().filter_map(set).collect())
    }

    /// Whether clients with these variables go to `target` through a proxy, whose address is then what the registry judges.
    pub(super) fn check(&self, target: &Target) -> Finding {
        if self.0.is_empty() {
            return Finding::ok(CHECK, target, "no variable names one");
        }
        let seen: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{name}={}", without_secret(value))).collect();
        let seen = seen.join(", ");
        // HTTP_PROXY is for plain HTTP, and ALL_PROXY for others than those clients; both are only told.
        let proxy = self.first(["HTTPS_PROXY", "https_proxy"]);
        match proxy {
            Some((name, value)) if !self.is_exempt(target) => Finding::warning(
                CHECK,
                target,
                format!(
                    "clients that read {name} go through {}; this command does not ({seen})",
                    without_secret(value)
                ),
                format!(
                    "the registry judges the address of the proxy: let its owner allow that one, or put {} into NO_PROXY; a daemon such as dockerd has variables of its own",
                    target.host
                ),
            ),
            _ => Finding::ok(CHECK, target, format!("none is on the way there ({seen})")),
        }
    }

    fn first<const N: usize>(&self, names: [&str; N]) -> Option<(&'static str, &str)> {
        let found = names.iter().find_map(|name| self.0.iter().find(|(set, _)| set == name));
        found.map(|(name, value)| (*name, value.as_str()))
    }

    /// Whether `NO_PROXY` leaves the target out; loopback never goes through a proxy.
    fn is_exempt(&self, target: &Target) -> bool {
        let address: Option<IpAddr> = target.host.parse().ok();
        if target.host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback()) {
            return true;
        }
        let Some((_, list)) = self.first(["NO_PROXY", "no_proxy"]) else { return false };
        list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| covers(entry, target, address))
    }
}

/// `*`, an address, a prefix, `example.com` (and all below it), `.example.com` or `*.example.com` (only what is below it);
/// each but the prefix perhaps with a port.
fn covers(entry: &str, target: &Target, address: Option<IpAddr>) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(prefix) = entry.parse::<IpNet>() {
        return address.is_some_and(|address| prefix.contains(&address));
    }
    let (host, port) = match entry.rsplit_once(':') {
        Some((host, port)) if entry.parse::<IpAddr>().is_err() => (host, port.parse::<u16>().ok()),
        _ => (entry, None),
    };
    if port.is_some_and(|port| port != target.port) {
        return false;
    }
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    if let Ok(exactly) = host.parse::<IpAddr>() {
        return address == Some(exactly);
    }
    let asked = target.host.to_ascii_lowercase();
    let below = host.strip_prefix('*').unwrap_or(&host);
    if below.starts_with('.') {
        asked.ends_with(below)
    } else {
        asked == below || asked.ends_with(&format!(".{below}"))
    }
}

/// A proxy's URL as it may be shown: it may hold a password.
fn without_secret(value: &str) -> String {
    let shown = match value.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://")).unwrap_or_default();
            format!("{scheme}***@{host}")
        }
        None => value.to_owned(),
    };
    shown.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    fn check(variables: &[(&str, &str)], target: &str) -> Finding {
        let value =
            |asked: &str| variables.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned());
        ProxyVariables::read(value).check(&target.parse().unwrap())
    }

    #[test]
    fn no_proxy_leaves_out_what_go_leaves_out() {
        let through = |exempt: &str, target: &str| {
            let proxy = ("HTTPS_PROXY", "http://proxy.example.net:3128");
            check(&[proxy, ("NO_PROXY", exempt)], target).status == Status::Warning
        };
        for (exempt, target) in [
            ("contoso.example.com", "contoso.example.com"),
            ("example.com", "contoso.example.com"),
            (".example.com", "contoso.example.com"),
            ("*.example.com", "contoso.example.com"),
            ("other, EXAMPLE.COM ", "Contoso.example.com"),
            ("example.com:5000", "contoso.example.com:5000"),
            ("*", "contoso.example.com"),
            ("203.0.113.0/24", "203.0.113.10"),
            ("203.0.113.10", "203.0.113.10:5000"),
            ("2001:db8::10", "[2001:db8::10]"),
            ("", "localhost:5000"),
            ("", "127.0.0.1"),
        ] {
            assert!(!through(exempt, target), "{exempt} {target}");
        }
        for (exempt, target) in [
            ("", "contoso.example.com"),
            ("ample.com", "contoso.example.com"),
            (".contoso.example.com", "contoso.example.com"),
            ("example.com:443", "contoso.example.com:5000"),
            ("203.0.113.0/24", "203.0.114.10"),
            ("203.0.113.0/24", "contoso.example.com"),
        ] {
            assert!(through(exempt, target), "{exempt} {target}");
        }
    }

    #[test]
    fn what_is_seen_is_told_without_its_password() {
        let seen = [("https_proxy", "http://me:s3cret@proxy.example.net:3128"), ("no_proxy", "a.example.com")];
        let finding = check(&seen, "contoso.example.com");
        assert_eq!(finding.status, Status::Warning);
        assert!(!finding.message.contains("s3cret"), "{}", finding.message);
        assert!(finding.message.contains("read https_proxy go through http://***@proxy.example.net:3128"));
        assert!(finding.message.contains("no_proxy=a.example.com"), "{}", finding.message);
        assert_eq!(check(&[], "contoso.example.com").message, "no variable names one");
        let plain_only = check(&[("HTTP_PROXY", "http://proxy.example.net")], "contoso.example.com");
        assert_eq!(plain_only.status, Status::Ok, "{}", plain_only.message);
        assert!(plain_only.message.contains("HTTP_PROXY=http://proxy.example.net"), "{}", plain_only.message);
    }
}
