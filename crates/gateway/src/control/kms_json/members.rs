//! The members each operation takes. Members nobody knows are ignored, as AWS does; members that would change the
//! meaning and are not offered are read so that they can be refused.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateKey {
    pub(super) description: Option<String>,
    pub(super) key_usage: Option<String>,
    pub(super) key_spec: Option<String>,
    pub(super) customer_master_key_spec: Option<String>,
    pub(super) origin: Option<String>,
    pub(super) multi_region: Option<bool>,
    pub(super) policy: Option<String>,
    pub(super) bypass_policy_lockout_safety_check: Option<bool>,
    pub(super) tags: Option<Vec<Tag>>,
    /// The name of a key provider.
    pub(super) custom_key_store_id: Option<String>,
    /// A key that the provider has.
    pub(super) xks_key_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) tag_key: Option<String>,
    pub(super) tag_value: Option<String>,
}

/// Operations that take a CMK and nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneKey {
    pub(super) key_id: Option<String>,
    /// DescribeKey.
    pub(super) grant_tokens: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ScheduleKeyDeletion {
    pub(super) key_id: Option<String>,
    pub(super) pending_window_in_days: Option<i64>,
    /// Not of AWS: delete although something needs the CMK.
    pub(super) force_deletion: Option<bool>,
}

/// Lists: ListKeys, ListAliases, ListResourceTags, ListKeyPolicies.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    pub(super) limit: Option<i64>,
    pub(super) marker: Option<String>,
    /// Not in ListKeys.
    pub(super) key_id: Option<String>,
}

/// CreateAlias, UpdateAlias, DeleteAlias.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Alias {
    pub(super) alias_name: Option<String>,
    /// Not in DeleteAlias.
    pub(super) target_key_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateKeyDescription {
    pub(super) key_id: Option<String>,
    pub(super) description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagResource {
    pub(super) key_id: Option<String>,
    pub(super) tags: Option<Vec<Tag>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagResource {
    pub(super) key_id: Option<String>,
    pub(super) tag_keys: Option<Vec<String>>,
}

/// GetKeyPolicy, PutKeyPolicy.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct KeyPolicy {
    pub(super) key_id: Option<String>,
    pub(super) policy_name: Option<String>,
    /// PutKeyPolicy only, as what follows.
    pub(super) policy: Option<String>,
    pub(super) bypass_policy_lockout_safety_check: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EnableKeyRotation {
    pub(super) key_id: Option<String>,
    pub(super) rotation_period_in_days: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListKeyRotations {
    pub(super) key_id: Option<String>,
    pub(super) include_key_material: Option<String>,
    pub(super) limit: Option<i64>,
    pub(super) marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetParametersForImport {
    pub(super) key_id: Option<String>,
    pub(super) wrapping_algorithm: Option<String>,
    pub(super) wrapping_key_spec: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ImportKeyMaterial {
    pub(super) key_id: Option<String>,
    pub(super) import_token: Option<String>,
    pub(super) encrypted_key_material: Option<String>,
    pub(super) expiration_model: Option<String>,
    /// Epoch seconds.
    pub(super) valid_to: Option<f64>,
    pub(super) import_type: Option<String>,
    pub(super) key_material_id: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteImportedKeyMaterial {
    pub(super) key_id: Option<String>,
    pub(super) key_material_id: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateGrant {
    pub(super) key_id: Option<String>,
    pub(super) grantee_principal: Option<String>,
    pub(super) retiring_principal: Option<String>,
    pub(super) operations: Option<Vec<String>>,
    pub(super) constraints: Option<GrantConstraints>,
    pub(super) name: Option<String>,
    pub(super) grant_tokens: Option<Vec<String>>,
    pub(super) dry_run: Option<bool>,
}

/// What is not known here would loosen the grant if it were ignored.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GrantConstraints {
    pub(super) encryption_context_equals: Option<BTreeMap<String, String>>,
    pub(super) encryption_context_subset: Option<BTreeMap<String, String>>,
}

/// ListGrants, ListRetirableGrants.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListGrants {
    pub(super) limit: Option<i64>,
    pub(super) marker: Option<String>,
    pub(super) key_id: Option<String>,
    pub(super) grant_id: Option<String>,
    pub(super) grantee_principal: Option<String>,
    /// ListRetirableGrants only.
    pub(super) retiring_principal: Option<String>,
}

/// RevokeGrant, RetireGrant.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct OneGrant {
    pub(super) key_id: Option<String>,
    pub(super) grant_id: Option<String>,
    /// RetireGrant only.
    pub(super) grant_token: Option<String>,
    pub(super) dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateDataKey {
    pub(super) key_id: Option<String>,
    pub(super) key_spec: Option<String>,
    pub(super) number_of_bytes: Option<i64>,
    pub(super) encryption_context: Option<BTreeMap<String, String>>,
    pub(super) grant_tokens: Option<Vec<String>>,
    pub(super) recipient: Option<IgnoredAny>,
    pub(super) dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Encrypt {
    pub(super) key_id: Option<String>,
    pub(super) plaintext: Option<String>,
    pub(super) encryption_context: Option<BTreeMap<String, String>>,
    pub(super) encryption_algorithm: Option<String>,
    pub(super) grant_tokens: Option<Vec<String>>,
    pub(super) dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Decrypt {
    pub(super) ciphertext_blob: Option<String>,
    pub(super) key_id: Option<String>,
    pub(super) encryption_context: Option<BTreeMap<String, String>>,
    pub(super) encryption_algorithm: Option<String>,
    pub(super) grant_tokens: Option<Vec<String>>,
    pub(super) recipient: Option<IgnoredAny>,
    pub(super) dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReEncrypt {
    pub(super) ciphertext_blob: Option<String>,
    pub(super) source_key_id: Option<String>,
    pub(super) source_encryption_context: Option<BTreeMap<String, String>>,
    pub(super) source_encryption_algorithm: Option<String>,
    pub(super) destination_key_id: Option<String>,
    pub(super) destination_encryption_context: Option<BTreeMap<String, String>>,
    pub(super) destination_encryption_algorithm: Option<String>,
    pub(super) grant_tokens: Option<Vec<String>>,
    pub(super) dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GenerateRandom {
    pub(super) number_of_bytes: Option<i64>,
    pub(super) custom_key_store_id: Option<IgnoredAny>,
    pub(super) recipient: Option<IgnoredAny>,
}
