//! ACLs, policies, public access, ownership and tags over TCP, in both dialects: what stands in docs/dialects, with the same
//! words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use support::Server;

const EVERYONE_READS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",
    "Action":"s3:GetObject","Resource":"arn:aws:s3:::bkt/open/*"}]}"#;

async fn started() -> Server {
    let server = Server::start().await;
    server.s3("PUT", "/bkt").send().await.expect(200);
    server
}

#[tokio::test]
async fn an_acl_is_given_in_one_vocabulary_and_shown_in_both() {
    let server = started().await;
    let put = server.obs("PUT", "bkt", "/o").header("x-obs-acl", "public-read").body("open").send().await;
    put.expect(200);
    assert_eq!(server.unsigned("GET", "/bkt/o").send().await.expect(200).text(), "open");
    let s3 = server.s3("GET", "/bkt/o?acl").send().await.expect(200);
    assert!(s3.text().contains("xsi:type=\"Group\"") && s3.text().contains("groups/global/AllUsers"), "{}", s3.text());
    let obs = server.obs("GET", "bkt", "/o?acl").send().await.expect(200);
    assert!(obs.text().contains("<Canned>Everyone</Canned>"), "{}", obs.text());
    // A document of S3 through OBS, and the reverse.
    server.obs("PUT", "bkt", "/?acl").body(s3.body).send().await.expect(200);
    server.unsigned("GET", "/bkt").send().await.expect(200);
    server.s3("PUT", "/bkt/o?acl").header("x-amz-acl", "private").send().await.expect(200);
    server.unsigned("GET", "/bkt/o").send().await.expect_error(403, "AccessDenied");
    server.s3("PUT", "/bkt/o?acl").body(obs.body).send().await.expect(200);
    server.unsigned("GET", "/bkt/o").send().await.expect(200);
    server.stop().await;
}

#[tokio::test]
async fn an_acl_that_cannot_be_read_is_refused() {
    let server = started().await;
    server.s3("PUT", "/bkt/o").body("x").send().await.expect(200);
    server.s3("PUT", "/bkt?acl").send().await.expect_error(400, "MissingSecurityHeader");
    server.s3("PUT", "/bkt?acl").body("<x>").send().await.expect_error(400, "MalformedACLError");
    let both = server.s3("PUT", "/bkt?acl").header("x-amz-acl", "private").header("x-amz-grant-read", "id=a");
    both.send().await.expect_error(400, "InvalidRequest");
    let both = server.s3("PUT", "/bkt?acl").header("x-amz-acl", "private").body("<AccessControlPolicy/>");
    both.send().await.expect_error(400, "InvalidRequest");
    let unknown = server.s3("PUT", "/bkt/o").header("x-amz-acl", "everything").body("y").send().await;
    unknown.expect_error(400, "InvalidArgument");
    assert_eq!(server.s3("GET", "/bkt/o").send().await.expect(200).text(), "x");
    // Existence and rights come first.
    server.s3("PUT", "/missing?acl").body("<x>").send().await.expect_error(404, "NoSuchBucket");
    server.s3("PUT", "/bkt/absent?acl").body("<x>").send().await.expect_error(404, "NoSuchKey");
    server.unsigned("PUT", "/bkt?acl").body("<x>").send().await.expect_error(403, "AccessDenied");
    server.stop().await;
}

#[tokio::test]
async fn a_policy_comes_back_to_the_byte() {
    let server = started().await;
    server.s3("GET", "/bkt?policy").send().await.expect_error(404, "NoSuchBucketPolicy");
    server.s3("PUT", "/bkt/open/o").body("x").send().await.expect(200);
    server.s3("PUT", "/bkt/closed").body("x").send().await.expect(200);
    server.s3("PUT", "/bkt?policy").body(EVERYONE_READS).send().await.expect(204);
    let got = server.obs("GET", "bkt", "/?policy").send().await.expect(200);
    assert_eq!((got.text().as_str(), got.header("content-type")), (EVERYONE_READS, "application/json"));
    assert_eq!(server.s3("GET", "/bkt?policyStatus").send().await.expect(200).element("IsPublic"), "true");
    assert_eq!(server.obs("GET", "bkt", "/?bucketStatus").send().await.expect(200).element("IsPublic"), "true");
    server.unsigned("GET", "/bkt/open/o").send().await.expect(200);
    server.unsigned("GET", "/bkt/closed").send().await.expect_error(403, "AccessDenied");
    for _ in 0..2 {
        server.s3("DELETE", "/bkt?policy").send().await.expect(204);
    }
    server.unsigned("GET", "/bkt/open/o").send().await.expect_error(403, "AccessDenied");
    server.stop().await;
}

