use std::net::IpAddr;

/// An address that a test names.
///
/// # Panics
///
/// If it is none, which is a mistake of the test.
pub fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}
