//! The doors: TLS and plain HTTP on one port, bodies that nobody reads, limits, and an orderly end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use sse::RequireHttps;
use std::sync::Arc;
use std::time::Duration;
use strongroom_gateway::TlsSlot;
use support::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SSE: &str = "x-amz-server-side-encryption";

struct Certificate {
    slot: Arc<TlsSlot>,
    client: tokio_rustls::TlsConnector,
}

fn config() -> (rustls::ServerConfig, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let der = CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![der.clone()], key);
    (config.unwrap(), der)
}

fn connector(trusted: CertificateDer<'static>) -> tokio_rustls::TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted).unwrap();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    tokio_rustls::TlsConnector::from(Arc::new(config))
}

fn certificate() -> Certificate {
    let (server, der) = config();
    Certificate { slot: Arc::new(TlsSlot::new(Arc::new(server))), client: connector(der) }
}

async fn over_tls(call: support::Call, server: &Server, client: &tokio_rustls::TlsConnector) -> support::Answer {
    let stream = TcpStream::connect(server.data).await.unwrap();
    let stream = client.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
    call.send_over(TokioIo::new(stream)).await
}

#[tokio::test]
async fn one_port_speaks_http_and_tls_and_sse_kms_needs_tls() {
    let tls = certificate();
    let server = Server::with(|_| {}, RequireHttps::Strict, Some(Arc::clone(&tls.slot))).await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    let plain = server.s3("PUT", "/bkt/o").header(SSE, "aws:kms").body("x").send().await;
    plain.expect_error(400, "InvalidRequest");
    let sealed = server.s3("PUT", "/bkt/o").header(SSE, "aws:kms").body("x");
    over_tls(sealed, &server, &tls.client).await.expect(200);
    server.s3("GET", "/bkt/o").send().await.expect_error(400, "InvalidRequest");
    assert_eq!(over_tls(server.s3("GET", "/bkt/o"), &server, &tls.client).await.expect(200).text(), "x");
    server.stop().await;
}

#[tokio::test]
async fn a_new_certificate_serves_new_connections() {
    let tls = certificate();
    let server = Server::with(|_| {}, RequireHttps::Off, Some(Arc::clone(&tls.slot))).await;
    over_tls(server.s3("GET", "/"), &server, &tls.client).await.expect(200);
    let (renewed, der) = config();
    tls.slot.replace(Arc::new(renewed));
    over_tls(server.s3("GET", "/"), &server, &connector(der)).await.expect(200);
    let stream = TcpStream::connect(server.data).await.unwrap();
    let old = tls.client.connect(ServerName::try_from("localhost").unwrap(), stream).await;
    assert!(old.is_err(), "the old certificate is gone");
    server.stop().await;
}

/// Sends `wire` and reads until the server closes.
async fn raw(server: &Server, wire: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.data).await.unwrap();
    stream.write_all(wire).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_refused_upload_that_waits_is_told_at_once_and_never_invited() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    let wire = "PUT /bkt/o HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\nexpect: 100-continue\r\n\r\n";
    let answer = raw(&server, wire.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("connection: close"));
    assert!(!answer.contains("100 Continue"));
    server.stop().await;
}

