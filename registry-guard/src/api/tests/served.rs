use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::agent::Denials;
use crate::api::backend::Backend as _;
use crate::api::serve::serve_backend;
use crate::api::socket::bind;
use crate::api::stand_in::StandIn;

/// The API on a socket, with a stand-in behind it.
pub(super) struct Served {
    pub(super) denials: Denials,
    pub(super) folder: tempfile::TempDir,
    pub(super) stop: Option<oneshot::Sender<()>>,
    pub(super) ended: JoinHandle<std::io::Result<()>>,
}

/// What came back.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) length: usize,
}

impl Served {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = bind(&folder.path().join("control.sock")).unwrap();
        let (stop, stopped) = oneshot::channel();
        let backend = Arc::new(StandIn::new());
        let denials = backend.denials().clone();
        let ended = tokio::spawn(serve_backend(socket, backend, async {
            let _ = stopped.await;
        }));
        Self { denials, folder, stop: Some(stop), ended }
    }

    /// These routes, with nothing between them and the caller.
    pub(super) fn routes(routes: Router) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = bind(&folder.path().join("control.sock")).unwrap();
        let ended = tokio::spawn(axum::serve(socket, routes).into_future());
        Self { denials: Denials::default(), folder, stop: None, ended }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    pub(super) async fn get(&self, path: &str) -> Answered {
        self.ask("GET", path, &[], Vec::new()).await
    }

    pub(super) async fn send(&self, method: &str, path: &str, body: &Value) -> Answered {
        self.ask(method, path, &[], body.to_string().into_bytes()).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answered {
        self.ask("DELETE", path, &[], Vec::new()).await
    }

    pub(super) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answered {
        let stream = UnixStream::connect(self.socket()).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        connection.abort();
        if !bytes.is_empty() {
            assert_eq!(parts.headers["content-type"], "application/json; charset=utf-8", "{method} {path}");
        }
        Answered {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() },
            length: bytes.len(),
        }
    }
}
