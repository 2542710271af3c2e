use super::ConfigError;
use super::raw::Text;
use super::source::Source;

/// A DNS name or address, perhaps with a port, as clients write it before the first slash of an image's name.
pub(super) fn host_name(source: &Source<'_>, field: &str, text: &Text) -> Result<String, ConfigError> {
    let whole = text.get_ref();
    let (host, port) = match whole.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (whole.as_str(), None),
    };
    let named = host.len() <= 253 && host.split('.').all(is_label);
    let numbered = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    if named && numbered {
        return Ok(whole.clone());
    }
    let accepted = "a host name such as contoso.example.com, or one with a port such as contoso.example.com:5000";
    Err(source.invalid(&text.span(), field, whole, "is not a host name", accepted))
}

pub(super) fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}
