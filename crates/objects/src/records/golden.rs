//! Golden files hold the layouts for ever: each record encodes to the bytes that were written down, and those bytes
//! decode. A new layout gets a new format version and a file of its own; the old files stay.

use super::*;
use crate::api::{ObjectHeaders, Tags};
use bytes::Bytes;
use model::codec::DecodeError;
use model::{AccountId, BlobId, BucketUid, ObjectName, PartNumber, StreamUid, Timestamp, VersionId, VersionUid};
use policy::{Acl, ConditionKey, Grant, Grantee, Ownership, Permission, PublicAccessBlock};
use proptest::prelude::*;
use sse::{BucketEncryption, ChecksumAlgorithm, DefaultMethod, Envelope, EtagRule};

fn stored(inline: bool) -> StoredStream {
    StoredStream {
        stream: StreamUid::from_bytes([0x11; 16]),
        blob: BlobId::from_bytes([0x22; 16]),
        inline,
        plain_bytes: 65_537,
    }
}

fn headers() -> ObjectHeaders {
    ObjectHeaders {
        content_type: Some("text/plain".into()),
        expires: Some("soon".into()),
        user_metadata: vec![("colour".into(), Bytes::from_static(b"gr\xc3\xbcn"))],
        ..ObjectHeaders::default()
    }
}

fn owner() -> AccountId {
    AccountId::parse("0123456789abcdef0123456789abcdef").unwrap()
}

fn envelope(file: &str) -> Envelope {
    Envelope::decode(&unhex(file)).unwrap()
}

fn object(envelope: Envelope) -> ObjectVersion {
    let sealed = !envelope.is_plain();
    ObjectVersion {
        version: VersionId::Null,
        uid: VersionUid::from_bytes([0x33; 16]),
        created: Timestamp::from_millis(1_800_000_000_123),
        owner: owner(),
        size: 65_537,
        etag: StoredEtag { public_md5: Some([0x44; 16]), parts: None },
        headers: headers(),
        envelope,
        content: Content::Single(stored(true)),
        checksum: Some((ChecksumAlgorithm::Crc64Nvme, false)),
        digests: Some(vec![0x55; 40]),
        code: sealed.then_some([0x66; 32]),
        acl: None,
        tags: Vec::new(),
    }
}

fn acl() -> Acl {
    let grant = |grantee, permission, delivered| Grant { grantee, permission, delivered };
    Acl {
        grants: vec![
            grant(Grantee::Account(owner()), Permission::FullControl, false),
            grant(Grantee::AllUsers, Permission::Read, true),
            grant(Grantee::AuthenticatedUsers, Permission::Write, false),
            grant(Grantee::LogDelivery, Permission::ReadAcp, false),
            grant(Grantee::Account(owner()), Permission::WriteAcp, false),
        ],
    }
}

fn tags() -> Tags {
    vec![("colour".into(), "grün".into()), ("empty".into(), String::new())]
}

