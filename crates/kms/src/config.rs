//! Settings of the KMS.

use crate::ProviderName;
use std::collections::BTreeMap;

/// Settings of the KMS.
#[derive(Clone, Debug)]
pub struct KmsConfig {
    /// The provider of CMKs that name none.
    pub default_provider: ProviderName,
    /// Most CMKs of an account, default keys not counted.
    pub keys_max: u32,
    /// Most grants on a CMK.
    pub grants_max: u32,
    /// Most aliases of a CMK.
    pub aliases_max: u32,
    /// Most versions of a CMK: each is kept in memory, and with its provider, for as long as the CMK.
    pub versions_max: u32,
    /// Most wraps by one CMK version; then it is to be rotated. The bound of random 256-bit salts is far beyond it.
    pub wraps_max: u64,
    /// Requests a second, by account and operation.
    pub throttle: ThrottleConfig,
}

impl Default for KmsConfig {
    fn default() -> Self {
        Self {
            default_provider: ProviderName::embedded(),
            keys_max: 1000,
            grants_max: 100,
            aliases_max: 50,
            versions_max: 1000,
            wraps_max: 1 << 32,
            throttle: ThrottleConfig::default(),
        }
    }
}

/// The operations that can have a rate of their own.
pub const OPERATIONS: [&str; 39] = [
    "CancelKeyDeletion",
    "CreateAlias",
    "CreateGrant",
    "CreateKey",
    "Decrypt",
    "DeleteAlias",
    "DeleteImportedKeyMaterial",
    "DescribeKey",
    "DisableKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateRandom",
    "GetKeyImpact",
    "GetKeyPolicy",
    "GetKeyRotationStatus",
    "GetParametersForImport",
    "GetQuotas",
    "ImportKeyMaterial",
    "ListAliases",
    "ListGrants",
    "ListKeyPolicies",
    "ListKeyRotations",
    "ListKeys",
    "ListResourceTags",
    "ListRetirableGrants",
    "PutKeyPolicy",
    "ReEncrypt",
    "RetireGrant",
    "RevokeGrant",
    "RotateKeyOnDemand",
    "ScheduleKeyDeletion",
    "TagResource",
    "UntagResource",
    "UpdateAlias",
    "UpdateKeyDescription",
];

/// Rates of the token buckets, in requests a second of one account for one operation; 0 for no limit. A bucket holds the
/// requests of two seconds. The store of objects has buckets of its own with the same rates, and so has each principal for
/// requests that are refused for want of a right.
#[derive(Clone, Debug)]
pub struct ThrottleConfig {
    /// Each operation that wraps, unwraps or draws. 0 unless set: the operator's own machine is not shared with strangers.
    pub use_per_second: u32,
    /// Each operation that tells about keys.
    pub read_per_second: u32,
    /// Each operation that changes keys, aliases, grants or policies.
    pub change_per_second: u32,
    /// Operations with a rate of their own, by their names on the audit log; all among [`OPERATIONS`].
    pub operations: BTreeMap<&'static str, u32>,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self { use_per_second: 0, read_per_second: 2000, change_per_second: 100, operations: BTreeMap::new() }
    }
}
