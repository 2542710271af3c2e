//! Tokens: JSON Web Tokens (RFC 7519) of one form, signed with HMAC-SHA256. A library for every algorithm would have to be told
//! which of them not to believe; here the header is compared, not read.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Principal;
use super::signing_key::SigningKey;

/// The only header there is: `{"alg":"HS256","typ":"JWT"}`.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// The most bytes of a token that is looked at. Ours have some 700.
const MOST_BYTES: usize = 4096;

/// Why a token is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// Not of this form, or signed by somebody else, or altered.
    #[error("the token was not issued by this host, or was altered")]
    NotOurs,
    /// Its time is over.
    #[error("the token of {id} expired {ago} seconds ago; log in again")]
    Expired {
        /// Whose it was.
        id: Uuid,
        /// Seconds since it expired, from 0.
        ago: u64,
    },
    /// Its time has not come, so the clock of this host went back.
    #[error("the token of {id} does not count yet")]
    NotYet {
        /// Whose it is.
        id: Uuid,
    },
    /// config.toml no longer names the principal, or names it with another secret or other roles.
    #[error("the principal {id} is gone, or was changed since it got the token; log in again")]
    Gone {
        /// Who it was.
        id: Uuid,
    },
}

/// What a token says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    oid: Uuid,
    appid: Uuid,
    tid: Uuid,
    /// The principal as it was.
    state: String,
    uti: Uuid,
    iat: u64,
    nbf: u64,
    exp: u64,
}

/// Who issues tokens, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issuer {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) tenant: Uuid,
}

/// A token for `principal` that counts for `lifetime` seconds from `now`, which counts from 1970.
pub(super) fn issue(key: &SigningKey, by: &Issuer, principal: &Principal, now: u64, lifetime: u64) -> Option<String> {
    let claims = Claims {
        iss: by.issuer.clone(),
        aud: by.audience.clone(),
        sub: principal.id,
        oid: principal.id,
        appid: principal.id,
        tid: by.tenant,
        state: state(key, principal),
        uti: Uuid::new_v4(),
        iat: now,
        nbf: now,
        exp: now.saturating_add(lifetime),
    };
    let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims).ok()?);
    let signed = format!("{HEADER}.{claims}");
    let tag = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
    Some(format!("{signed}.{tag}"))
}

/// The principal whose token this is, if it counts at `now`. RFC 7519, section 4.1.4: not on the second at which it expires.
pub(super) fn check<'p>(
    key: &SigningKey,
    by: &Issuer,
    principals: &'p [Arc<Principal>],
    token: &str,
    now: u64,
) -> Result<&'p Arc<Principal>, TokenError> {
    let claims = signed_claims(key, token).ok_or(TokenError::NotOurs)?;
    if claims.iss != by.issuer || claims.aud != by.audience || claims.tid != by.tenant {
        return Err(TokenError::NotOurs);
    }
    let id = claims.oid;
    if now >= claims.exp {
        return Err(TokenError::Expired { id, ago: now - claims.exp });
    }
    if now < claims.nbf {
        return Err(TokenError::NotYet { id });
    }
    let principal = principals.iter().find(|principal| principal.id == id);
    principal.filter(|principal| state(key, principal) == claims.state).ok_or(TokenError::Gone { id })
}

