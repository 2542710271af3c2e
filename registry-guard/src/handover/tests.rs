use std::io::Write as _;

use registry_guard_common::Family;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::*;

fn secret(bytes: &[u8]) -> Secret {
    Secret::new(Zeroizing::new(bytes.to_vec()))
}

fn setup() -> Setup {
    Setup {
        number: 1,
        registries: vec![RegistrySetup {
            name: "contoso".to_owned(),
            login_server: "contoso.example.com".to_owned(),
            data_endpoints: Vec::new(),
            endpoints: vec![Endpoint { namespace: 1, address: "[2001:db8::1]:443".parse().unwrap() }],
            certificate: Some(Certificate { chain: "chain\n".to_owned(), key: secret(b"key \xff\n\"") }),
            style: Style::Token,
            help: Some("\u{1f980}".to_owned()),
            answers_per_second: 5,
        }],
        listeners: vec![
            ListenerKey { namespace: 0, family: Family::V4 },
            ListenerKey { namespace: 1, family: Family::V6 },
        ],
    }
}

#[tokio::test]
async fn a_setup_arrives_as_it_was_sent_with_its_sockets() {
    let (one, other) = UnixStream::pair().unwrap();
    let pipes: Vec<_> = (0..2).map(|_| std::io::pipe().unwrap()).collect();
    let descriptors: Vec<_> = pipes.iter().map(|(_, writer)| std::os::fd::AsFd::as_fd(writer)).collect();
    let frame = encode(&setup(), MOST_TO_RESPONDER).unwrap();
    send(&one, &frame, &descriptors).await.unwrap();
    send(&one, &frame, &[]).await.unwrap();
    let mut receiver = FrameReceiver::new(&other);
    let message = receiver.frame(MOST_TO_RESPONDER).await.unwrap().unwrap();
    assert_eq!(decode::<Setup>(&message).unwrap(), setup());
    let sockets = receiver.descriptors(2).unwrap();
    for ((reader, _), socket) in pipes.iter().zip(sockets) {
        let flags = nix::fcntl::fcntl(&socket, nix::fcntl::FcntlArg::F_GETFD).unwrap();
        assert!(nix::fcntl::FdFlag::from_bits_truncate(flags).contains(nix::fcntl::FdFlag::FD_CLOEXEC));
        std::fs::File::from(socket).write_all(b"x").unwrap();
        let mut byte = [0];
        std::io::Read::read_exact(&mut &*reader, &mut byte).unwrap();
        assert_eq!(&byte, b"x");
    }
    assert!(receiver.frame(MOST_TO_RESPONDER).await.unwrap().is_some());
    assert!(matches!(receiver.descriptors(2), Err(FrameError::Descriptors { got: 0, wanted: 2 })));
    drop(one);
    assert!(receiver.frame(MOST_TO_RESPONDER).await.unwrap().is_none());
}

#[test]
fn keys_are_never_shown() {
    let shown = format!("{:?} {:#?}", setup(), setup());
    assert!(shown.contains("Secret(..)") && !shown.contains("key \\") && !shown.contains("6b6579"), "{shown}");
}

#[test]
fn what_is_no_secret_is_refused_without_being_repeated() {
    for digits in ["abc", "zz", "\u{e9}"] {
        let error = serde_json::from_str::<Secret>(&format!("\"{digits}\"")).unwrap_err().to_string();
        assert!(!error.contains(digits), "{error}");
    }
}

#[tokio::test]
async fn frames_that_are_too_long_or_cut_off_are_errors() {
    assert!(matches!(encode(&setup(), 100), Err(FrameError::TooLong { most: 100, .. })));
    for (bytes, told) in
        [(&[0, 0, 1, 1][..], "257 bytes; accepted: at most 256"), (&[0, 0, 0, 9, 1], "within"), (&[0], "within")]
    {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        one.write_all(bytes).await.unwrap();
        drop(one);
        let error = read_frame(&mut other, 256).await.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        let (mut one, other) = UnixStream::pair().unwrap();
        one.write_all(bytes).await.unwrap();
        drop(one);
        let error = FrameReceiver::new(&other).frame(256).await.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn text_in_a_report_is_cleaned_by_who_reads_it() {
    let read: Printable<8> = serde_json::from_str("\"\\u001b[2Jab\u{e9}cdefgh\"").unwrap();
    assert_eq!(read.as_str(), "?[2Jab??");
}

#[test]
fn the_longest_report_fits_into_a_frame() {
    let worst = "\"".repeat(300);
    let report = Answered {
        id: uuid::Uuid::max(),
        time: u64::MAX,
        registry: "a".repeat(50),
        namespace: 255,
        source: "[2001:db8:1111:2222:3333:4444:5555:6666]:65535".parse().unwrap(),
        endpoint: "[2001:db8:1111:2222:3333:4444:5555:6666]:65535".parse().unwrap(),
        status: 403,
        method: Printable::of(worst.as_bytes()),
        path: Printable::of(worst.as_bytes()),
        user_agent: Printable::of(worst.as_bytes()),
        left_out: u64::MAX,
    };
    assert!(encode(&ToAgent::Answered(report), MOST_TO_AGENT).unwrap().len() < 2000);
}

#[test]
fn random_messages_are_refused_without_a_panic() {
    let good = serde_json::to_vec(&setup()).unwrap();
    for position in 0..good.len() {
        for byte in [0, b'"', b'{', b'9', 0xff] {
            let mut bad = good.clone();
            bad[position] = byte;
            let _ = decode::<Setup>(&bad);
            let _ = decode::<ToAgent>(&bad);
        }
        assert!(decode::<Setup>(&good[..position]).is_err());
    }
}

mod certificates {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn pair() -> Certificate {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["contoso.example.com".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2001, 2, 3);
        params.not_before = rcgen::date_time_ymd(2000, 2, 3);
        Certificate { chain: params.self_signed(&key).unwrap().pem(), key: secret(key.serialize_pem().as_bytes()) }
    }

    #[test]
    fn a_pair_is_accepted_even_when_it_has_expired() {
        let pair = pair();
        pair.certified_key().unwrap();
        let not_after = pair.not_after().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(not_after.as_secs(), 981_158_400);
    }

    #[test]
    fn what_is_wrong_is_said_of_the_file_that_is_wrong() {
        let good = pair();
        let with_chain = |chain: &str| Certificate { chain: chain.to_owned(), ..good.clone() }.certified_key();
        let with_key = |key: &[u8]| Certificate { key: secret(key), ..good.clone() }.certified_key();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (result, told) in [
            (with_chain(""), "holds no certificate; accepted: PEM"),
            (with_chain("-----BEGIN CERTIFICATE-----\nAAAA\n"), "is not PEM"),
            (with_chain(broken), "holds a certificate that cannot be used"),
        ] {
            let error = result.unwrap_err();
            assert!(!error.is_of_key() && error.to_string().contains(told), "{error}");
        }
        for (result, told) in [
            (with_key(b""), "holds no private key; accepted: PEM"),
            (with_key(good.chain.as_bytes()), "holds no private key"),
            (with_key(b"-----BEGIN PRIVATE KEY-----\n*\n-----END PRIVATE KEY-----\n"), "is not PEM"),
            (with_key(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "cannot be used"),
            (with_key(pair().key.bytes()), "does not belong to the certificate"),
        ] {
            let error = result.unwrap_err();
            assert!(error.is_of_key() && error.to_string().contains(told), "{error}");
        }
    }
}
