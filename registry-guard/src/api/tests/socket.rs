use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::api::socket::{SocketError, bind};

#[tokio::test]
async fn only_owner_and_group_may_write_to_the_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/registry-guard/control.sock");
    let socket = bind(&path).unwrap();
    let metadata = fs::symlink_metadata(&path).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o660);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    drop(socket);
    assert!(!path.exists());
}

#[tokio::test]
async fn the_socket_of_an_agent_that_has_ended_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let socket = bind(&path).unwrap();
    UnixStream::connect(&path).unwrap();
    drop(socket);
}

#[tokio::test]
async fn a_second_agent_is_refused_and_the_first_goes_on() {
    let served = Served::new();
    let error = bind(&served.socket()).unwrap_err();
    assert!(matches!(error, SocketError::Answered { .. }), "{error}");
    assert!(error.to_string().contains("control.sock: another agent answers on it; stop that one"), "{error}");
    assert_eq!(served.get(&contoso()).await.status, 200);
}

#[tokio::test]
async fn an_agent_too_busy_to_answer_is_still_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let _busy = bind(&path).unwrap();
    let mut waiting = Vec::new();
    loop {
        let caller = tokio::net::UnixStream::connect(&path);
        match tokio::time::timeout(std::time::Duration::from_millis(200), caller).await {
            Ok(Ok(caller)) => waiting.push(caller),
            _ => break,
        }
        assert!(waiting.len() < 10_000);
    }
    assert!(matches!(bind(&path), Err(SocketError::Answered { .. })));
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    fs::write(&path, "precious").unwrap();
    assert!(matches!(bind(&path), Err(SocketError::NotASocket { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/nowhere", &path).unwrap();
    assert!(matches!(bind(&path), Err(SocketError::NotASocket { .. })));
    let error = bind(&folder.path().join("control.sock/below")).unwrap_err();
    assert!(error.to_string().contains("cannot make its folder"), "{error}");
    let long = folder.path().join("a".repeat(120));
    let error = bind(&long).unwrap_err().to_string();
    assert!(error.contains("accepted: at most 107"), "{error}");
}

#[tokio::test]
async fn a_socket_that_took_the_place_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let first = bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let _second = bind(&path).unwrap();
    drop(first);
    UnixStream::connect(&path).unwrap();
}

#[tokio::test]
async fn stopping_finishes_what_has_begun_and_removes_the_file() {
    let mut served = Served::new();
    let mut begun = tokio::net::UnixStream::connect(served.socket()).await.unwrap();
    let head = format!("PATCH {} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{", contoso());
    begun.write_all(head.as_bytes()).await.unwrap();
    let idle = tokio::net::UnixStream::connect(served.socket()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    served.stop.take().unwrap().send(()).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    begun.write_all(b"}").await.unwrap();
    let mut answer = String::new();
    begun.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("Contoso"), "{answer}");
    let socket = served.socket();
    served.ended.await.unwrap().unwrap();
    assert!(!socket.exists());
    drop(idle);
}
