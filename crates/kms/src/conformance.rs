//! The guarantees of [`KeyProvider`], as a suite that every implementation runs (feature `conformance`, for tests only).
//!
//! ```text
//! let subject = Subject::new(provider).restarted_as(the_same_opened_again);
//! strongroom_kms::conformance::holds(&subject).await;
//! ```
//!
//! A guarantee that does not hold ends the test with a panic that names it. What it does not look at: faults of the wire
//! (each provider's own tests), and whether material can be found anywhere it should not be.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a suite of tests reports by panicking")]

use crate::provider::{KeyProvider, KeySpec, NewVersion, ProviderFault, VersionRef};
use crypto::{Binding, KeyRole};
use model::CmkUid;
use std::sync::Arc;

/// A provider to be held to its guarantees.
pub struct Subject {
    provider: Arc<dyn KeyProvider>,
    restarted: Option<Arc<dyn KeyProvider>>,
    existing: Option<(KeySpec, String)>,
    flips_max: usize,
    uids: u8,
}

impl Subject {
    /// This provider, every byte of a wrap flipped in turn.
    pub fn new(provider: Arc<dyn KeyProvider>) -> Self {
        Self { provider, restarted: None, existing: None, flips_max: usize::MAX, uids: 0 }
    }

    /// The same provider as a second process would open it.
    #[must_use]
    pub fn restarted_as(mut self, provider: Arc<dyn KeyProvider>) -> Self {
        self.restarted = Some(provider);
        self
    }

    /// A key that is there already, of this spec and in the provider's own words.
    #[must_use]
    pub fn with_existing(mut self, spec: KeySpec, name: &str) -> Self {
        self.existing = Some((spec, name.to_owned()));
        self
    }

    /// Flips so many bytes of a wrap at most, spread over its length: where each costs a call over a wire.
    #[must_use]
    pub fn flipping_at_most(mut self, bytes: usize) -> Self {
        self.flips_max = bytes.max(1);
        self
    }

    /// Names its CMKs differently: for several runs against one service that remembers.
    #[must_use]
    pub fn numbered(mut self, run: u8) -> Self {
        self.uids = run;
        self
    }

    fn uid(&self, number: u8) -> CmkUid {
        let mut bytes = [0x5a; 16];
        // As the ids of CMKs look: UUIDs of version 4.
        (bytes[0], bytes[1], bytes[6], bytes[8]) = (self.uids, number, 0x4a, 0x9a);
        CmkUid::from_bytes(bytes)
    }
}

/// Material of a version as the tests hold it.
struct Held {
    uid: CmkUid,
    version: u32,
    spec: KeySpec,
    reference: Vec<u8>,
}

impl Held {
    fn at(&self) -> VersionRef<'_> {
        VersionRef { uid: self.uid, version: self.version, spec: self.spec, reference: &self.reference }
    }
}

/// Holds the provider to every guarantee, for each spec it offers.
pub async fn holds(subject: &Subject) {
    let capabilities = subject.provider.capabilities();
    assert!(!capabilities.specs.is_empty(), "a provider offers some spec");
    assert!(capabilities.plain_bytes_max >= crypto::KEY_BYTES, "a provider wraps a key of the store in one go");
    for (at, spec) in capabilities.specs.iter().copied().enumerate() {
        let number = u8::try_from(at).expect("few specs") * 8;
        let first = made(subject, number, 1, spec).await;
        let second = made(subject, number, 2, spec).await;
        let other = made(subject, number + 1, 1, spec).await;
        lengths(subject, &first, capabilities.plain_bytes_max).await;
        only_its_own(subject, &first, &[&second, &other]).await;
        changed_bytes(subject, &first).await;
        restart(subject, &first).await;
        together(subject, &first).await;
        if capabilities.import {
            import(subject, number + 2, spec).await;
        } else {
            let got = subject.provider.import_version(new(first.uid, 3, spec, None), &[7; 32]).await;
            assert!(matches!(got, Err(ProviderFault::Unsupported(_))), "import is not offered: {got:?}");
        }
    }
    for spec in [KeySpec::Aes256, KeySpec::Sm4].into_iter().filter(|spec| !capabilities.specs.contains(spec)) {
        let got = subject.provider.create_version(new(subject.uid(100), 1, spec, None)).await.map(drop);
        assert!(matches!(got, Err(ProviderFault::Unsupported(_))), "{spec:?} is not offered: {got:?}");
    }
    match &subject.existing {
        Some((spec, name)) => existing(subject, *spec, name).await,
        None => {
            let wanted = new(subject.uid(101), 1, capabilities.specs[0], Some("no-such-key"));
            assert!(subject.provider.create_version(wanted).await.is_err(), "a key that is not there is not taken up");
        }
    }
}

