//! Golden files: what version 1 has written must open for ever. The files stand in `vectors/crypto/golden/`; an
//! independent program, `vectors/crypto/check_golden.py`, derives the same bytes from the docs.
//!
//! They were written by this test with `STRONGROOM_WRITE_GOLDEN=1`, which writes missing files only: a difference is a
//! break of the stored format, not a reason to write them anew.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

mod common;

use common::{Counting, body, open_all, seal_all, secret, uid};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use std::path::Path;
use strongroom_crypto::{
    Binding, BucketKey, CmkMaterial, CustomerKey, DataCipher, Dek, Kek, MetadataKey, RootKey, SecretBytes, SecretsKey,
    StreamOpener, StreamSealer, Wrappable, Wrapped, unwrap, unwrap_dek, wrap, wrap_dek,
};

const SIZES: [usize; 5] = [0, 1, 65_535, 65_536, 65_537];
const DEK: u8 = 0x00;
const KEK: u8 = 0x40;
const WRAPPED_KEY: u8 = 0x80;
const NOTE_ID: [u8; 16] = *b"golden note id 1";
const RECORD: &[u8] = b"a record of golden bytes";
const NOTE: &[u8] = b"a value that must not stand in clear";

/// Reads a golden file, writing it first if it is missing and that was asked for.
fn golden(name: &str, written: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/crypto/golden").join(name);
    if std::env::var_os("STRONGROOM_WRITE_GOLDEN").is_some() && !path.exists() {
        std::fs::write(&path, written()).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn binding() -> Binding {
    Binding::new("golden").field(b"bucket").field(b"").field(&[0, 1, 2, 255])
}

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn bytes(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn wrapped<W: Kek, K: Wrappable>(kek: &W, entropy: &Counting) -> Value {
    let key = K::from_secret(secret(WRAPPED_KEY));
    let wrapped = wrap(kek, &key, &binding(), entropy);
    json!({ "kek": W::KEK_LABEL, "key": K::ROLE.label(), "wrapped": hex(wrapped.as_bytes()) })
}

fn opens<W: Kek, K: Wrappable>(kek: &W, entry: &Value) {
    assert_eq!((entry["kek"].as_str(), entry["key"].as_str()), (Some(W::KEK_LABEL), Some(K::ROLE.label())));
    let wrapped = Wrapped::<K>::from_bytes(bytes(&entry["wrapped"]).try_into().unwrap());
    let key = unwrap(kek, &wrapped, &binding()).unwrap_or_else(|_| panic!("{entry} does not unwrap"));
    assert_eq!(key.as_secret().expose(), secret(WRAPPED_KEY).expose(), "{entry}");
}

/// Every value of `golden.json`, from the keys and texts above.
fn written() -> Value {
    let (root, cmk, bucket, customer) = (
        RootKey::from_secret(secret(KEK)),
        CmkMaterial::from_secret(secret(KEK)),
        BucketKey::from_secret(secret(KEK)),
        CustomerKey::from_secret(secret(KEK)),
    );
    let (dek, entropy) = (Dek::from_secret(secret(DEK)), Counting::default());
    json!({
        "dek": hex(secret(DEK).expose()),
        "stream_uid": hex(uid(0x30).as_bytes()),
        "stream_sizes": SIZES,
        "kek": hex(secret(KEK).expose()),
        "wrapped_key": hex(secret(WRAPPED_KEY).expose()),
        "binding": { "domain": "golden", "fields": [hex(b"bucket"), "", "000102ff"], "bytes": hex(binding().as_bytes()) },
        "wraps": [
            wrapped::<_, CmkMaterial>(&root, &entropy),
            wrapped::<_, BucketKey>(&root, &entropy),
            wrapped::<_, MetadataKey>(&root, &entropy),
            wrapped::<_, SecretsKey>(&root, &entropy),
            wrapped::<_, BucketKey>(&cmk, &entropy),
            wrapped::<_, Dek>(&cmk, &entropy),
            wrapped::<_, SecretBytes<32>>(&cmk, &entropy),
            wrapped::<_, Dek>(&bucket, &entropy),
            wrapped::<_, Dek>(&customer, &entropy),
        ],
        "record": hex(RECORD),
        "record_mac": hex(&dek.record_mac(DataCipher::Aes256Gcm, RECORD)),
        "note_id": hex(&NOTE_ID),
        "note_plain": hex(NOTE),
        "notes": {
            "dek": hex(&dek.seal_note(DataCipher::Aes256Gcm, &NOTE_ID, NOTE)),
            "metadata": hex(&MetadataKey::from_secret(secret(DEK)).seal_note(&NOTE_ID, NOTE)),
            "secrets": hex(&SecretsKey::from_secret(secret(DEK)).seal_note(&NOTE_ID, NOTE)),
        },
    })
}

fn sealed(suite: &str, size: usize) -> Vec<u8> {
    let dek = Dek::from_secret(secret(DEK));
    let sealer = match suite {
        "plain" => StreamSealer::plain(uid(0x30)),
        "sm4" => StreamSealer::sealed(DataCipher::Sm4Gcm, &dek, uid(0x30)),
        _ => StreamSealer::sealed(DataCipher::Aes256Gcm, &dek, uid(0x30)),
    };
    seal_all(sealer, &body(size))
}

#[test]
fn old_keys_records_and_notes_open() {
    let golden = golden("golden.json", || (serde_json::to_string_pretty(&written()).unwrap() + "\n").into_bytes());
    let golden: Value = serde_json::from_slice(&golden).unwrap();
    assert_eq!(golden, written(), "with the same salts, the same bytes are written");

    let (root, cmk) = (RootKey::from_secret(secret(KEK)), CmkMaterial::from_secret(secret(KEK)));
    let wraps = &golden["wraps"];
    opens::<_, CmkMaterial>(&root, &wraps[0]);
    opens::<_, BucketKey>(&root, &wraps[1]);
    opens::<_, MetadataKey>(&root, &wraps[2]);
    opens::<_, SecretsKey>(&root, &wraps[3]);
    opens::<_, BucketKey>(&cmk, &wraps[4]);
    opens::<_, Dek>(&cmk, &wraps[5]);
    opens::<_, SecretBytes<32>>(&cmk, &wraps[6]);
    opens::<_, Dek>(&BucketKey::from_secret(secret(KEK)), &wraps[7]);
    opens::<_, Dek>(&CustomerKey::from_secret(secret(KEK)), &wraps[8]);

    let dek = Dek::from_secret(secret(DEK));
    assert!(
        dek.verify_record(DataCipher::Aes256Gcm, RECORD, &bytes(&golden["record_mac"]).try_into().unwrap()).is_ok()
    );
    let notes = &golden["notes"];
    let (metadata, secrets) = (MetadataKey::from_secret(secret(DEK)), SecretsKey::from_secret(secret(DEK)));
    assert_eq!(*dek.open_note(DataCipher::Aes256Gcm, &NOTE_ID, &bytes(&notes["dek"])).unwrap(), NOTE);
    assert_eq!(*metadata.open_note(&NOTE_ID, &bytes(&notes["metadata"])).unwrap(), NOTE);
    assert_eq!(*secrets.open_note(&NOTE_ID, &bytes(&notes["secrets"])).unwrap(), NOTE);
}

/// What lies below and beside the DEK of an object whose data cipher is SM4.
fn written_sm4() -> Value {
    fn wrapped<W: Kek>(kek: &W, entropy: &Counting) -> Value {
        let wrapped = wrap_dek(DataCipher::Sm4Gcm, kek, &Dek::from_secret(secret(WRAPPED_KEY)), &binding(), entropy);
        json!({ "kek": W::KEK_LABEL, "wrapped": hex(wrapped.as_bytes()) })
    }
    let (dek, entropy) = (Dek::from_secret(secret(DEK)), Counting::default());
    json!({
        "wraps": [
            wrapped(&BucketKey::from_secret(secret(KEK)), &entropy),
            wrapped(&CustomerKey::from_secret(secret(KEK)), &entropy),
        ],
        "record_mac": hex(&dek.record_mac(DataCipher::Sm4Gcm, RECORD)),
        "note": hex(&dek.seal_note(DataCipher::Sm4Gcm, &NOTE_ID, NOTE)),
    })
}

#[test]
fn old_keys_records_and_notes_of_sm4_open() {
    let file =
        golden("golden-sm4.json", || (serde_json::to_string_pretty(&written_sm4()).unwrap() + "\n").into_bytes());
    let golden: Value = serde_json::from_slice(&file).unwrap();
    assert_eq!(golden, written_sm4(), "with the same salts, the same bytes are written");
    let dek = Dek::from_secret(secret(DEK));
    assert!(dek.verify_record(DataCipher::Sm4Gcm, RECORD, &bytes(&golden["record_mac"]).try_into().unwrap()).is_ok());
    assert_eq!(*dek.open_note(DataCipher::Sm4Gcm, &NOTE_ID, &bytes(&golden["note"])).unwrap(), NOTE);
    let wrapped = Wrapped::<Dek>::from_bytes(bytes(&golden["wraps"][0]["wrapped"]).try_into().unwrap());
    let kek = BucketKey::from_secret(secret(KEK));
    let opened = unwrap_dek(DataCipher::Sm4Gcm, &kek, &wrapped, &binding()).unwrap();
    assert_eq!(opened.as_secret().expose(), secret(WRAPPED_KEY).expose());
    assert!(unwrap_dek(DataCipher::Aes256Gcm, &kek, &wrapped, &binding()).is_err(), "the suites do not meet");
}

#[test]
fn old_streams_open() {
    let dek = Dek::from_secret(secret(DEK));
    let sealed_as = |cipher| StreamOpener::sealed(cipher, &dek, uid(0x30));
    let openers = [
        ("plain", StreamOpener::plain(uid(0x30))),
        ("aes", sealed_as(DataCipher::Aes256Gcm)),
        ("sm4", sealed_as(DataCipher::Sm4Gcm)),
    ];
    for (suite, opener) in openers {
        for size in SIZES {
            let golden = golden(&format!("stream-{suite}-{size}.bin"), || sealed(suite, size));
            assert!(golden == sealed(suite, size), "{suite} {size}: sealing now writes other bytes");
            assert!(open_all(&opener, &golden) == Ok(body(size)), "{suite} {size}: the golden stream does not open");
        }
    }
}
