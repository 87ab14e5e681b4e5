//! What the conditions of policies see: the headers as sent, whatever their dialect (s3-sse-behaviour §14, obs-api §8.4),
//! and what the server knows by itself.
//!
//! INVARIANT: nothing that a client sends can set what the server knows. Headers come in by the names of one table, in
//! which no key of the server stands; time, address and transport are fields of their own. Arguments of an operation
//! (`prefix`, a location) are added by the operation that reads them, and by no other.

use super::{copy, grants};
use crate::auth::{Payload, Scheme};
use crate::data::identity::Identity;
use crate::dialect::{self, HeaderView, Names};
use crate::proxies::Client;
use crate::query::{BadTarget, Query};
use data_encoding::HEXLOWER;
use model::Timestamp;
use policy::{ConditionKey, Conditions};

/// What is known before the operation is looked at. A header that is sent twice is seen twice.
pub(super) fn gather(now: Timestamp, identity: &Identity, client: &Client, view: &HeaderView<'_>) -> Conditions {
    let mut facts =
        Conditions { time: now, secure_transport: client.secure, source_ip: client.address, ..Conditions::default() };
    for (name, value) in view.headers() {
        if let Some(key) = key_of(view.names(), name.as_str()) {
            // What is no text is refused by the operation.
            let lossy = || String::from_utf8_lossy(value.as_bytes()).into_owned();
            let said = dialect::said(value).map_or_else(|_| lossy(), str::to_owned);
            let said = if key == ConditionKey::CopySource { copy::source_named(&said) } else { said };
            facts.add(key, said);
        }
    }
    if let Some(version) = client.tls_version {
        facts.add(ConditionKey::TlsVersion, version);
    }
    if let Some(scheme) = identity.scheme {
        facts.add(ConditionKey::AuthType, auth_type(scheme));
        facts.add(ConditionKey::SignatureVersion, signature_version(scheme));
        if scheme == Scheme::V4Query && !view.has(view.names().content_sha256) {
            facts.add(ConditionKey::ContentSha256, payload_word(identity.payload.as_ref()));
        }
    }
    if let Some(signed) = identity.url_signed_at {
        facts.add(ConditionKey::SignatureAge, now.millis_since(signed).to_string());
    }
    facts
}

/// What a listing asks for, as the client wrote it; a parameter that is not there is absent.
pub(super) fn add_listing(facts: &mut Conditions, query: &Query) -> Result<(), BadTarget> {
    for (key, name) in
        [(ConditionKey::Prefix, "prefix"), (ConditionKey::Delimiter, "delimiter"), (ConditionKey::MaxKeys, "max-keys")]
    {
        if let Some(value) = query.get(name)? {
            facts.add(key, value);
        }
    }
    Ok(())
}

/// The key that a header speaks for.
fn key_of(names: &Names, name: &str) -> Option<ConditionKey> {
    use ConditionKey as K;
    if let Some(kind) = name.strip_prefix(names.grant_prefix) {
        return grants::key_of(kind);
    }
    let Some(own) = name.strip_prefix(names.prefix) else {
        return match name {
            "user-agent" => Some(K::UserAgent),
            "referer" => Some(K::Referer),
            _ => None,
        };
    };
    Some(match own {
        "acl" => K::Acl,
        _ if name == names.sse => K::ServerSideEncryption,
        _ if name == names.sse_key_id => K::SseKmsKeyId,
        _ if name == names.sse_bucket_key => K::SseBucketKey,
        _ if name == names.sse_data_encryption => K::SseDataEncryption,
        _ if name == names.customer_algorithm => K::SseCustomerAlgorithm,
        _ if name == names.copy_source => K::CopySource,
        _ if name == names.metadata_directive => K::MetadataDirective,
        _ if name == names.storage_class => K::StorageClass,
        _ if name == names.object_ownership => K::ObjectOwnership,
        _ if name == names.content_sha256 => K::ContentSha256,
        _ => return None,
    })
}

fn auth_type(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::V4Header | Scheme::V2Header | Scheme::ObsHeader => "REST-HEADER",
        Scheme::V4Query | Scheme::V2Query | Scheme::ObsQuery => "REST-QUERY-STRING",
        Scheme::V4Form | Scheme::V2Form | Scheme::ObsForm => "POST",
    }
}

fn signature_version(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::V4Header | Scheme::V4Query | Scheme::V4Form => "AWS4-HMAC-SHA256",
        Scheme::V2Header | Scheme::V2Query | Scheme::V2Form => "AWS",
        Scheme::ObsHeader | Scheme::ObsQuery | Scheme::ObsForm => "OBS",
    }
}