fn new(uid: CmkUid, version: u32, spec: KeySpec, existing: Option<&str>) -> NewVersion<'_> {
    NewVersion { uid, version, spec, existing }
}

async fn made(subject: &Subject, number: u8, version: u32, spec: KeySpec) -> Held {
    let uid = subject.uid(number);
    let reference = subject.provider.create_version(new(uid, version, spec, None)).await.expect("a version is made");
    Held { uid, version, spec, reference }
}

fn binding(text: &str) -> Binding {
    Binding::new("conformance").field(text.as_bytes())
}

fn plain(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 31 % 251) as u8).collect()
}

/// What was wrapped comes back, at every length; no two wraps are alike; what is too long is refused, not cut.
async fn lengths(subject: &Subject, held: &Held, max: usize) {
    let provider = &subject.provider;
    for bytes in [1, 15, 16, 17, 32, 33, 64, 1024, 4096, max].into_iter().filter(|bytes| *bytes <= max.min(1 << 16)) {
        let plain = plain(bytes);
        let wrapped = provider.wrap(held.at(), KeyRole::Data, &plain, &binding("x")).await.expect("a wrap");
        let again = provider.wrap(held.at(), KeyRole::Data, &plain, &binding("x")).await.expect("a second wrap");
        assert_ne!(wrapped, again, "two wraps of the same {bytes} bytes differ");
        if bytes >= 16 {
            assert!(!wrapped.windows(16).any(|window| window == &plain[..16]), "{bytes} bytes stand in clear");
        }
        for wrapped in [wrapped, again] {
            let back = provider.unwrap(held.at(), KeyRole::Data, &wrapped, &binding("x")).await.expect("an unwrap");
            assert!(*back == plain, "{bytes} bytes come back as they were");
        }
    }
    if max < 1 << 16 {
        let got = provider.wrap(held.at(), KeyRole::Data, &plain(max + 1), &binding("x")).await;
        assert!(matches!(got, Err(ProviderFault::Unsupported(_))), "one byte more than it takes: {got:?}");
    }
}

/// Only the same CMK, version, role and binding open a wrap.
async fn only_its_own(subject: &Subject, held: &Held, others: &[&Held]) {
    let provider = &subject.provider;
    let wrapped = provider.wrap(held.at(), KeyRole::Dek, &plain(32), &binding("x")).await.expect("a wrap");
    for (role, text, what) in [
        (KeyRole::Dek, "y", "another binding"),
        (KeyRole::Dek, "", "an empty binding"),
        (KeyRole::BucketKey, "x", "another role"),
        (KeyRole::Data, "x", "the role of callers outside"),
    ] {
        refused(subject, held.at(), role, &wrapped, &binding(text), what).await;
    }
    for other in others {
        let what = format!("CMK {} version {}", other.uid.to_uuid(), other.version);
        refused(subject, other.at(), KeyRole::Dek, &wrapped, &binding("x"), &what).await;
    }
    let back = provider.unwrap(held.at(), KeyRole::Dek, &wrapped, &binding("x")).await.expect("its own");
    assert!(*back == plain(32), "what was refused changed nothing");
}

async fn refused(subject: &Subject, at: VersionRef<'_>, role: KeyRole, wrapped: &[u8], binding: &Binding, what: &str) {
    match subject.provider.unwrap(at, role, wrapped, binding).await {
        Ok(_) => panic!("{what} opens it"),
        Err(fault) => assert_eq!(fault, ProviderFault::InvalidCiphertext, "{what}"),
    }
}

