//! Golden records: what this version writes is what vectors/kms holds, and what it holds stays readable for ever.
//!
//! After an intended change of a format, write a new file under a new name with `STRONGROOM_WRITE_VECTORS=1`; the old
//! file stays and stays readable.

use crate::setup::{DECRYPT, Setup, me, new_key};
use crypto::{Dek, Wrappable};
use data_encoding::HEXLOWER;
use model::{BucketUid, ProjectUid};
use policy::{Action, ContextConstraint, KeyGrant};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use store::Table;
use strongroom_kms::{CmkWrapped, CreateCmk, EncryptionContext, KeyFilter, KeyService, KeyState, KmsError, NewGrant};

const TABLES: [Table; 6] =
    [Table::System, Table::Cmks, Table::CmkVersions, Table::CmkAliases, Table::CmkGrants, Table::InternalKeys];
const GRANTEE: &str = "arn:aws:iam::000000000098:user/bob";
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000097:root"},"Action":"kms:*","Resource":"*"}]}"#;
const BUCKET: BucketUid = BucketUid::from_bytes([0xb0; 16]);

/// What the present version writes.
const PRESENT: &str = "records-v2.txt";

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/kms").join(name)
}

fn context() -> EncryptionContext {
    let pairs = [("aws:s3:arn", "arn:aws:s3:::bucket/name"), ("purpose", "golden")];
    EncryptionContext::from_pairs(pairs.map(|(k, v)| (k.to_owned(), v.to_owned()))).unwrap()
}

/// Every kind of record there is, from seeded randomness and a standing clock; `name<TAB>key<TAB>value` in hexadecimal.
async fn write() -> String {
    let setup = Setup::new();
    let service = setup.open().await;
    service.default_key(&me(), DECRYPT).await.unwrap();
    let enabled = service.create(&me(), new_key("enabled")).await.unwrap().id;
    let disabled = service.create(&me(), new_key("gesperrt: ü")).await.unwrap().id;
    let pending = service.create(&me(), new_key("")).await.unwrap().id;
    service.create_alias(&me(), "alias/mine", &enabled).await.unwrap();
    let rich = CreateCmk {
        project: Some(ProjectUid::from_bytes([0x70; 16])),
        alias: Some("rich".to_owned()),
        tags: vec![("purpose".to_owned(), "golden".to_owned()), ("empty".to_owned(), String::new())],
        policy: Some(POLICY.to_owned()),
        ..new_key("everything")
    };
    let rich = service.create(&me(), rich).await.unwrap().id;
    let pairs = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), String::new())]);
    for (constraint, retiring) in [
        (None, None),
        (Some(ContextConstraint::Equals(pairs.clone())), Some(GRANTEE.to_owned())),
        (Some(ContextConstraint::Subset(pairs)), None),
    ] {
        let grant = NewGrant {
            grantee: GRANTEE.to_owned(),
            retiring,
            operations: KeyGrant::OPERATIONS.to_vec(),
            constraint,
            name: "golden".to_owned(),
        };
        service.create_grant(&me(), &rich, grant).await.unwrap();
    }
    service.disable(&me(), &disabled).await.unwrap();
    service.schedule_deletion(&me(), &pending, 30, false).await.unwrap();
    let proof = service.authorize_use(&me(), &enabled, Action::KmsGenerateDataKey, &context()).await.unwrap();
    let (dek, wrapped) = service.generate::<Dek>(&proof, &context()).await.unwrap();
    let metadata = service.metadata_key().await.unwrap();
    service.secrets_key().await.unwrap();
    let sse_obs = service.sse_obs_key(BUCKET).await.unwrap();

    let mut text = String::new();
    for table in TABLES {
        for (key, value) in setup.rows(table) {
            writeln!(text, "{}\t{}\t{}", table.name(), HEXLOWER.encode(&key), HEXLOWER.encode(&value)).unwrap();
        }
    }
    let note = metadata.seal_note(&[1; 16], b"note");
    for (name, key, value) in [
        ("blob", dek.as_secret().expose().as_slice(), wrapped.as_bytes()),
        ("sse-obs-key", BUCKET.as_bytes(), sse_obs.as_secret().expose()),
        ("metadata-note", &[1; 16], &note),
    ] {
        writeln!(text, "{name}\t{}\t{}", HEXLOWER.encode(key), HEXLOWER.encode(value)).unwrap();
    }
    text
}