/// What stands in a token that this key has signed. Nothing of it is looked at before the signature.
fn signed_claims(key: &SigningKey, token: &str) -> Option<Claims> {
    if token.len() > MOST_BYTES {
        return None;
    }
    let (signed, tag) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    if header != HEADER || !key.has_signed(signed.as_bytes(), &tag) {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

/// What changes when the principal's secret or roles do. It tells nothing about them without the key.
fn state(key: &SigningKey, principal: &Principal) -> String {
    let mut grants: Vec<String> =
        principal.grants.iter().map(|grant| format!("{:?} {}", grant.role, grant.registry.to_lowercase())).collect();
    grants.sort();
    let whole = format!("{} {} {}", principal.id, principal.secret_hash.as_str(), grants.join(","));
    URL_SAFE_NO_PAD.encode(key.sign(whole.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Grant, Role, SecretHash};

    const HOUR: u64 = 3600;
    const NOW: u64 = 1_800_000_000;

    struct Desk {
        key: SigningKey,
        by: Issuer,
        principals: Vec<Arc<Principal>>,
    }

    impl Desk {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let by = Issuer {
                issuer: "https://guard.example.com/t/v2.0".to_owned(),
                audience: "https://guard.example.com".to_owned(),
                tenant: Uuid::from_u128(7),
            };
            Self {
                key: SigningKey::load(folder.path()).unwrap(),
                by,
                principals: vec![principal(1), principal(2)].into_iter().map(Arc::new).collect(),
            }
        }

        fn issue(&self) -> String {
            issue(&self.key, &self.by, &self.principals[1], NOW, HOUR).unwrap()
        }

        fn check(&self, token: &str, now: u64) -> Result<u128, TokenError> {
            check(&self.key, &self.by, &self.principals, token, now).map(|principal| principal.id.as_u128())
        }
    }

    fn principal(id: u128) -> Principal {
        let secret_hash = SecretHash::parse(
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8",
        );
        let grants = vec![
            Grant { role: Role::Reader, registry: "contoso".to_owned() },
            Grant { role: Role::Contributor, registry: "fabrikam".to_owned() },
        ];
        Principal { id: Uuid::from_u128(id), name: format!("p{id}"), secret_hash: secret_hash.unwrap(), grants }
    }

    #[test]
    fn a_token_is_of_whom_it_was_issued_to_until_the_second_it_expires() {
        let desk = Desk::new();
        let token = desk.issue();
        assert_eq!(URL_SAFE_NO_PAD.decode(HEADER).unwrap(), br#"{"alg":"HS256","typ":"JWT"}"#);
        assert_eq!(desk.check(&token, NOW), Ok(2));
        assert_eq!(desk.check(&token, NOW + HOUR - 1), Ok(2));
        let id = Uuid::from_u128(2);
        assert_eq!(desk.check(&token, NOW + HOUR), Err(TokenError::Expired { id, ago: 0 }));
        assert_eq!(desk.check(&token, NOW + HOUR + 5), Err(TokenError::Expired { id, ago: 5 }));
        assert_eq!(desk.check(&token, NOW - 1), Err(TokenError::NotYet { id }));
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let desk = Desk::new();
        let token = desk.issue();
        for at in 0..token.len() {
            let mut altered = token.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(desk.check(&altered, NOW), Err(TokenError::NotOurs), "character {at}");
        }
        for length in 0..token.len() {
            assert_eq!(desk.check(&token[..length], NOW), Err(TokenError::NotOurs), "length {length}");
        }
        for more in ["A", "=", ".", " "] {
            assert_eq!(desk.check(&format!("{token}{more}"), NOW), Err(TokenError::NotOurs), "{more:?} more");
        }
        assert_eq!(desk.check(&"A".repeat(1 << 20), NOW), Err(TokenError::NotOurs));
    }

    #[test]
    fn no_other_algorithm_counts() {
        let desk = Desk::new();
        let token = desk.issue();
        let parts: Vec<&str> = token.split('.').collect();
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"none","typ":"JWT"}"#, r#"{"typ":"JWT","alg":"HS256"}"#] {
            let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), parts[1]);
            let tag = URL_SAFE_NO_PAD.encode(desk.key.sign(signed.as_bytes()));
            for tag in ["", parts[2], &tag] {
                assert_eq!(desk.check(&format!("{signed}.{tag}"), NOW), Err(TokenError::NotOurs), "{header} {tag}");
            }
        }
    }

    #[test]
    fn a_token_of_another_key_host_or_tenant_does_not_count() {
        let (desk, other) = (Desk::new(), Desk::new());
        assert_eq!(desk.check(&other.issue(), NOW), Err(TokenError::NotOurs));
        for by in [
            Issuer { issuer: "https://other.example.com/t/v2.0".to_owned(), ..desk.by.clone() },
            Issuer { audience: "https://other.example.com".to_owned(), ..desk.by.clone() },
            Issuer { tenant: Uuid::from_u128(8), ..desk.by.clone() },
        ] {
            let token = issue(&desk.key, &by, &desk.principals[1], NOW, HOUR).unwrap();
            assert_eq!(desk.check(&token, NOW), Err(TokenError::NotOurs), "{by:?}");
        }
    }

    #[test]
    fn a_principal_that_is_gone_or_was_changed_has_no_token() {
        let mut desk = Desk::new();
        let token = desk.issue();
        let gone = Err(TokenError::Gone { id: Uuid::from_u128(2) });
        let changed = |change: fn(&mut Principal)| {
            let mut principal = principal(2);
            change(&mut principal);
            Arc::new(principal)
        };
        desk.principals[1] = changed(|principal| {
            principal.grants.reverse();
            principal.name = "renamed".to_owned();
        });
        assert_eq!(desk.check(&token, NOW), Ok(2), "neither the order of roles nor the name says what it may do");
        desk.principals[1] = changed(|principal| principal.grants[0].role = Role::Contributor);
        assert_eq!(desk.check(&token, NOW), gone);
        desk.principals[1] =
            changed(|principal| principal.secret_hash = SecretHash::of(b"another secret of it").unwrap());
        assert_eq!(desk.check(&token, NOW), gone);
        desk.principals.pop();
        assert_eq!(desk.check(&token, NOW), gone);
    }
}
