use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// An answer as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A client of one address.
pub(super) struct Client(pub(super) SocketAddr);

impl Client {
    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.0).await.unwrap()
    }

    pub(super) async fn tls(&self, config: &Arc<ClientConfig>, name: &str) -> TlsStream<TcpStream> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::clone(config)).connect(name, self.connect().await).await.unwrap()
    }

    /// A request in plain HTTP/1.1, as it stands on the wire.
    pub(super) async fn raw(&self, request: &str) -> String {
        exchange(self.connect().await, request).await
    }
}

/// Sends a request and reads until the other side ends.
pub(super) async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

pub(super) fn request(method: &str, uri: &str) -> Request<Empty<Bytes>> {
    Request::builder().method(method).uri(uri).header("user-agent", "test/1").body(Empty::new()).unwrap()
}

pub(super) async fn http1<S>(stream: S, mut request: Request<Empty<Bytes>>) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    request.headers_mut().entry("host").or_insert_with(|| "contoso.example.com".parse().unwrap());
    answer(sender.send_request(request).await.unwrap()).await
}

pub(super) async fn http2<S>(stream: S, requests: Vec<Request<Empty<Bytes>>>) -> Vec<Answer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let sent: Vec<_> = requests.into_iter().map(|request| sender.send_request(request)).collect();
    let mut answers = Vec::new();
    for sent in sent {
        answers.push(answer(sent.await.unwrap()).await);
    }
    answers
}

async fn answer(answer: hyper::Response<hyper::body::Incoming>) -> Answer {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: head.status, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}
