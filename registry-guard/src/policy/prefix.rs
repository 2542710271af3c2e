use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// Why a text is neither an address nor a prefix. Displays as what is wrong, to be read after the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrefixError {
    /// Neither an IPv4 nor an IPv6 address stands before the slash, or something else than a length after it.
    Malformed,
    /// White space before or after; this is the text without it.
    Surrounded(String),
    /// The length is above what the family has, which is given.
    TooLong(u8),
    /// Bits are set beyond the length; this is the network that the text lies in.
    HostBits(IpNet),
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("is not an IP address or prefix"),
            Self::Surrounded(text) => write!(f, "has white space around {}", Quoted(text)),
            Self::TooLong(most) => write!(f, "has a prefix length above {most}"),
            Self::HostBits(network) => write!(f, "has host bits set, did you mean {network}?"),
        }
    }
}

impl std::error::Error for PrefixError {}

/// Reads `192.0.2.1`, `192.0.2.0/24`, `2001:db8::1` or `2001:db8::/32`. An address is the prefix of full length.
pub fn parse_prefix(text: &str) -> Result<IpNet, PrefixError> {
    let trimmed = text.trim();
    if trimmed.len() != text.len() {
        return Err(if trimmed.is_empty() {
            PrefixError::Malformed
        } else {
            PrefixError::Surrounded(trimmed.to_owned())
        });
    }
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| PrefixError::Malformed)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => most,
        Some(digits) => {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let padded = digits.len() > 1 && digits.starts_with('0');
            if !plain || padded {
                return Err(PrefixError::Malformed);
            }
            digits.parse::<u8>().map_err(|_| PrefixError::TooLong(most))?
        }
    };
    let prefix = IpNet::new(address, length).map_err(|_| PrefixError::TooLong(most))?;
    if prefix.network() == prefix.addr() { Ok(prefix) } else { Err(PrefixError::HostBits(prefix.trunc())) }
}

/// What is accepted wherever a prefix is read.
pub(crate) const ACCEPTED: &str = "an address or a prefix such as 203.0.113.9, 203.0.113.0/24 or 2001:db8::/32";

/// Shows a received text in quotes, in one line and not at any length.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 200;
        let shown: String = self.0.chars().take(MOST).flat_map(char::escape_debug).collect();
        let rest = if self.0.chars().nth(MOST).is_some() { "…" } else { "" };
        write!(f, "`{shown}{rest}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_prefix_of_full_length() {
        assert_eq!(parse_prefix("192.0.2.1").unwrap().to_string(), "192.0.2.1/32");
        assert_eq!(parse_prefix("192.0.2.1/32"), parse_prefix("192.0.2.1"));
        assert_eq!(parse_prefix("2001:db8::1").unwrap().to_string(), "2001:db8::1/128");
        assert_eq!(parse_prefix("2001:DB8:0::/32"), parse_prefix("2001:db8::/32"));
        assert_eq!(parse_prefix("0.0.0.0/0").unwrap().prefix_len(), 0);
    }

    #[test]
    fn host_bits_are_refused_with_the_network_meant() {
        let error = parse_prefix("203.0.113.7/24").unwrap_err();
        assert_eq!(error.to_string(), "has host bits set, did you mean 203.0.113.0/24?");
        assert_eq!(
            parse_prefix("2001:db8::1/32").unwrap_err(),
            PrefixError::HostBits("2001:db8::/32".parse().unwrap())
        );
    }

    #[test]
    fn whatever_is_not_exactly_an_address_or_prefix_is_refused() {
        for bad in [
            "",
            "/",
            "/24",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.01",
            "192.0.2.0/",
            "192.0.2.0/+8",
            "192.0.2.0/-1",
            "192.0.2.0/024",
            "192.0.2.0/24/24",
            "192.0.2.0/255.255.255.0",
            "192.0.2.1-192.0.2.9",
            "192.0.2.*",
            "192.0.2.0 /24",
            "0xc0.0.2.1",
            "3221225985",
            "2001:db8:::1",
            "2001:db8::g",
            "[2001:db8::1]",
            "fe80::1%eth0",
            "example.com",
            " ",
            "192.0.2.1\0",
            "١٩٢.0.2.1",
            "192.0.2.0/٢٤",
        ] {
            assert_eq!(parse_prefix(bad), Err(PrefixError::Malformed), "{bad:?}");
        }
        for bad in ["192.0.2.0/33", "192.0.2.0/256", "192.0.2.0/99999999999999999999"] {
            assert_eq!(parse_prefix(bad), Err(PrefixError::TooLong(32)), "{bad:?}");
        }
        assert_eq!(parse_prefix("2001:db8::/129"), Err(PrefixError::TooLong(128)));
        assert_eq!(parse_prefix(" 192.0.2.1"), Err(PrefixError::Surrounded("192.0.2.1".to_owned())));
        assert_eq!(parse_prefix("192.0.2.1\n"), Err(PrefixError::Surrounded("192.0.2.1".to_owned())));
    }

    #[test]
    fn a_long_text_is_shown_in_part_and_in_one_line() {
        let shown = Quoted(&"a\n".repeat(100_000)).to_string();
        assert!(shown.len() < 400, "{}", shown.len());
        assert!(!shown.contains('\n'));
        assert!(shown.ends_with("…`"), "{shown}");
    }
}
