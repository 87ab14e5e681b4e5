//! Golden records: what this version writes is what vectors/kms holds, and what it holds stays readable for ever.
//!
//! After an intended change of a format, write a new file under a new name with `STRONGROOM_WRITE_VECTORS=1`; the old
//! file stays and stays readable.

use crate::setup::{DECRYPT, Setup, me, new_key};
use crypto::{Dek, Wrappable};
use data_encoding::HEXLOWER;
use model::BucketUid;
use policy::Action;
use std::fmt::Write;
use std::path::PathBuf;
use store::Table;
use strongroom_kms::{CmkWrapped, EncryptionContext, KeyState, KmsError};

const TABLES: [Table; 5] = [Table::System, Table::Cmks, Table::CmkVersions, Table::CmkAliases, Table::InternalKeys];
const BUCKET: BucketUid = BucketUid::from_bytes([0xb0; 16]);

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/kms/records-v1.txt")
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
        std::fs::create_dir_all(file().parent().unwrap()).unwrap();
        std::fs::write(file(), &written).unwrap();
    }
    assert_eq!(written, std::fs::read_to_string(file()).unwrap());
}

#[tokio::test]
async fn what_was_written_is_read() {
    let setup = Setup::new();
    let golden = std::fs::read_to_string(file()).unwrap();
    let mut extra = Vec::new();
    for line in golden.lines() {
        let [name, key, value] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (key, value) = (HEXLOWER.decode(key.as_bytes()).unwrap(), HEXLOWER.decode(value.as_bytes()).unwrap());
        match TABLES.iter().find(|table| table.name() == name) {
            Some(table) => setup.put(*table, &key, &value).await,
            None => extra.push((name, key, value)),
        }
    }
    let service = setup.open().await;
    let state = |cmk| service.describe(&me(), &cmk).unwrap().state;
    let described: Vec<_> =
        service.list(&me()).unwrap().into_iter().map(|cmk| service.describe(&me(), &cmk).unwrap()).collect();
    assert_eq!(described.len(), 4);
    let by = |text: &str| described.iter().find(|cmk| cmk.description == text).unwrap();
    assert_eq!(by("gesperrt: ü").state, KeyState::Disabled);
    assert_eq!(by("").state.name(), "PendingDeletion");
    assert_eq!(service.resolve(&me(), "alias/mine", DECRYPT).map(&state), Ok(KeyState::Enabled));
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
}
