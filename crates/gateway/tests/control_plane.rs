//! The control plane over TCP: health, metrics and the KMS API.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use support::{Server, Signed};

async fn create_key(server: &Server, signed: Signed) -> support::Answer {
    server
        .control("POST", "/", signed)
        .header("x-amz-target", "TrentService.CreateKey")
        .header("content-type", "application/x-amz-json-1.1")
        .body("{}")
        .send()
        .await
}

#[tokio::test]
async fn health_and_metrics_need_no_signature_and_nothing_else_goes_without() {
    let server = Server::start().await;
    for (path, text) in [("/health/live", "live"), ("/health/ready", "ready"), ("/metrics", "strongroom_requests")] {
        let answer = server.control("GET", path, Signed::Not).send().await.expect(200);
        assert!(answer.text().contains(text), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    // The versions of the Huawei KMS API are told to anybody, as in the cloud; nothing else is told there.
    let answer = server.control("GET", "/", Signed::Not).send().await.expect(200);
    assert!(answer.text().contains("v1.0"), "{}", answer.text());
    for path in ["/health", "/metrics/x", "/debug/pprof", "/bkt/o"] {
        let answer = server.control("GET", path, Signed::Not).send().await.expect(404);
        assert!(answer.text().contains("UnknownOperationException"));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_signed_request_makes_a_key() {
    let server = Server::start().await;
    let answer = create_key(&server, Signed::V4Kms).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(answer.header("x-amzn-requestid").len(), 32);
    assert!(answer.text().contains("\"KeyId\""), "{}", answer.text());
    server.stop().await;
}

#[tokio::test]
async fn unsigned_wrongly_signed_and_altered_requests_are_refused() {
    let server = Server::start().await;
    let refused = |answer: support::Answer, status: u16, kind: &str| {
        let answer = answer.expect(status);
        assert!(answer.text().contains(kind), "{}", answer.text());
    };
    refused(create_key(&server, Signed::Not).await, 403, "MissingAuthenticationTokenException");
    let v2 = Signed::Legacy(strongroom_gateway::auth::Dialect::S3, None);
    refused(create_key(&server, v2).await, 403, "MissingAuthenticationTokenException");
    refused(create_key(&server, Signed::V4).await, 403, "InvalidSignatureException");
    let wrong = server.control("POST", "/", Signed::V4Kms).header("x-amz-target", "TrentService.ListKeys");
    refused(wrong.secret("wrong").body("{}").send().await, 403, "InvalidSignatureException");
    let large = server.control("POST", "/", Signed::V4Kms).header("x-amz-target", "TrentService.ListKeys");
    refused(large.body(vec![b' '; 64 * 1024 + 1]).send().await, 400, "ValidationException");
    let unknown = server.control("POST", "/", Signed::V4Kms).header("x-amz-target", "TrentService.Nonsense");
    refused(unknown.body("{}").send().await, 400, "UnknownOperationException");
    server.stop().await;
}