/// No changed, cut, lengthened or made-up wrap opens.
async fn changed_bytes(subject: &Subject, held: &Held) {
    let bind = binding("x");
    let wrapped = subject.provider.wrap(held.at(), KeyRole::Dek, &plain(32), &bind).await.expect("a wrap");
    let step = wrapped.len().div_ceil(subject.flips_max.min(wrapped.len()));
    for at in (0..wrapped.len()).step_by(step) {
        let mut changed = wrapped.clone();
        changed[at] ^= 1 << (at % 8);
        refused(subject, held.at(), KeyRole::Dek, &changed, &bind, &format!("byte {at} changed")).await;
    }
    let longer = [wrapped.as_slice(), &[0]].concat();
    for (bytes, what) in [
        (&wrapped[..wrapped.len() - 1], "cut at its end"),
        (&wrapped[1..], "cut at its beginning"),
        (&wrapped[..wrapped.len() / 2], "half of it"),
        (&[][..], "nothing"),
        (&[0][..], "one byte"),
        (&plain(300)[..], "other bytes"),
        (&longer[..], "one byte more"),
    ] {
        refused(subject, held.at(), KeyRole::Dek, bytes, &bind, what).await;
    }
}

/// References and wraps outlive the process, and what it had cached.
async fn restart(subject: &Subject, held: &Held) {
    let bind = binding("x");
    let wrapped = subject.provider.wrap(held.at(), KeyRole::BucketKey, &plain(32), &bind).await.expect("a wrap");
    subject.provider.forget(held.uid);
    for provider in std::iter::once(&subject.provider).chain(&subject.restarted) {
        let back = provider.unwrap(held.at(), KeyRole::BucketKey, &wrapped, &bind).await.expect("after a restart");
        assert!(*back == plain(32), "it comes back as it was after a restart");
        provider.wrap(held.at(), KeyRole::BucketKey, &plain(32), &bind).await.expect("it wraps after a restart");
    }
}

