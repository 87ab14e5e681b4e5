//! What keys must not be able to do, as a check of the compiler: being copied, printed or compared.
//!
//! For each type and trait the program names an item that exists once if the type lacks the trait, and twice, hence
//! ambiguously, if it has it. Adding a `derive` to a key fails the build here ("type annotations needed").

use crate::aead::Cipher;
use crate::record_key::RecordKey;
use crate::roles::{
    AuditKey, BucketKey, CmkMaterial, CustomerKey, Dek, MetadataKey, ProviderKey, RootKey, SecretsKey, TokenKey,
};
use crate::segment::{StreamOpener, StreamSealer};
use crate::sm::{Sm4Cipher, Sm4Material};
use crate::tree::{KeyPair, Sm4KeyPair};
use crate::{Md5, SecretBytes};
use std::fmt;

macro_rules! lacks {
    ($type:ty: $($bound:path),+) => {
        $(const _: fn() = || {
            trait Once<Marker> {
                fn item() {}
            }
            struct Has;
            impl<T: ?Sized> Once<()> for T {}
            impl<T: ?Sized + $bound> Once<Has> for T {}
            let _ = <$type as Once<_>>::item;
        };)+
    };
}

macro_rules! is_no_value {
    ($($type:ty),+ $(,)?) => {
        $(lacks!($type: Clone, fmt::Debug, fmt::Display, fmt::LowerHex, PartialEq, PartialOrd, AsRef<[u8]>, Default);)+
    };
}

is_no_value!(
    SecretBytes<32>,
    SecretBytes<64>,
    RootKey,
    CmkMaterial,
    BucketKey,
    Dek,
    CustomerKey,
    MetadataKey,
    ProviderKey,
    SecretsKey,
    TokenKey,
    AuditKey,
    crate::PassphraseKey,
    RecordKey,
    KeyPair,
    Sm4Material,
    Sm4KeyPair,
    Sm4Cipher,
    crate::Sm4Gcm,
    crate::ImportKeyPair,
    Cipher,
    StreamSealer,
    StreamOpener,
);

/// Streams move between threads, and an opener serves several at once.
const _: fn() = || {
    fn crosses_threads<T: Send + Sync>() {}
    crosses_threads::<StreamSealer>();
    crosses_threads::<StreamOpener>();
    crosses_threads::<Dek>();
    crosses_threads::<Md5>();
};
