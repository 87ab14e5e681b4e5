//! What the conditions of policies see: the headers as sent, whatever their dialect (s3-sse-behaviour §14, obs-api §8.4),
//! and what the server knows by itself. Nothing that a client sends can set what the server knows.

use crate::auth::Scheme;
use crate::data::identity::Identity;
use crate::dialect::HeaderView;
use crate::gateway::Gateway;
use crate::listener::Peer;
use policy::{ConditionKey, Conditions};

pub(super) fn gather(gateway: &Gateway, identity: &Identity, peer: &Peer, view: &HeaderView<'_>) -> Conditions {
    let names = view.names();
    let mut facts = Conditions {
        time: gateway.clock.now(),
        secure_transport: peer.secure,
        source_ip: Some(peer.address.ip()),
        values: Vec::new(),
    };
    for (key, name) in [
        (ConditionKey::ServerSideEncryption, names.sse),
        (ConditionKey::SseKmsKeyId, names.sse_key_id),
        (ConditionKey::SseCustomerAlgorithm, names.customer_algorithm),
        (ConditionKey::SseBucketKey, names.sse_bucket_key),
        (ConditionKey::CopySource, names.copy_source),
        (ConditionKey::MetadataDirective, names.metadata_directive),
        (ConditionKey::Acl, names.acl),
    ] {
        if let Ok(Some(value)) = view.one(name) {
            facts.add(key, value);
        }
    }
    if let Some(scheme) = identity.scheme {
        facts.add(ConditionKey::AuthType, auth_type(scheme));
        facts.add(ConditionKey::SignatureVersion, if scheme.version() == 4 { "AWS4-HMAC-SHA256" } else { "AWS" });
    }
    facts
}

fn auth_type(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::V4Header | Scheme::V2Header | Scheme::ObsHeader => "REST-HEADER",
        Scheme::V4Query | Scheme::V2Query | Scheme::ObsQuery => "REST-QUERY-STRING",
        Scheme::V4Form | Scheme::V2Form | Scheme::ObsForm => "POST",
    }
}
