//! Keys by role. Each role is a type of its own, so the compiler refuses a DEK where a bucket key belongs, and each
//! has a label that enters every derivation, so a key wrapped in one role does not unwrap in another.
//!
//! The traits are sealed: which roles exist, and which of them may wrap or be wrapped, is decided in this file.

use crate::SecretBytes;
use crate::mac::constant_time_eq;
use model::Entropy;

/// Length of every key in bytes: AES-256 and HMAC-SHA256 throughout.
pub const KEY_BYTES: usize = 32;

/// What a wrapped key is for. The label is part of the wrap's key derivation (docs/keys.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRole {
    /// Material of one CMK version.
    CmkMaterial,
    /// Material of one version of an SM4 CMK: 16 bytes.
    Sm4Material,
    /// A bucket key.
    BucketKey,
    /// A DEK.
    Dek,
    /// The metadata key.
    MetadataKey,
    /// The secrets key.
    SecretsKey,
    /// A token key.
    TokenKey,
    /// The key that signs the audit log.
    AuditKey,
    /// The root key, under a passphrase.
    RootKey,
    /// Opaque bytes the KMS generated for a caller outside (`GenerateDataKey`).
    Data,
}

impl KeyRole {
    /// The role's label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::CmkMaterial => "cmk",
            Self::Sm4Material => "cmk-sm4",
            Self::BucketKey => "bucket",
            Self::Dek => "dek",
            Self::MetadataKey => "metadata",
            Self::SecretsKey => "secrets",
            Self::TokenKey => "token",
            Self::AuditKey => "audit",
            Self::RootKey => "root",
            Self::Data => "data",
        }
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A key that wraps other keys.
pub trait Kek: sealed::Sealed {
    /// Label of the wrapping key's role, part of the wrap's key derivation.
    const KEK_LABEL: &'static str;

    /// The key's bytes, still boxed.
    fn kek_secret(&self) -> &SecretBytes<KEY_BYTES>;
}

/// A key that may be wrapped by a [`Kek`].
pub trait Wrappable: sealed::Sealed + Sized + Send + Sync + 'static {
    /// What the key is for.
    const ROLE: KeyRole;

    /// Draws a fresh key.
    fn generate(entropy: &dyn Entropy) -> Self {
        Self::from_secret(SecretBytes::random(entropy))
    }

    /// Gives 32 secret bytes this role: for key providers that hand out keys in the clear over their own channel.
    fn from_secret(secret: SecretBytes<KEY_BYTES>) -> Self;

    /// The key's bytes, still boxed.
    fn as_secret(&self) -> &SecretBytes<KEY_BYTES>;
}

/// A role; `long_lived` ones move their bytes to locked memory.
macro_rules! role {
    ($(#[$doc:meta])* $name:ident) => {
        role!(@ $(#[$doc])* $name, std::convert::identity);
    };
    ($(#[$doc:meta])* long_lived $name:ident) => {
        role!(@ $(#[$doc])* $name, SecretBytes::into_locked);
    };
    (@ $(#[$doc:meta])* $name:ident, $place:expr) => {
        $(#[$doc])*
        pub struct $name(SecretBytes<KEY_BYTES>);

        impl $name {
            /// Draws a fresh key.
            pub fn generate(entropy: &dyn Entropy) -> Self {
                Self::from_secret(SecretBytes::random(entropy))
            }

            /// Gives 32 secret bytes this role.
            pub fn from_secret(secret: SecretBytes<KEY_BYTES>) -> Self {
                Self($place(secret))
            }
        }

        impl sealed::Sealed for $name {}
    };
}

macro_rules! kek {
    ($name:ident, $label:literal) => {
        impl Kek for $name {
            const KEK_LABEL: &'static str = $label;

            fn kek_secret(&self) -> &SecretBytes<KEY_BYTES> {
                &self.0
            }
        }
    };
}

macro_rules! wrappable {
    ($name:ident, $role:ident) => {
        impl Wrappable for $name {
            const ROLE: KeyRole = KeyRole::$role;

            fn from_secret(secret: SecretBytes<KEY_BYTES>) -> Self {
                Self::from_secret(secret)
            }

            fn as_secret(&self) -> &SecretBytes<KEY_BYTES> {
                &self.0
            }
        }
    };
}

role!(
    /// Wraps the CMK material of the embedded KMS and the server's internal keys. Read from its source at start.
    long_lived RootKey
);
role!(
    /// The secret of one CMK version in the embedded KMS.
    long_lived CmkMaterial
);
role!(
    /// A key that stands between a CMK and the DEKs of one bucket, so that not every object asks the KMS.
    long_lived BucketKey
);
role!(
    /// The key of exactly one object version.
    Dek
);
role!(
    /// A one-time key between a key provider outside and one wrapped key: the provider wraps this key, this key the other.
    ProviderKey
);
role!(
    /// The key sent with an SSE-C request; lives as long as the request.
    CustomerKey
);
role!(
    /// Seals small metadata values that must not stand in clear, such as plaintext ETags under SSE-S3.
    long_lived MetadataKey
);
role!(
    /// Seals the signing secrets of access keys.
    long_lived SecretsKey
);
role!(
    /// Seals the claims of session and identity tokens.
    long_lived TokenKey
);
role!(
    /// Signs checkpoints of the audit log (Ed25519); see `audit_key.rs`.
    long_lived AuditKey
);
role!(
    /// What Argon2id makes of a passphrase; see `passphrase.rs`.
    PassphraseKey
);

kek!(RootKey, "root");
kek!(CmkMaterial, "cmk");
kek!(BucketKey, "bucket");
kek!(ProviderKey, "provider");
kek!(CustomerKey, "customer");
kek!(PassphraseKey, "passphrase");

wrappable!(CmkMaterial, CmkMaterial);
wrappable!(BucketKey, BucketKey);
wrappable!(Dek, Dek);
wrappable!(MetadataKey, MetadataKey);
wrappable!(SecretsKey, SecretsKey);
wrappable!(TokenKey, TokenKey);
wrappable!(AuditKey, AuditKey);
wrappable!(RootKey, RootKey);

/// Whether two keys of a role are the same, in constant time: to check that what was wrapped opens to what it was.
pub fn same_key<K: Wrappable>(a: &K, b: &K) -> bool {
    constant_time_eq(a.as_secret().expose(), b.as_secret().expose())
}

impl sealed::Sealed for SecretBytes<KEY_BYTES> {}

/// An opaque data key of the KMS API: it has no role inside the store and therefore no type of its own.
impl Wrappable for SecretBytes<KEY_BYTES> {
    const ROLE: KeyRole = KeyRole::Data;

    fn from_secret(secret: SecretBytes<KEY_BYTES>) -> Self {
        secret
    }

    fn as_secret(&self) -> &SecretBytes<KEY_BYTES> {
        self
    }
}
