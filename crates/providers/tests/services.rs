//! The suite of all providers against services that are running, named by the environment; the black-box tests start
//! them and this (`tests/test_providers.py`). Without a name there is nothing to do here.
//!
//! `STRONGROOM_TEST_AWS_KMS` and `STRONGROOM_TEST_HUAWEI_DEW` are URLs, followed by the credentials: `URL ACCESS SECRET`,
//! for Huawei `URL ACCESS SECRET PROJECT CA-FILE`. `STRONGROOM_TEST_PKCS11` is `MODULE PIN TOKEN-LABEL`, the label last since
//! it may have blanks; `STRONGROOM_TEST_KMIP` is `HOST PORT CA-FILE CERTIFICATE-FILE KEY-FILE`.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use crypto::SystemEntropy;
use kms::conformance::{Subject, holds};
use kms::{KeyProvider, KeySpec, NewVersion, ProviderName};
use model::{Clock, CmkUid, Timestamp};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use strongroom_providers::{Endpoint, GuardConfig, Guarded, Kind, Secret, SystemTimer, open};
use zeroize::Zeroizing;

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
    }
}

fn words(variable: &str) -> Option<Vec<String>> {
    let text = std::env::var(variable).ok()?;
    Some(text.split_whitespace().map(str::to_owned).collect())
}

fn secret(text: &str) -> Secret {
    Secret::from_text(Zeroizing::new(text.to_owned())).unwrap()
}

fn opened(kind: Kind) -> Arc<Guarded> {
    let name = ProviderName::parse("outside").unwrap();
    let (timer, entropy) = (Arc::new(SystemTimer::new()), Arc::new(SystemEntropy));
    Arc::new(open(name, kind, GuardConfig::default(), Arc::new(Now), timer, entropy).unwrap())
}

fn aws(words: &[String]) -> Arc<Guarded> {
    opened(Kind::AwsKms {
        endpoint: Endpoint { url: words[0].clone(), ca_file: None },
        region: "eu-central-1".to_owned(),
        access_key: words[1].clone(),
        secret: secret(&words[2]),
        session_token: None,
    })
}

fn huawei(words: &[String]) -> Arc<Guarded> {
    opened(Kind::HuaweiDew {
        endpoint: Endpoint { url: words[0].clone(), ca_file: words.get(4).map(Into::into) },
        project: words[3].clone(),
        access_key: words[1].clone(),
        secret: secret(&words[2]),
    })
}

/// The name of a key at the service, from the reference to one that was made there.
async fn a_key_of(provider: &Guarded) -> String {
    let new = NewVersion { uid: CmkUid::from_bytes([1; 16]), version: 1, spec: KeySpec::Aes256, existing: None };
    let reference = provider.create_version(new).await.unwrap();
    String::from_utf8(reference[2..].to_vec()).unwrap()
}

#[tokio::test]
async fn aws_kms() {
    let Some(words) = words("STRONGROOM_TEST_AWS_KMS") else { return };
    let provider = aws(&words);
    let existing = a_key_of(&provider).await;
    let subject = Subject::new(provider).restarted_as(aws(&words)).with_existing(KeySpec::Aes256, &existing);
    holds(&subject).await;
}

#[tokio::test]
async fn huawei_dew() {
    let Some(words) = words("STRONGROOM_TEST_HUAWEI_DEW") else { return };
    let provider = huawei(&words);
    let existing = a_key_of(&provider).await;
    let subject = Subject::new(provider).restarted_as(huawei(&words)).with_existing(KeySpec::Aes256, &existing);
    holds(&subject).await;
}

/// As the operator names it: keys in a token are taken up by their labels.
#[tokio::test]
async fn pkcs11() {
    let Some(words) = words("STRONGROOM_TEST_PKCS11") else { return };
    let token = || {
        opened(Kind::Pkcs11 { module: words[0].clone().into(), token: words[2..].join(" "), pin: secret(&words[1]) })
    };
    let provider = token();
    // A uid that the suite does not use: a label must be of one key alone.
    let uid = CmkUid::from_bytes([0xee; 16]);
    let new = NewVersion { uid, version: 1, spec: KeySpec::Aes256, existing: None };
    provider.create_version(new).await.unwrap();
    let label = format!("strongroom {} version 1", uid.to_uuid());
    holds(&Subject::new(provider).restarted_as(token()).with_existing(KeySpec::Aes256, &label)).await;
}

#[tokio::test]
async fn kmip() {
    let Some(words) = words("STRONGROOM_TEST_KMIP") else { return };
    let manager = || {
        opened(Kind::Kmip {
            host: words[0].clone(),
            port: words[1].parse().unwrap(),
            ca_file: words[2].clone().into(),
            certificate_file: words[3].clone().into(),
            key_file: words[4].clone().into(),
        })
    };
    let provider = manager();
    let existing = a_key_of(&provider).await;
    let subject = Subject::new(provider).restarted_as(manager()).with_existing(KeySpec::Aes256, &existing);
    holds(&subject).await;
}