/// The bytes of a golden file that nothing writes any more.
fn old(name: &str) -> Vec<u8> {
    let path = format!("{}/../../vectors/records/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    unhex(&std::fs::read_to_string(&path).unwrap())
}

fn unhex(file: &str) -> Vec<u8> {
    let text: String = file.lines().filter(|l| !l.starts_with('#')).flat_map(|l| l.split_whitespace()).collect();
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// Compares with the golden file; `STRONGROOM_WRITE_GOLDEN=1` writes a file that does not exist yet.
fn golden(name: &str, bytes: &[u8]) {
    let path = format!("{}/../../vectors/records/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("STRONGROOM_WRITE_GOLDEN").is_some() && !std::path::Path::new(&path).exists() {
        let lines: Vec<String> = bytes.chunks(32).map(|c| data_encoding::HEXLOWER.encode(c)).collect();
        std::fs::write(&path, format!("# {name}, see docs/formats\n{}\n", lines.join("\n"))).unwrap();
    }
    assert_eq!(unhex(&std::fs::read_to_string(&path).unwrap()), bytes, "{name}");
}

const ENVELOPES: [(&str, &str); 5] = [
    ("envelope-plain", include_str!("../../../../vectors/records/envelope-plain.hex")),
    ("envelope-obs", include_str!("../../../../vectors/records/envelope-obs.hex")),
    ("envelope-kms", include_str!("../../../../vectors/records/envelope-kms.hex")),
    ("envelope-kms-bucket-key", include_str!("../../../../vectors/records/envelope-kms-bucket-key.hex")),
    ("envelope-customer", include_str!("../../../../vectors/records/envelope-customer.hex")),
];

#[test]
fn envelopes() {
    for (name, file) in ENVELOPES {
        assert_eq!(envelope(file).encode(), unhex(file), "{name}");
    }
}

#[test]
fn versions() {
    for (name, file) in ENVELOPES {
        let version = Version::Object(Box::new(object(envelope(file))));
        let method = name.trim_start_matches("envelope-");
        golden(&format!("version-2-{method}"), &version.encode());
        assert_eq!(Version::decode(&version.encode()).unwrap().encode(), version.encode());
        let before = old(&format!("version-{method}"));
        assert_eq!(
            Version::decode(&before).unwrap().encode(),
            version.encode(),
            "{method}: format 1 reads as the same"
        );
    }
    let mut granted = object(envelope(ENVELOPES[1].1));
    granted.acl = Some(acl());
    granted.tags = tags();
    let granted = Version::Object(Box::new(granted));
    golden("version-2-acl-and-tags", &granted.encode());
    assert_eq!(Version::decode(&granted.encode()).unwrap().encode(), granted.encode());
    let mut multipart = object(envelope(ENVELOPES[2].1));
    multipart.content = Content::Parts;
    multipart.version = VersionId::Id([0x77; 16]);
    multipart.etag = StoredEtag { public_md5: None, parts: Some(2) };
    let name = ObjectName::parse("a/b".as_bytes()).unwrap();
    let covered = multipart.authenticated_bytes(BucketUid::from_bytes([0x88; 16]), &name, Some(b"layout"));
    golden("version-authenticated-bytes", &covered);
    let mut granted = multipart.clone();
    (granted.acl, granted.tags) = (Some(acl()), tags());
    let uncovered = granted.authenticated_bytes(BucketUid::from_bytes([0x88; 16]), &name, Some(b"layout"));
    assert_eq!(uncovered, covered, "ACL and tags change without the DEK");
    let multipart = Version::Object(Box::new(multipart));
    golden("version-2-multipart", &multipart.encode());
    assert_eq!(Version::decode(&old("version-multipart")).unwrap().encode(), multipart.encode());
    let marker = Version::DeleteMarker { version: VersionId::Null, created: Timestamp::from_millis(7), owner: owner() };
    golden("version-2-delete-marker", &marker.encode());
    assert_eq!(Version::decode(&old("version-delete-marker")).unwrap().encode(), marker.encode());
    assert_eq!(Version::decode(&marker.encode()).unwrap().encode(), marker.encode());
}

#[test]
fn the_rest() {
    let layout = Layout {
        parts: vec![LayoutPart { part: PartNumber::new(3).unwrap(), stored: stored(false), digests: vec![1, 2] }],
    };
    golden("layout", &layout.encode());
    assert_eq!(Layout::decode(&layout.encode()).unwrap(), layout);
    let part = PartRecord {
        stored: stored(false),
        created: Timestamp::from_millis(5),
        public_md5: Some([9; 16]),
        checksum: Some(ChecksumAlgorithm::Crc32),
        digests: vec![3],
    };
    golden("part", &part.encode());
    assert_eq!(PartRecord::decode(&part.encode()).unwrap(), part);
    let mut upload = UploadRecord {
        uid: VersionUid::from_bytes([0x33; 16]),
        created: Timestamp::from_millis(5),
        owner: owner(),
        etag_rule: EtagRule::CiphertextMd5,
        headers: headers(),
        envelope: envelope(ENVELOPES[4].1),
        checksum: Some((ChecksumAlgorithm::Crc32c, true)),
        escrow: Some(vec![4; 60]),
        acl: None,
        tags: Vec::new(),
        said: None,
        initiator: Some(owner()),
    };
    assert_eq!(UploadRecord::decode(&old("upload")).unwrap().encode(), upload.encode());
    upload.acl = Some(acl());
    upload.tags = tags();
    upload.said = Some(vec![
        (ConditionKey::ServerSideEncryption, "aws:kms".into()),
        (ConditionKey::SseKmsKeyId, "alias/x".into()),
        (ConditionKey::SseBucketKey, "true".into()),
        (ConditionKey::SseDataEncryption, "AES256".into()),
        (ConditionKey::SseCustomerAlgorithm, "AES256".into()),
        (ConditionKey::Acl, "public-read".into()),
        (ConditionKey::GrantRead, "id=a".into()),
        (ConditionKey::GrantWrite, "id=b".into()),
        (ConditionKey::GrantReadAcp, "id=c".into()),
        (ConditionKey::GrantWriteAcp, "id=d".into()),
        (ConditionKey::GrantFullControl, "id=e".into()),
        (ConditionKey::StorageClass, "STANDARD".into()),
    ]);
    golden("upload-2", &upload.encode());
    let read = UploadRecord::decode(&upload.encode()).unwrap();
    assert_eq!((&read.said, &read.initiator), (&upload.said, &upload.initiator));
    assert_eq!(read.encode(), upload.encode());
    upload.initiator = None;
    golden("upload-2-anonymous", &upload.encode());
    assert_eq!(UploadRecord::decode(&upload.encode()).unwrap().initiator, None);
    let mut bucket = BucketRecord {
        uid: BucketUid::from_bytes([0x88; 16]),
        owner: owner(),
        created: Timestamp::from_millis(6),
        revision: 2,
        encryption: Some(BucketEncryption {
            method: DefaultMethod::Kms,
            key_ref: Some("alias/x".into()),
            project_id: None,
            data_encryption: Some("AES256".into()),
            bucket_key: Some(true),
            rotation_days: Some(365),
        }),
        policy: None,
        policy_binds_root: false,
        acl: None,
        block: None,
        ownership: None,
        blocks_customer_keys: None,
    };
    assert_eq!(BucketRecord::decode(&old("bucket")).unwrap(), bucket);
    assert_eq!(BucketRecord::decode(&old("bucket-2-bare")).unwrap(), bucket);
    golden("bucket-3-bare", &bucket.encode());
    bucket.policy = Some("{ \"Statement\": [] }".into());
    bucket.policy_binds_root = true;
    bucket.acl = Some(acl());
    bucket.block = Some(PublicAccessBlock {
        block_public_acls: true,
        ignore_public_acls: false,
        block_public_policy: false,
        restrict_public_buckets: true,
    });
    bucket.ownership = Some(Ownership::BucketOwnerPreferred);
    assert_eq!(BucketRecord::decode(&old("bucket-2")).unwrap(), bucket);
    bucket.blocks_customer_keys = Some(true);
    golden("bucket-3", &bucket.encode());
    assert_eq!(BucketRecord::decode(&bucket.encode()).unwrap(), bucket);
    bucket.blocks_customer_keys = Some(false);
    assert_eq!(BucketRecord::decode(&bucket.encode()).unwrap(), bucket);
}

#[test]
fn what_is_not_known_is_refused() {
    let mut bytes = Version::Object(Box::new(object(Envelope::Plain))).encode();
    bytes[0] = 3;
    assert_eq!(Version::decode(&bytes).err(), Some(DecodeError("version record of unknown format version")));
    // A record that claims more grants than an ACL has is refused before they are read.
    let mut flooded = Version::Object(Box::new(object(Envelope::Plain))).encode();
    flooded.truncate(flooded.len() - 5);
    flooded.extend([1, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(Version::decode(&flooded).err(), Some(DecodeError("too many grants")));
    for (at, what) in [(0, "format"), (1, "method"), (2, "suite")] {
        let mut bytes = unhex(ENVELOPES[1].1);
        bytes[at] = 9;
        assert!(Envelope::decode(&bytes).is_err(), "{what}");
    }
    // A sealed method with plaintext segments would be "encrypted, says the record; plain, says the disk".
    let mut downgraded = unhex(ENVELOPES[1].1);
    downgraded[2] = 0;
    assert!(Envelope::decode(&downgraded).is_err());
}

proptest! {
    /// Damaged records are errors: no panic, and no allocation beyond the input.
    #[test]
    fn damaged_records_never_panic(file in 0usize..5, at in any::<prop::sample::Index>(), value: u8, cut in any::<prop::sample::Index>()) {
        let mut bytes = Version::Object(Box::new(object(envelope(ENVELOPES[file].1)))).encode();
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = Version::decode(&bytes);
        prop_assert!(Version::decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Version::decode(&bytes);
        let _ = Layout::decode(&bytes);
        let _ = UploadRecord::decode(&bytes);
        let _ = PartRecord::decode(&bytes);
        let _ = BucketRecord::decode(&bytes);
        let _ = Envelope::decode(&bytes);
    }
}