#[tokio::test]
async fn lists_of_parts_and_objects_are_asked_for_only_of_those_who_may() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    let upload = format!("/bkt/o?uploadId={}", "a".repeat(32));
    for (target, code) in [(upload.as_str(), "NoSuchUpload"), ("/absent?delete", "NoSuchBucket")] {
        let call = server.v2("POST", target).header("content-length", "1000000");
        let head = call.header("expect", "100-continue").wire_head();
        let answer = raw(&server, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        assert!(answer.contains(&format!("<Code>{code}</Code>")), "{answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_accepted_upload_that_waits_is_invited() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    let mut call = server.v2("PUT", "/bkt/o").header("content-length", "5").header("expect", "100-continue");
    let head = call.wire_head();
    let mut stream = TcpStream::connect(server.data).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut invited = [0; 25];
    stream.read_exact(&mut invited).await.unwrap();
    assert_eq!(&invited, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn a_little_unread_body_leaves_the_connection_usable() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    let refused = "PUT /bkt/o HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello";
    let probe = "HEAD /?apiversion HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = raw(&server, format!("{refused}{probe}").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains("HTTP/1.1 200 OK"), "the second request on the same connection: {answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_large_unread_body_is_answered_and_not_reset() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    let mut stream = TcpStream::connect(server.data).await.unwrap();
    let length = 64 * 1024 * 1024;
    let head = format!("PUT /bkt/o HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let sender = tokio::spawn(async move {
        let piece = vec![0; 1024 * 1024];
        for _ in 0..length / piece.len() {
            writer.write_all(&piece).await?;
        }
        writer.shutdown().await
    });
    let mut answer = Vec::new();
    reader.read_to_end(&mut answer).await.expect("the answer comes before any reset");
    let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 403") && answer.contains("connection: close"), "{answer}");
    sender.await.unwrap().expect("what still came was read off");
    server.stop().await;
}

#[tokio::test]
async fn heads_are_bounded() {
    let server = Server::start().await;
    let large = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(70 * 1024));
    assert!(raw(&server, large.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(300));
    assert!(raw(&server, many.as_bytes()).await.starts_with("HTTP/1.1 431"));
    assert!(raw(&server, b"\x00\x01\x02 nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    server.stop().await;
}

#[tokio::test]
async fn a_request_with_two_hosts_is_refused() {
    let server = Server::start().await;
    let answer = raw(&server, b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("<Code>InvalidRequest</Code>"), "{answer}");
    let answer = raw(&server, b"GET http://evil/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn connections_beyond_the_cap_are_closed() {
    let server = Server::with(|config| config.limits.connections_max = 1, RequireHttps::Off, None).await;
    let mut first = TcpStream::connect(server.data).await.unwrap();
    first.write_all(b"HEAD /?apiversion HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    first.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let mut second = TcpStream::connect(server.data).await.unwrap();
    let mut nothing = Vec::new();
    // Closed or reset, but never answered.
    let _ = second.read_to_end(&mut nothing).await;
    assert!(nothing.is_empty());
    drop(first);
    server.stop().await;
}

#[tokio::test]
async fn a_silent_head_and_a_stalled_body_end() {
    let short = Duration::from_millis(50);
    let server = Server::with(
        |config| {
            config.limits.header_timeout = short;
            config.limits.idle_timeout = short;
        },
        RequireHttps::Off,
        None,
    )
    .await;
    assert_eq!(raw(&server, b"").await, "", "a connection that says nothing is closed");
    assert!(!raw(&server, b"GET / HTTP/1.1\r\nhost").await.contains("200 OK"));
    server.s3("PUT", "/bkt").send().await.expect(200);
    let mut call = server.v2("PUT", "/bkt/o").header("content-length", "5");
    let head = call.wire_head();
    let answer = raw(&server, format!("{head}he").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("<Code>RequestTimeout</Code>"), "{answer}");
    server.s3("GET", "/bkt/o").send().await.expect_error(404, "NoSuchKey");
    server.stop().await;
}

#[tokio::test]
async fn a_stopping_server_ends_requests_under_way_and_rests_of_connections() {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    let mut call = server.v2("PUT", "/bkt/o").header("content-length", "5").header("expect", "100-continue");
    let head = call.wire_head();
    let mut under_way = TcpStream::connect(server.data).await.unwrap();
    under_way.write_all(head.as_bytes()).await.unwrap();
    let mut invited = [0; 25];
    under_way.read_exact(&mut invited).await.unwrap();
    // A connection that rests after a request, so that it is known to have been taken.
    let mut idle = TcpStream::connect(server.data).await.unwrap();
    idle.write_all(b"HEAD /?apiversion HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(idle.read_u8().await.unwrap());
    }
    server.begin_stop();
    let mut nothing = Vec::new();
    idle.read_to_end(&mut nothing).await.unwrap();
    assert!(nothing.is_empty());
    under_way.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    under_way.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.stop().await;
}