/// What a presigned URL says about the body, in the words of the header it has none of.
fn payload_word(payload: Option<&Payload>) -> String {
    match payload {
        Some(Payload::Sha256(hash)) => HEXLOWER.encode(hash),
        Some(Payload::StreamingUnsignedTrailer) => "STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned(),
        _ => "UNSIGNED-PAYLOAD".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use http::{HeaderMap, HeaderName, HeaderValue};
    use policy::Principal;
    use std::net::IpAddr;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn facts(dialect: &'static Dialect, scheme: Option<Scheme>, lines: &[(&str, &str)], query: &str) -> Conditions {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let presigned = scheme.is_some_and(Scheme::is_presigned);
        let query = Query::parse(query).unwrap();
        let view = HeaderView::new(dialect, &headers, &query, presigned).unwrap();
        let identity = Identity {
            principal: Principal::Anonymous,
            access_key: None,
            scheme,
            payload: Some(Payload::Unsigned),
            url_signed_at: (scheme == Some(Scheme::V4Query)).then(|| Timestamp::from_secs(1_799_999_999)),
        };
        let client = Client { address: Some(IpAddr::from([203, 0, 113, 5])), secure: false, tls_version: Some("1.3") };
        gather(NOW, &identity, &client, &view)
    }

    fn said(facts: &Conditions, key: &ConditionKey) -> Vec<String> {
        facts.values.iter().filter(|(k, _)| k == key).map(|(_, value)| value.clone()).collect()
    }

    #[test]
    fn every_header_a_policy_can_ask_for_is_seen_in_both_dialects() {
        use ConditionKey as K;
        let table: &[(K, &str, &str)] = &[
            (K::Acl, "acl", "public-read"),
            (K::GrantRead, "grant-read", "id=a"),
            (K::GrantWrite, "grant-write", "id=b"),
            (K::GrantReadAcp, "grant-read-acp", "id=c"),
            (K::GrantWriteAcp, "grant-write-acp", "id=d"),
            (K::GrantFullControl, "grant-full-control", "id=e"),
            (K::GrantRead, "grant-read-delivered", "id=f"),
            (K::GrantFullControl, "grant-full-control-delivered", "id=g"),
            (K::ServerSideEncryption, "server-side-encryption", "aws:kms"),
            (K::SseBucketKey, "server-side-encryption-bucket-key-enabled", "true"),
            (K::SseDataEncryption, "server-side-data-encryption", "SM4"),
            (K::SseCustomerAlgorithm, "server-side-encryption-customer-algorithm", "AES256"),
            (K::MetadataDirective, "metadata-directive", "REPLACE"),
            (K::StorageClass, "storage-class", "STANDARD"),
            (K::ObjectOwnership, "object-ownership", "ObjectWriter"),
            (K::ContentSha256, "content-sha256", "UNSIGNED-PAYLOAD"),
        ];
        for dialect in [Dialect::S3, Dialect::OBS] {
            for (key, name, value) in table {
                let name = format!("{}{name}", dialect.names.prefix);
                assert_eq!(said(&facts(dialect, None, &[(&name, value)], ""), key), [*value], "{name}");
                assert!(said(&facts(dialect, None, &[], ""), key).is_empty(), "{name} is absent when it is not sent");
            }
            let both = [(dialect.names.sse_key_id, "k"), ("user-agent", "curl/8"), ("referer", "http://a/")];
            let facts = facts(dialect, None, &both, "");
            assert_eq!(said(&facts, &K::SseKmsKeyId), ["k"]);
            assert_eq!(
                (said(&facts, &K::UserAgent), said(&facts, &K::Referer)),
                (vec!["curl/8".into()], vec!["http://a/".into()])
            );
        }
    }

    #[test]
    fn what_is_sent_twice_is_seen_twice() {
        let facts = facts(Dialect::S3, None, &[("user-agent", "good"), ("user-agent", "evil")], "");
        assert_eq!(said(&facts, &ConditionKey::UserAgent), ["good", "evil"]);
    }

    #[test]
    fn policies_and_operations_read_the_same_words() {
        for value in [" public-read\t", "\u{a0}public-read", "public-read\u{2003}", "\u{3000}public-read\u{85}"] {
            let mut headers = HeaderMap::new();
            headers.insert("x-amz-acl", HeaderValue::from_bytes(value.as_bytes()).unwrap());
            let view = HeaderView::new(Dialect::S3, &headers, &Query::default(), false).unwrap();
            let identity = Identity {
                principal: Principal::Anonymous,
                access_key: None,
                scheme: None,
                payload: None,
                url_signed_at: None,
            };
            let client = Client { address: None, secure: false, tls_version: None };
            let seen = said(&gather(NOW, &identity, &client, &view), &ConditionKey::Acl);
            assert_eq!(seen, [view.one("x-amz-acl").unwrap().unwrap()], "{value:?}");
            assert_eq!(grants::of_headers(&view, grants::On::Object).is_ok(), value == " public-read\t", "{value:?}");
        }
    }

    #[test]
    fn a_copy_source_has_one_spelling() {
        for spelling in ["/bkt/a%20b", "bkt/a%20b", "%2Fbkt%2Fa%20b", "/bkt/a%20b?versionId=null"] {
            let facts = facts(Dialect::S3, None, &[("x-amz-copy-source", spelling)], "");
            assert_eq!(said(&facts, &ConditionKey::CopySource), ["bkt/a b"], "{spelling}");
        }
    }

    #[test]
    fn the_signature_is_seen_as_it_was_verified() {
        use ConditionKey as K;
        for (scheme, version, kind) in [
            (Scheme::V4Header, "AWS4-HMAC-SHA256", "REST-HEADER"),
            (Scheme::V2Query, "AWS", "REST-QUERY-STRING"),
            (Scheme::ObsHeader, "OBS", "REST-HEADER"),
            (Scheme::V4Form, "AWS4-HMAC-SHA256", "POST"),
        ] {
            let facts = facts(Dialect::S3, Some(scheme), &[], "");
            assert_eq!(said(&facts, &K::SignatureVersion), [version]);
            assert_eq!(said(&facts, &K::AuthType), [kind]);
            assert!(said(&facts, &K::SignatureAge).is_empty(), "of presigned V4 URLs only");
        }
        let url = facts(Dialect::S3, Some(Scheme::V4Query), &[], "");
        assert_eq!(said(&url, &K::SignatureAge), ["1000"]);
        assert_eq!(said(&url, &K::ContentSha256), ["UNSIGNED-PAYLOAD"]);
        assert!(
            said(&facts(Dialect::S3, None, &[], ""), &K::AuthType).is_empty(),
            "the anonymous did not authenticate"
        );
    }

    #[test]
    fn what_the_server_knows_cannot_be_sent() {
        use ConditionKey as K;
        let served = [
            K::CurrentTime,
            K::EpochTime,
            K::SecureTransport,
            K::TlsVersion,
            K::SourceIp,
            K::PrincipalArn,
            K::PrincipalAccount,
            K::PrincipalType,
            K::UserId,
            K::UserName,
            K::DomainId,
            K::DomainName,
            K::TokenIssueTime,
            K::MultiFactorAuthPresent,
            K::ResourceAccount,
            K::SignatureVersion,
            K::SignatureAge,
            K::AuthType,
            K::ViaService,
            K::CallerAccount,
            K::VersionId,
            K::ExistingObjectTag("k".into()),
            K::RequestObjectTag("k".into()),
            K::PrincipalTag("k".into()),
            K::LocationConstraint,
            K::Prefix,
            K::Delimiter,
            K::MaxKeys,
        ];
        for key in served {
            let full = key.name();
            let bare = full.split(':').next_back().unwrap_or_default().to_ascii_lowercase();
            let bare = bare.trim_start_matches("x-amz-").replace('/', "-");
            let names = [bare.clone(), format!("x-amz-{bare}"), format!("x-obs-{bare}"), format!("aws-{bare}")];
            for dialect in [Dialect::S3, Dialect::OBS] {
                let before = facts(dialect, Some(Scheme::V4Header), &[], "");
                let lines: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "spoofed")).collect();
                let spoofed = facts(dialect, Some(Scheme::V4Header), &lines, &format!("{full}=spoofed&{bare}=spoofed"));
                assert_eq!(spoofed.values, before.values, "{full}");
                let url =
                    facts(dialect, Some(Scheme::ObsQuery), &[], &format!("x-obs-{bare}=spoofed&x-amz-{bare}=spoofed"));
                assert!(said(&url, &key).iter().all(|value| value != "spoofed"), "{full}");
                assert_eq!((spoofed.time, spoofed.secure_transport), (NOW, false));
                assert_eq!(spoofed.source_ip, Some(IpAddr::from([203, 0, 113, 5])));
            }
        }
    }

    #[test]
    fn a_listing_says_what_it_lists() {
        let mut facts = Conditions::default();
        add_listing(&mut facts, &Query::parse("prefix=&max-keys=7&prefix=second").unwrap()).unwrap();
        assert_eq!(said(&facts, &ConditionKey::Prefix), [""], "the first counts, as for the listing itself");
        assert_eq!(said(&facts, &ConditionKey::MaxKeys), ["7"]);
        assert!(said(&facts, &ConditionKey::Delimiter).is_empty());
    }
}
