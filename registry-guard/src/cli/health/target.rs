use std::fmt;
use std::str::FromStr;

/// The port of a host that is named without one.
const HTTPS: u16 = 443;

/// A host that clients of the registry connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Target {
    /// A DNS name or an address.
    pub(super) host: String,
    /// Where it listens.
    pub(super) port: u16,
}

impl FromStr for Target {
    type Err = String;

    /// `HOST`, `HOST:PORT` or `[ADDRESS]:PORT`, as before the first slash of an image's name.
    fn from_str(text: &str) -> Result<Self, String> {
        const ACCEPTED: &str = "accepted: HOST or HOST:PORT, such as contoso.example.com or [2001:db8::10]:5000";
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, "")) => (address, None),
            Some((address, rest)) => (address, Some(rest.strip_prefix(':').unwrap_or_default())),
            None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
        };
        let shaped = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
        if host.is_empty() || host.len() > 253 || !host.bytes().all(shaped) {
            return Err(format!("is not a host; {ACCEPTED}"));
        }
        let port = port.map_or(Ok(HTTPS), |port| port.parse().ok().filter(|port| *port != 0).ok_or(port));
        match port {
            Ok(port) => Ok(Self { host: host.to_owned(), port }),
            Err(port) => Err(format!("`{port}` is not a port of 1 to 65535; {ACCEPTED}")),
        }
    }
}

impl Target {
    /// The value of `Host`: without the port that the scheme has anyway (RFC 9110 section 7.2).
    pub(super) fn authority(&self, tls: bool) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.port, tls) {
            (HTTPS, true) | (80, false) => host,
            (port, _) => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_comes_with_or_without_a_port() {
        for (text, host, port, shown) in [
            ("contoso.example.com", "contoso.example.com", 443, "contoso.example.com:443"),
            ("contoso.example.com:5000", "contoso.example.com", 5000, "contoso.example.com:5000"),
            ("203.0.113.10:80", "203.0.113.10", 80, "203.0.113.10:80"),
            ("[2001:db8::10]:5000", "2001:db8::10", 5000, "[2001:db8::10]:5000"),
            ("[2001:db8::10]", "2001:db8::10", 443, "[2001:db8::10]:443"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.host.as_str(), target.port, target.to_string().as_str()), (host, port, shown));
        }
        for bad in
            ["", ":443", "a b", "https://contoso.example.com", "contoso.example.com:0", "a:b", "[::1]443", "a:65536"]
        {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_host_header_leaves_out_the_port_of_the_scheme() {
        let authority = |text: &str, tls| text.parse::<Target>().unwrap().authority(tls);
        assert_eq!(authority("a.example.com", true), "a.example.com");
        assert_eq!(authority("a.example.com:80", false), "a.example.com");
        assert_eq!(authority("a.example.com:80", true), "a.example.com:80");
        assert_eq!(authority("[2001:db8::10]:5000", true), "[2001:db8::10]:5000");
    }
}