#[tokio::test]
async fn what_is_written_is_what_was_written() {
    let written = write().await;
    if std::env::var_os("STRONGROOM_WRITE_VECTORS").is_some() {
        std::fs::write(file(PRESENT), &written).unwrap();
    }
    assert_eq!(written, std::fs::read_to_string(file(PRESENT)).unwrap());
}

#[tokio::test]
async fn what_was_written_in_the_first_format_is_read() {
    let (service, _) = read("records-v1.txt").await;
    assert_eq!(service.list(&me()).await.unwrap().len(), 4);
}

#[tokio::test]
async fn what_was_written_is_read() {
    let (service, _) = read(PRESENT).await;
    let rich = service.resolve(&me(), "alias/rich", DECRYPT).unwrap();
    let described = service.describe(&me(), &rich).await.unwrap();
    assert_eq!(described.project, Some(ProjectUid::from_bytes([0x70; 16])));
    assert_eq!(described.tags.len(), 2);
    assert_eq!(service.key_policy(&me(), &rich).await.unwrap(), POLICY);
    let grants = service.grants(&me(), &rich).await.unwrap();
    assert_eq!(grants.len(), 3);
    assert!(grants.iter().all(|grant| grant.grant.operations == KeyGrant::OPERATIONS));
}

/// Opens a service over the rows of a file, and holds what every file has in common.
async fn read(name: &str) -> (Arc<KeyService>, Setup) {
    let setup = Setup::new();
    let golden = std::fs::read_to_string(file(name)).unwrap();
    let mut extra = Vec::new();
    for line in golden.lines() {
        let [name, key, value]: [&str; 3] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let (key, value) = (HEXLOWER.decode(key.as_bytes()).unwrap(), HEXLOWER.decode(value.as_bytes()).unwrap());
        match TABLES.iter().find(|table| table.name() == name) {
            Some(table) => setup.put(*table, &key, &value).await,
            None => extra.push((name, key, value)),
        }
    }
    let service = setup.open().await;
    let described = service.list_detailed(&me(), &KeyFilter::default()).await.unwrap();
    let by = |text: &str| described.iter().find(|cmk| cmk.description == text).unwrap();
    assert_eq!(by("gesperrt: ü").state, KeyState::Disabled);
    assert_eq!(by("").state.name(), "PendingDeletion");
    let mine = service.resolve(&me(), "alias/mine", DECRYPT).unwrap();
    assert_eq!(service.describe(&me(), &mine).await.unwrap().state, KeyState::Enabled);
    assert_eq!(service.resolve(&me(), "obs/default", DECRYPT), service.resolve(&me(), "alias/aws/s3", DECRYPT));

    let of = |wanted: &str| extra.iter().find(|(name, ..)| *name == wanted).map(|(_, k, v)| (k, v)).unwrap();
    let (dek, blob) = of("blob");
    let wrapped = CmkWrapped::<Dek>::from_bytes(blob).unwrap();
    let cmk = service.resolve(&me(), &wrapped.cmk_uid().to_uuid(), DECRYPT).unwrap();
    let proof = service.authorize_use(&me(), &cmk, Action::KmsDecrypt, &context()).await.unwrap();
    let opened = service.unwrap(&proof, &wrapped, &context()).await.unwrap();
    assert_eq!(opened.as_secret().expose().as_slice(), dek.as_slice());
    let proof = service.authorize_use(&me(), &cmk, Action::KmsDecrypt, &EncryptionContext::new()).await.unwrap();
    let other = service.unwrap(&proof, &wrapped, &EncryptionContext::new()).await.map(drop);
    assert_eq!(other, Err(KmsError::InvalidCiphertext));
    let (_, sse_obs) = of("sse-obs-key");
    assert_eq!(service.sse_obs_key(BUCKET).await.unwrap().as_secret().expose().as_slice(), sse_obs.as_slice());
    let (_, note) = of("metadata-note");
    assert_eq!(service.metadata_key().await.unwrap().open_note(&[1; 16], note).unwrap().as_slice(), b"note");
    (service, setup)
}
