use super::raw;
use super::source::Source;
use super::{ConfigError, Readers, Socket};

const ACCEPTED: &str = "the name of a group, 1 to 32 letters, digits, dots, hyphens and underscores";

pub(super) fn socket(source: &Source<'_>, raw: raw::Socket) -> Result<Socket, ConfigError> {
    let Some(group) = raw.readers else { return Ok(Socket { readers: Readers::Default }) };
    let name = group.get_ref();
    let shaped = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > 32 || !name.bytes().all(shaped) {
        return Err(source.invalid(&group.span(), "socket.readers", name, "is not the name of a group", ACCEPTED));
    }
    Ok(Socket { readers: Readers::Group(group.into_inner()) })
}
