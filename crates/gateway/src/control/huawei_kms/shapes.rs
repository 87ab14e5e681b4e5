//! How keys are shown: numeric states and times as texts, some booleans too (kms-iam-api §1.1, §1.3).

use crate::reply::{Reply, ReplyBody};
use bytes::Bytes;
use data_encoding::HEXUPPER;
use http::StatusCode;
use kms::{AliasName, CmkDescription, CmkId, KeyManager, KeyService, KeySpec, KeyState, Origin};
use model::Timestamp;
use serde_json::{Value, json};

/// The key store of the settings' default provider; others go by the provider's name.
pub(super) const DEFAULT_KEYSTORE: &str = "0";

/// Huawei's name for the default key; the other one is AWS's.
const DEFAULT_KEY: &str = "obs/default";

/// A document.
pub(super) fn show(document: &Value) -> Reply {
    let mut reply = Reply::new(StatusCode::OK).with("content-type", "application/json;charset=utf-8");
    reply.body = ReplyBody::Full(Bytes::from(document.to_string()));
    reply
}

/// The answer of operations that have nothing to say.
pub(super) fn nothing() -> Reply {
    show(&json!({}))
}

/// The id of a key.
pub(super) fn key_id(cmk: &CmkId) -> String {
    cmk.uid.to_uuid()
}

/// Hexadecimal text, as the published samples write it.
pub(super) fn hex(bytes: &[u8]) -> String {
    HEXUPPER.encode(bytes)
}

/// The milliseconds since 1970, as a text.
pub(super) fn millis(at: Timestamp) -> String {
    at.as_millis().to_string()
}

/// A moment that may not be set.
pub(super) fn maybe_millis(at: Option<Timestamp>) -> String {
    at.map(millis).unwrap_or_default()
}

/// The state's number.
pub(super) const fn state(state: KeyState) -> &'static str {
    match state {
        KeyState::Enabled => "2",
        KeyState::Disabled => "3",
        KeyState::PendingDeletion { .. } => "4",
        KeyState::PendingImport => "5",
    }
}

/// The spec's name.
pub(super) const fn spec(spec: KeySpec) -> &'static str {
    match spec {
        KeySpec::Aes256 => "AES_256",
        KeySpec::Sm4 => "SM4",
    }
}

/// The URN of an alias: `kms:region:domain:alias:name`.
pub(super) fn alias_urn(cmk: &CmkId, name: &str) -> String {
    format!("kms:{}:{}:alias:{name}", cmk.region, cmk.account)
}

/// KeyDetails.
pub(super) fn details(keys: &KeyService, cmk: &CmkDescription) -> Value {
    let deletion = match cmk.state {
        KeyState::PendingDeletion { delete_at } => millis(delete_at),
        _ => String::new(),
    };
    let default_store = cmk.provider == keys.config().default_provider;
    json!({
        "key_id": key_id(&cmk.id),
        "domain_id": cmk.id.account.as_str(),
        "key_alias": key_alias(cmk),
        "realm": cmk.id.region.as_str(),
        "key_spec": spec(cmk.spec),
        "key_usage": "ENCRYPT_DECRYPT",
        "key_description": cmk.description,
        "creation_date": millis(cmk.created),
        "scheduled_deletion_date": deletion,
        "key_state": state(cmk.state),
        "default_key_flag": if cmk.manager == KeyManager::Service { "1" } else { "0" },
        "key_type": "1",
        "expiration_time": maybe_millis(cmk.material_expires),
        "origin": match cmk.origin {
            Origin::Kms => "kms",
            Origin::External => "external",
        },
        "key_rotation_enabled": if cmk.rotates { "true" } else { "false" },
        "sys_enterprise_project_id": "0",
        "keystore_id": if default_store { DEFAULT_KEYSTORE } else { cmk.provider.as_str() },
    })
}

/// The alias a key is called by: Huawei's name for the default key, else the first it was given.
pub(super) fn key_alias(cmk: &CmkDescription) -> &str {
    let own = cmk.aliases.iter().find(|name| name.as_str() == DEFAULT_KEY);
    own.or(cmk.first_alias.as_ref()).map(AliasName::as_str).unwrap_or_default()
}