#[tokio::test]
async fn a_policy_that_is_refused_is_told_what_is_wrong_where() {
    let server = started().await;
    let bad = EVERYONE_READS.replace("\"Allow\"", "\"Permit\"");
    let refused = server.s3("PUT", "/bkt?policy").body(bad).send().await.expect_error(400, "MalformedPolicy");
    assert!(refused.element("Message").contains("Statement[0].Effect"), "{}", refused.text());
    let foreign = EVERYONE_READS.replace(":::bkt/", ":::other/");
    server.s3("PUT", "/bkt?policy").body(foreign).send().await.expect_error(400, "MalformedPolicy");
    let long = format!("{EVERYONE_READS}{}", " ".repeat(20 * 1024));
    server.obs("PUT", "bkt", "/?policy").body(long).send().await.expect_error(400, "MalformedPolicy");
    server.s3("GET", "/bkt?policy").send().await.expect_error(404, "NoSuchBucketPolicy");
    server.stop().await;
}

#[tokio::test]
async fn public_access_is_blocked_and_opened() {
    let server = started().await;
    server.s3("GET", "/bkt?publicAccessBlock").send().await.expect_error(404, "NoSuchPublicAccessBlockConfiguration");
    server.s3("PUT", "/bkt/o").header("x-amz-acl", "public-read").body("x").send().await.expect(200);
    let block = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true\
                 </IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy></PublicAccessBlockConfiguration>";
    server.s3("PUT", "/bkt?publicAccessBlock").body(block).send().await.expect(200);
    let shown = server.obs("GET", "bkt", "/?publicAccessBlock").send().await.expect(200);
    assert_eq!(
        (shown.element("BlockPublicAcls"), shown.element("RestrictPublicBuckets")),
        ("true".into(), "false".into())
    );
    server.unsigned("GET", "/bkt/o").send().await.expect_error(403, "AccessDenied");
    server.s3("PUT", "/bkt?policy").body(EVERYONE_READS).send().await.expect_error(403, "AccessDenied");
    let again = server.s3("PUT", "/bkt/p").header("x-amz-acl", "public-read").body("x").send().await;
    again.expect_error(403, "AccessDenied");
    server.s3("DELETE", "/bkt?publicAccessBlock").send().await.expect(204);
    server.unsigned("GET", "/bkt/o").send().await.expect(200);
    let undigested = server.obs("PUT", "bkt", "/?publicAccessBlock").body(block).send().await;
    undigested.expect_error(400, "InvalidRequest");
    server.stop().await;
}

#[tokio::test]
async fn ownership_switches_acls_off() {
    let server = started().await;
    server.s3("GET", "/bkt?ownershipControls").send().await.expect_error(404, "OwnershipControlsNotFoundError");
    let enforced = "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>\
                    </OwnershipControls>";
    server.s3("PUT", "/bkt?ownershipControls").body(enforced).send().await.expect(200);
    let shown = server.s3("GET", "/bkt?ownershipControls").send().await.expect(200);
    assert_eq!(shown.element("ObjectOwnership"), "BucketOwnerEnforced");
    let put = server.s3("PUT", "/bkt/o").header("x-amz-acl", "public-read").body("x").send().await;
    put.expect_error(400, "AccessControlListNotSupported");
    server.s3("PUT", "/bkt/o").header("x-amz-acl", "bucket-owner-full-control").body("x").send().await.expect(200);
    server.s3("DELETE", "/bkt?ownershipControls").send().await.expect(204);
    server.s3("PUT", "/bkt/o").header("x-amz-acl", "public-read").body("x").send().await.expect(200);
    let create = server.s3("PUT", "/two").header("x-amz-object-ownership", "BucketOwnerEnforced");
    create.send().await.expect(200);
    assert_eq!(
        server.s3("GET", "/two?ownershipControls").send().await.expect(200).element("ObjectOwnership"),
        "BucketOwnerEnforced"
    );
    let unknown = server.s3("PUT", "/three").header("x-amz-object-ownership", "Nobody").send().await;
    unknown.expect_error(400, "InvalidArgument");
    server.stop().await;
}