/// Many at once get each their own.
async fn together(subject: &Subject, held: &Held) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..16u8 {
        let provider = Arc::clone(&subject.provider);
        let held = Held { reference: held.reference.clone(), ..*held };
        tasks.spawn(async move {
            let bind = binding(&number.to_string());
            let wrapped = provider.wrap(held.at(), KeyRole::Dek, &[number; 32], &bind).await.expect("a wrap");
            let back = provider.unwrap(held.at(), KeyRole::Dek, &wrapped, &bind).await.expect("an unwrap");
            assert!(*back == [number; 32], "each gets its own");
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

/// The same material opens what it wrapped before; other material does not.
async fn import(subject: &Subject, number: u8, spec: KeySpec) {
    let provider = &subject.provider;
    let (uid, bind) = (subject.uid(number), binding("x"));
    let material = plain(spec.material_bytes());
    let import = async |version: u32, material: &[u8]| {
        let reference = provider.import_version(new(uid, version, spec, None), material).await.expect("an import");
        Held { uid, version, spec, reference }
    };
    let held = import(1, &material).await;
    let wrapped = provider.wrap(held.at(), KeyRole::Dek, &plain(32), &bind).await.expect("a wrap");
    provider.destroy(held.at()).await.expect("the material is destroyed");
    provider.forget(uid);
    let again = import(1, &material).await;
    let back = provider.unwrap(again.at(), KeyRole::Dek, &wrapped, &bind).await.expect("the same material");
    assert!(*back == plain(32), "the same material opens what it wrapped");
    provider.forget(uid);
    let other = import(1, &vec![9; spec.material_bytes()]).await;
    provider.forget(uid);
    refused(subject, other.at(), KeyRole::Dek, &wrapped, &bind, "other material").await;
    for bytes in [0, spec.material_bytes() - 1, spec.material_bytes() + 1] {
        let got = provider.import_version(new(uid, 2, spec, None), &vec![1; bytes]).await;
        assert!(got.is_err(), "material of {bytes} bytes");
    }
}

/// A key that is there is used, and outlives the CMK that took it up.
async fn existing(subject: &Subject, spec: KeySpec, name: &str) {
    let provider = &subject.provider;
    let bind = binding("x");
    let take = async |number: u8| {
        let uid = subject.uid(number);
        let reference = provider.create_version(new(uid, 1, spec, Some(name))).await.expect("an existing key");
        Held { uid, version: 1, spec, reference }
    };
    let held = take(102).await;
    let wrapped = provider.wrap(held.at(), KeyRole::Dek, &plain(32), &bind).await.expect("a wrap");
    let back = provider.unwrap(held.at(), KeyRole::Dek, &wrapped, &bind).await.expect("an unwrap");
    assert!(*back == plain(32), "it comes back as it was");
    let other = take(103).await;
    refused(subject, other.at(), KeyRole::Dek, &wrapped, &bind, "another CMK on the same key").await;
    provider.destroy(other.at()).await.expect("the second CMK is gone");
    provider.forget(other.uid);
    let back = provider.unwrap(held.at(), KeyRole::Dek, &wrapped, &bind).await.expect("the key is still there");
    assert!(*back == plain(32), "the key that was only taken up is still there");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Capabilities, EmbeddedProvider, ProviderName, RootSlot};
    use async_trait::async_trait;
    use zeroize::Zeroizing;

    /// How a provider may be careless.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Careless {
        Binding,
        Role,
        Length,
        Deterministic,
    }

    struct Provider {
        inner: EmbeddedProvider,
        careless: Careless,
    }

    impl Provider {
        fn bent(&self, role: KeyRole, binding: &Binding) -> (KeyRole, Binding) {
            match self.careless {
                Careless::Binding => (role, Binding::new("any")),
                Careless::Role => (KeyRole::Data, binding.clone()),
                _ => (role, binding.clone()),
            }
        }
    }

    #[async_trait]
    impl KeyProvider for Provider {
        fn name(&self) -> &ProviderName {
            self.inner.name()
        }

        fn capabilities(&self) -> Capabilities {
            self.inner.capabilities()
        }

        async fn create_version(&self, new: NewVersion<'_>) -> Result<Vec<u8>, ProviderFault> {
            self.inner.create_version(new).await
        }

        async fn wrap(
            &self,
            version: VersionRef<'_>,
            role: KeyRole,
            plain: &[u8],
            binding: &Binding,
        ) -> Result<Vec<u8>, ProviderFault> {
            let (role, binding) = self.bent(role, binding);
            let plain = if self.careless == Careless::Length { &plain[..plain.len().min(1000)] } else { plain };
            if self.careless == Careless::Deterministic {
                return Ok(plain.iter().map(|byte| byte ^ 0x55).collect());
            }
            self.inner.wrap(version, role, plain, &binding).await
        }

        async fn unwrap(
            &self,
            version: VersionRef<'_>,
            role: KeyRole,
            wrapped: &[u8],
            binding: &Binding,
        ) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
            let (role, binding) = self.bent(role, binding);
            self.inner.unwrap(version, role, wrapped, &binding).await
        }

        async fn destroy(&self, version: VersionRef<'_>) -> Result<(), ProviderFault> {
            self.inner.destroy(version).await
        }

        fn forget(&self, uid: CmkUid) {
            self.inner.forget(uid);
        }
    }

    async fn run(careless: Careless) {
        let root = crypto::RootKey::from_secret(crypto::SecretBytes::fill_with(|bytes| bytes.fill(1)));
        let inner = EmbeddedProvider::new(RootSlot::new(root), Arc::new(testkit::SeededEntropy::new(7)));
        holds(&Subject::new(Arc::new(Provider { inner, careless }))).await;
    }

    #[tokio::test]
    #[should_panic(expected = "another binding")]
    async fn a_provider_that_ignores_bindings_does_not_pass() {
        run(Careless::Binding).await;
    }

    #[tokio::test]
    #[should_panic(expected = "another role")]
    async fn a_provider_that_ignores_roles_does_not_pass() {
        run(Careless::Role).await;
    }

    #[tokio::test]
    #[should_panic(expected = "come back as they were")]
    async fn a_provider_that_cuts_does_not_pass() {
        run(Careless::Length).await;
    }

    #[tokio::test]
    #[should_panic(expected = "differ")]
    async fn a_provider_without_randomness_does_not_pass() {
        run(Careless::Deterministic).await;
    }
}
