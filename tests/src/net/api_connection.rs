use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::agent_api::Answer;

/// A connection to the API over the control socket, on which one request follows the other.
#[derive(Debug)]
pub struct ApiConnection(BufReader<UnixStream>);

impl ApiConnection {
    /// How long one answer may take.
    const LIMIT: Duration = Duration::from_mins(2);

    /// Connects to the agent whose control socket this is.
    pub fn open(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).with_context(|| format!("connecting to {}", socket.display()))?;
        for set_timeout in [UnixStream::set_read_timeout, UnixStream::set_write_timeout] {
            set_timeout(&stream, Some(Self::LIMIT))?;
        }
        Ok(Self(BufReader::new(stream)))
    }

    /// One request; `headers` are whole lines.
    pub fn request(&mut self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Result<Answer> {
        let headers = headers.iter().flat_map(|line| [line, "\r\n"]).collect::<String>();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        // At once: a server that refuses what it has read of the head keeps the connection only if the rest is there too.
        let request = [head.as_bytes(), body].concat();
        self.0.get_mut().write_all(&request).context("sending the request")?;
        self.answer().with_context(|| format!("the answer to {method} {path}"))
    }

    fn answer(&mut self) -> Result<Answer> {
        let mut head = self.line()?;
        let status = head.split(' ').nth(1).context("no status")?.parse()?;
        let mut length = 0;
        loop {
            let line = self.line()?;
            head = format!("{head}\r\n{line}");
            let line = line.to_ascii_lowercase();
            ensure!(!line.starts_with("transfer-encoding"), "the body is in chunks");
            if let Some(bytes) = line.strip_prefix("content-length:") {
                length = bytes.trim().parse()?;
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
        Ok(Answer { status, head, body })
    }

    /// A line of the head without its end.
    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line.strip_suffix("\r\n").context("the connection ended within the head")?.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_follow_each_other_on_one_connection() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut connection = ApiConnection(BufReader::new(ours));
        let refusal = b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
        theirs.write_all(refusal).unwrap();
        theirs.write_all(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1").unwrap();
        let answer = connection.request("GET", "/", &[], b"").unwrap();
        assert_eq!((answer.status, answer.body["a"].as_u64()), (412, Some(1)));
        assert_eq!(connection.request("GET", "/", &[], b"").unwrap().body, Value::Null);
        drop(theirs);
        assert!(connection.answer().is_err());
    }
}
