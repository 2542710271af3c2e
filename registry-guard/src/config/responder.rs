use super::raw;
use super::source::Source;
use super::{ConfigError, Responder};

const ACCEPTED: &str = "the name or number of a user that has nothing else to do, not root";

pub(super) fn responder(source: &Source<'_>, raw: raw::Responder) -> Result<Responder, ConfigError> {
    let Some(user) = raw.user else { return Ok(Responder { user: Responder::DEFAULT_USER.to_owned() }) };
    let name = user.get_ref();
    let shaped = |byte: u8| byte.is_ascii_alphanumeric() || b"._-$".contains(&byte);
    if name.is_empty() || name.len() > 32 || !name.bytes().all(shaped) {
        return Err(source.invalid(&user.span(), "responder.user", name, "is not the name of a user", ACCEPTED));
    }
    if name == "root" || name.parse() == Ok(0_u32) {
        return Err(source.invalid(&user.span(), "responder.user", name, "could touch everything", ACCEPTED));
    }
    Ok(Responder { user: user.into_inner() })
}
