use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;
use crate::json_object;
use crate::policy::ServiceTagFile;

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
                    "the body is too large; accepted: {} MiB where whole lists of rules are replaced, {} MiB for a file of service tags, {} MiB elsewhere",
                    MOST_BYTES_OF_LISTS >> 20,
                    ServiceTagFile::MOST_BYTES >> 20,
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
        json_object::read(&self.0).map_err(|problem| {
            let message = format!("the body is not valid: {problem}");
            Refusal::new(StatusCode::BAD_REQUEST, "InvalidRequestContent", message)
        })
    }

    /// As [`read`](Self::read); no body at all stands for what nothing was said about.
    pub(super) fn read_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Refusal> {
        if self.0.is_empty() { Ok(T::default()) } else { self.read() }
    }
}
