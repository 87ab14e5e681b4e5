//! The Vault provider against a server that follows the published protocol, or breaks it in one way: the suite of all
//! providers, and what the wire can do to it.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

mod server;

use crypto::{Binding, KeyRole, SystemEntropy};
use kms::conformance::{Subject, holds};
use kms::{KeyProvider, KeySpec, NewVersion, ProviderFault, ProviderName, VersionRef};
use model::{Clock, CmkUid, Timestamp};
use server::{Mood, TOKEN, Vault};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use strongroom_providers::{Endpoint, GuardConfig, Guarded, Kind, Secret, SystemTimer, open};
use zeroize::Zeroizing;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_800_000_000)
    }
}

fn secret(text: &str) -> Secret {
    Secret::from_text(Zeroizing::new(text.to_owned())).unwrap()
}

fn provider(vault: &Vault, token: Secret) -> Guarded {
    let kind = Kind::Vault {
        endpoint: Endpoint { url: vault.url.clone(), ca_file: None },
        mount: "transit".to_owned(),
        namespace: Some("team".to_owned()),
        token,
    };
    let config = GuardConfig {
        tries_max: 1,
        timeout: Duration::from_secs(20),
        total: Duration::from_secs(20),
        ..GuardConfig::default()
    };
    let name = ProviderName::parse("vault").unwrap();
    open(name, kind, config, Arc::new(Fixed), Arc::new(SystemTimer::new()), Arc::new(SystemEntropy)).unwrap()
}

fn new(number: u8, existing: Option<&str>) -> NewVersion<'_> {
    NewVersion { uid: CmkUid::from_bytes([number; 16]), version: 1, spec: KeySpec::Aes256, existing }
}

fn at(number: u8, reference: &[u8]) -> VersionRef<'_> {
    VersionRef { uid: CmkUid::from_bytes([number; 16]), version: 1, spec: KeySpec::Aes256, reference }
}

const KEY: [u8; 32] = [9; 32];

fn binding() -> Binding {
    Binding::new("test")
}

async fn wrap(provider: &Guarded, reference: &[u8]) -> Result<Vec<u8>, ProviderFault> {
    provider.wrap(at(1, reference), KeyRole::Dek, &KEY, &binding()).await
}

async fn unwrap(provider: &Guarded, reference: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
    provider.unwrap(at(1, reference), KeyRole::Dek, wrapped, &binding()).await
}

#[tokio::test]
async fn the_suite_of_all_providers() {
    let vault = Vault::start().await;
    vault.make("operators-key", "aes256-gcm96");
    let subject = Subject::new(Arc::new(provider(&vault, secret(TOKEN))))
        .restarted_as(Arc::new(provider(&vault, secret(TOKEN))))
        .with_existing(KeySpec::Aes256, "operators-key");
    holds(&subject).await;
    assert!(vault.key_names().contains(&"operators-key".to_owned()));
}

#[tokio::test]
async fn keys_that_were_made_are_destroyed_and_keys_taken_up_are_not() {
    let vault = Vault::start().await;
    vault.make("operators-key", "aes256-gcm96");
    let provider = provider(&vault, secret(TOKEN));
    let made = provider.create_version(new(1, None)).await.unwrap();
    assert_eq!(vault.key_names().len(), 2);
    provider.destroy(at(1, &made)).await.unwrap();
    assert_eq!(vault.key_names(), ["operators-key"]);
    provider.destroy(at(1, &made)).await.unwrap();
    let taken = provider.create_version(new(2, Some("operators-key"))).await.unwrap();
    provider.destroy(at(2, &taken)).await.unwrap();
    assert_eq!(vault.key_names(), ["operators-key"]);
}

#[tokio::test]
async fn only_keys_that_can_serve_are_taken_up() {
    let vault = Vault::start().await;
    vault.make("rsa", "rsa-4096");
    let provider = provider(&vault, secret(TOKEN));
    for name in ["rsa", "missing", "../keys/rsa", "a/b", "", ".hidden", "a b"] {
        let refused = provider.create_version(new(1, Some(name))).await;
        assert!(matches!(refused, Err(ProviderFault::Refused(_))), "{name}: {refused:?}");
    }
    assert!(vault.state.lock().unwrap().requests.iter().all(|line| !line.contains("..")));
}

#[tokio::test]
async fn rotated_at_the_engine_old_wraps_still_open() {
    let vault = Vault::start().await;
    let provider = provider(&vault, secret(TOKEN));
    let reference = provider.create_version(new(1, None)).await.unwrap();
    let before = wrap(&provider, &reference).await.unwrap();
    vault.rotate_all();
    let after = wrap(&provider, &reference).await.unwrap();
    for wrapped in [before, after] {
        assert_eq!(*unwrap(&provider, &reference, &wrapped).await.unwrap(), KEY);
    }
}

#[tokio::test]
async fn each_mood_of_the_wire_is_a_fault_and_none_a_key() {
    let vault = Vault::start().await;
    let provider = provider(&vault, secret(TOKEN));
    let reference = provider.create_version(new(1, None)).await.unwrap();
    let wrapped = wrap(&provider, &reference).await.unwrap();
    for (mood, kind) in [
        (Mood::Sealed, "not available"),
        (Mood::Standby, "not available"),
        (Mood::Throttling, "fewer requests"),
        (Mood::Truncated, "not available"),
        (Mood::Endless, "something else"),
        (Mood::Html, "something else"),
        (Mood::Shuffled, "something else"),
    ] {
        vault.be(mood);
        let fault = unwrap(&provider, &reference, &wrapped).await.unwrap_err().to_string();
        assert!(fault.contains(kind), "{mood:?}: {fault}");
        assert!(!fault.contains(TOKEN) && !fault.contains("portal"), "{fault}");
        vault.be(Mood::Honest);
        assert_eq!(*unwrap(&provider, &reference, &wrapped).await.unwrap(), KEY, "after {mood:?}");
    }
}

#[tokio::test]
async fn connections_are_kept_and_closed_ones_replaced() {
    let vault = Vault::start().await;
    let provider = provider(&vault, secret(TOKEN));
    let reference = provider.create_version(new(1, None)).await.unwrap();
    for _ in 0..20 {
        wrap(&provider, &reference).await.unwrap();
    }
    assert_eq!(vault.state.lock().unwrap().connections, 1);
    // Closed by the server between two requests: at most the one that raced with it is lost, and none is sent twice.
    vault.be(Mood::Closing);
    let sent = vault.state.lock().unwrap().requests.len();
    let mut ok = 0;
    for _ in 0..20 {
        ok += usize::from(wrap(&provider, &reference).await.is_ok());
    }
    let handled = vault.state.lock().unwrap().requests.len() - sent;
    // Each wrap is tried by an unwrap before it counts.
    assert!(ok >= 1 && handled >= 2 * ok && handled <= 40, "{ok} of {handled}");
}

#[tokio::test]
async fn a_replaced_token_is_read_again_and_a_wrong_one_refused() {
    let vault = Vault::start().await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    let write = |path: &Path, text: &str| {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write(&path, TOKEN);
    let provider = provider(&vault, Secret::from_file(&path).unwrap());
    let reference = provider.create_version(new(1, None)).await.unwrap();
    vault.state.lock().unwrap().token = "hvs.renewed".to_owned();
    let refused = wrap(&provider, &reference).await.unwrap_err();
    assert_eq!(refused, ProviderFault::Refused("encrypt: status 403".to_owned()));
    write(&path, "hvs.renewed\n");
    wrap(&provider, &reference).await.unwrap();
}
