use std::fmt;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, PasswordHash, Version};

/// The fewest bytes of a secret. Whoever can guess it needs no token.
const LEAST_SECRET: usize = 16;

/// The most bytes of a secret.
const MOST_SECRET: usize = 1024;

/// KiB that one check may need. It is memory that a stranger makes the agent use.
const MOST_MEMORY: u32 = 256 << 10;

/// Passes over that memory.
const MOST_PASSES: u32 = 16;

/// An Argon2id hash (RFC 9106) as a PHC string, which also says how it was made. No log shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash(String);

/// Why something is no hash of a secret, or a secret cannot be hashed. Reads after the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretHashError {
    /// Not in the form of a PHC string.
    #[error("is not the hash of a secret")]
    Malformed,
    /// Made by something else.
    #[error("is not a hash of argon2id, version 19")]
    Algorithm,
    /// Checking it would cost too much.
    #[error("needs more than 256 MiB or 16 passes to check")]
    Costly,
    /// The secret has too few or too many bytes.
    #[error(
        "the secret has {0} bytes; accepted: {LEAST_SECRET} to {MOST_SECRET}, such as `openssl rand -base64 32` prints"
    )]
    Length(usize),
    /// The system gives no random numbers, or no memory.
    #[error("cannot be hashed now")]
    System,
}

impl SecretHash {
    /// Reads a PHC string.
    pub fn parse(text: &str) -> Result<Self, SecretHashError> {
        let hash = PasswordHash::new(text).map_err(|_| SecretHashError::Malformed)?;
        let version = hash.version.unwrap_or_default();
        if hash.algorithm != Algorithm::Argon2id.ident() || version != u32::from(Version::V0x13) {
            return Err(SecretHashError::Algorithm);
        }
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err(SecretHashError::Malformed);
        }
        let parameters = argon2::Params::try_from(&hash).map_err(|_| SecretHashError::Malformed)?;
        if parameters.m_cost() > MOST_MEMORY || parameters.t_cost() > MOST_PASSES {
            return Err(SecretHashError::Costly);
        }
        Ok(Self(text.to_owned()))
    }

    /// Hashes a secret, with a new random salt. Takes some tens of milliseconds.
    pub fn of(secret: &[u8]) -> Result<Self, SecretHashError> {
        if !(LEAST_SECRET..=MOST_SECRET).contains(&secret.len()) {
            return Err(SecretHashError::Length(secret.len()));
        }
        let hash = Argon2::default().hash_password(secret).map_err(|_| SecretHashError::System)?;
        Ok(Self(hash.to_string()))
    }

    /// Whether this is the hash of `secret`. Takes some tens of milliseconds.
    pub fn is_of(&self, secret: &[u8]) -> bool {
        PasswordHash::new(&self.0).is_ok_and(|hash| Argon2::default().verify_password(secret, &hash).is_ok())
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SecretHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_secret_and_of_no_other() {
        let secret = b"correct horse battery staple";
        let hash = SecretHash::of(secret).unwrap();
        assert!(hash.is_of(secret));
        assert!(!hash.is_of(b"correct horse battery stapl") && !hash.is_of(b""));
        assert_eq!(SecretHash::parse(hash.as_str()), Ok(hash.clone()));
        assert_ne!(SecretHash::of(secret).unwrap(), hash, "each has a salt of its own");
        assert_eq!(format!("{hash:?}"), "SecretHash(..)");
    }

    #[test]
    fn what_is_no_hash_or_costs_too_much_is_refused() {
        let hash = SecretHash::of(b"correct horse battery staple").unwrap().as_str().to_owned();
        let tail = hash.split_once("$m=").unwrap().1.split_once('$').unwrap().1.to_owned();
        for (text, error) in [
            ("hunter2".to_owned(), SecretHashError::Malformed),
            (String::new(), SecretHashError::Malformed),
            ("$argon2id$v=19$m=19456,t=2,p=1".to_owned(), SecretHashError::Malformed),
            (hash.replace("argon2id", "argon2i"), SecretHashError::Algorithm),
            (hash.replace("argon2id", "scrypt"), SecretHashError::Algorithm),
            (hash.replace("v=19", "v=16"), SecretHashError::Algorithm),
            (format!("$argon2id$v=19$m=4194304,t=2,p=1${tail}"), SecretHashError::Costly),
            (format!("$argon2id$v=19$m=19456,t=100,p=1${tail}"), SecretHashError::Costly),
        ] {
            assert_eq!(SecretHash::parse(&text), Err(error), "{text}");
        }
        assert_eq!(SecretHash::of(b"short"), Err(SecretHashError::Length(5)));
    }
}