#[tokio::test]
async fn tags_go_with_an_object_and_are_counted() {
    let server = started().await;
    server.s3("PUT", "/bkt/o").header("x-amz-tagging", "a=1&b=2%203").body("x").send().await.expect(200);
    assert_eq!(server.s3("GET", "/bkt/o").send().await.expect(200).header("x-amz-tagging-count"), "2");
    let tags = server.obs("GET", "bkt", "/o?tagging").send().await.expect(200);
    assert!(tags.text().contains("<TagSet><Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>b</Key><Value>2 3</Value>"));
    // S3 copies the tags, OBS does not.
    server.s3("PUT", "/bkt/s3").header("x-amz-copy-source", "/bkt/o").send().await.expect(200);
    server.obs("PUT", "bkt", "/obs").header("x-obs-copy-source", "/bkt/o").send().await.expect(200);
    assert_eq!(server.s3("HEAD", "/bkt/s3").send().await.expect(200).header("x-amz-tagging-count"), "2");
    assert_eq!(server.s3("HEAD", "/bkt/obs").send().await.expect(200).header("x-amz-tagging-count"), "");
    let document = "<Tagging><TagSet><Tag><Key>c</Key><Value></Value></Tag></TagSet></Tagging>";
    server.s3("PUT", "/bkt/o?tagging").body(document).send().await.expect(200);
    server.obs("PUT", "bkt", "/o?tagging").body(document).send().await.expect_error(400, "InvalidRequest");
    assert_eq!(server.s3("GET", "/bkt/o?tagging").send().await.expect(200).element("Key"), "c");
    server.s3("DELETE", "/bkt/o?tagging").send().await.expect(204);
    assert!(!server.s3("GET", "/bkt/o?tagging").send().await.expect(200).text().contains("<Tag>"));
    let eleven = (0..11).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join("&");
    let many = server.s3("PUT", "/bkt/p").header("x-amz-tagging", &eleven).body("x").send().await;
    many.expect_error(400, "InvalidTag");
    server
        .obs("PUT", "bkt", "/p")
        .header("x-obs-tagging", &eleven)
        .body("x")
        .send()
        .await
        .expect_error(400, "InvalidTagError");
    server.stop().await;
}

#[tokio::test]
async fn a_forwarded_address_counts_from_trusted_proxies_alone() {
    let policy = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject",
        "Resource":"arn:aws:s3:::bkt/*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}]}"#;
    for (trusted, status) in [("", 403), ("127.0.0.0/8", 200)] {
        let server = Server::with(
            |config| config.trusted_proxies = strongroom_gateway::TrustedProxies::parse([trusted]).unwrap(),
            sse::RequireHttps::Off,
            None,
        )
        .await;
        server.s3("PUT", "/bkt").send().await.expect(200);
        server.s3("PUT", "/bkt/o").body("x").send().await.expect(200);
        server.s3("PUT", "/bkt?policy").body(policy).send().await.expect(204);
        let get = server.unsigned("GET", "/bkt/o").header("x-forwarded-for", "203.0.113.7");
        get.send().await.expect(status);
        let spoofed = server.unsigned("GET", "/bkt/o").header("x-forwarded-for", "203.0.113.7, 198.51.100.1");
        spoofed.send().await.expect(403);
        server.stop().await;
    }
}
