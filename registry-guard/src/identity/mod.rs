//! Who may call the API over TLS: principals with their secrets and roles, and the tokens that they get for their secrets.

mod door;
mod principal;
mod secret_hash;
mod signing_key;
mod token;

pub use principal::{EVERY_REGISTRY, Grant, Principal, Role};
pub use secret_hash::{SecretHash, SecretHashError};

pub(crate) use door::{Door, Issued, TurnedAway};
pub(crate) use signing_key::SigningKeyError;
pub(crate) use token::TokenError;
