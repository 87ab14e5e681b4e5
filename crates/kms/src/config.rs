//! Settings of the KMS.

use crate::ProviderName;

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
    /// Requests a second, by account and group of operations.
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

/// Rates of the token buckets, in requests a second of one account; 0 for no limit. A bucket holds the requests of two
/// seconds.
#[derive(Clone, Copy, Debug)]
pub struct ThrottleConfig {
    /// Wrapping, unwrapping, data keys and random bytes together. 0 unless set: the operator's own machine is not shared
    /// with strangers.
    pub use_per_second: u32,
    /// Reading about keys.
    pub read_per_second: u32,
    /// Changing keys, aliases, grants and policies.
    pub change_per_second: u32,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self { use_per_second: 0, read_per_second: 2000, change_per_second: 100 }
    }
}
