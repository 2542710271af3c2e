use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;

/// The most bytes of a body that replaces whole lists.
pub(super) const MOST_BYTES_OF_LISTS: usize = 512 << 20;

/// The most bytes of any other body.
pub(super) const MOST_BYTES: usize = 16 << 20;

/// The body of a request, not yet read as JSON.
pub(super) struct Body(Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection: BytesRejection| {
            let status = rejection.status();
            if status == StatusCode::PAYLOAD_TOO_LARGE {
                let message = format!(
                    "the body is too large; accepted: {} MiB where whole lists of rules are replaced, {} MiB elsewhere",
                    MOST_BYTES_OF_LISTS >> 20,
                    MOST_BYTES >> 20
                );
                return Refusal::new(status, "RequestEntityTooLarge", message);
            }
            Refusal::new(StatusCode::BAD_REQUEST, "InvalidRequestContent", rejection.body_text())
        })
    }
}

impl Body {
    /// The body as JSON of one shape; an error names the place in it.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let refuse = |problem: &str| {
            Refusal::new(StatusCode::BAD_REQUEST, "InvalidRequestContent", format!("the body is not valid: {problem}"))
        };
        // A list of values in the right order would else pass for an object.
        if self.0.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
            return Err(refuse("expected a JSON object"));
        }
        serde_json::from_slice(&self.0).map_err(|_| {
            // Only a bad body is read twice: keeping track of the place costs time.
            let mut reader = serde_json::Deserializer::from_slice(&self.0);
            let message = match serde_path_to_error::deserialize::<_, T>(&mut reader) {
                Err(error) if error.path().iter().next().is_some() => format!("{}: {}", error.path(), error.inner()),
                Err(error) => error.inner().to_string(),
                Ok(_) => "something follows the JSON value".to_owned(),
            };
            refuse(&message)
        })
    }

    /// As [`read`](Self::read); no body at all stands for what nothing was said about.
    pub(super) fn read_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Refusal> {
        if self.0.is_empty() { Ok(T::default()) } else { self.read() }
    }
}
