//! Vectors wrong on purpose, each named for its fault. Every one is refused, with the one error there is, and leaves no
//! plaintext behind.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::{Counting, body, open_all, seal_all, secret, segments, uid};
use model::StreamUid;
use strongroom_crypto::{
    Binding, BucketKey, CmkMaterial, CustomerKey, DataCipher, Dek, MetadataKey, OpenError, RootKey, SEGMENT_BYTES,
    SealMisuse, SecretBytes, SecretsKey, StreamOpener, StreamSealer, UnwrapError, WRAPPED_BYTES, Wrapped, unwrap, wrap,
};

const AES: DataCipher = DataCipher::Aes256Gcm;
const SM4: DataCipher = DataCipher::Sm4Gcm;

fn dek() -> Dek {
    Dek::from_secret(secret(0))
}

/// Every suite: a sealer and an opener of the same stream, and its tag length.
fn suites(uid: StreamUid) -> [(StreamSealer, StreamOpener, usize); 3] {
    let sealed = |cipher| (StreamSealer::sealed(cipher, &dek(), uid), StreamOpener::sealed(cipher, &dek(), uid), 16);
    [sealed(DataCipher::Aes256Gcm), sealed(DataCipher::Sm4Gcm), (StreamSealer::plain(uid), StreamOpener::plain(uid), 4)]
}

/// Two full segments and a short one.
const THREE_SEGMENTS: usize = 2 * SEGMENT_BYTES + 1000;

#[test]
fn streams_changed_in_the_store() {
    type Change = fn(&mut Vec<u8>, usize);
    let changes: [(&str, Change); 9] = [
        ("segments_swapped", |s, t| {
            let (a, b) = s.split_at_mut(SEGMENT_BYTES + t);
            a.swap_with_slice(&mut b[..SEGMENT_BYTES + t]);
        }),
        ("segment_repeated", |s, t| {
            let (a, b) = s.split_at_mut(SEGMENT_BYTES + t);
            b[..SEGMENT_BYTES + t].copy_from_slice(a);
        }),
        ("segment_dropped", |s, t| {
            s.drain(..SEGMENT_BYTES + t);
        }),
        ("truncated_at_a_segment_boundary", |s, t| s.truncate(2 * (SEGMENT_BYTES + t))),
        ("truncated_by_one_byte", |s, _| {
            s.pop();
        }),
        ("truncated_to_nothing", |s, _| s.clear()),
        ("one_byte_appended", |s, _| s.push(0)),
        ("last_segment_appended_again", |s, t| s.extend_from_within(2 * (SEGMENT_BYTES + t)..)),
        ("tag_flipped", |s, _| *s.last_mut().unwrap() ^= 0x80),
    ];
    for (name, change) in changes {
        for (sealer, opener, tag) in suites(uid(0)) {
            let mut stored = seal_all(sealer, &body(THREE_SEGMENTS));
            assert_eq!(open_all(&opener, &stored).map(|plain| plain.len()), Ok(THREE_SEGMENTS));
            change(&mut stored, tag);
            assert!(open_all(&opener, &stored).is_err(), "{name}, tag of {tag} bytes");
        }
    }
}

#[test]
fn segments_opened_where_they_do_not_belong() {
    for (sealer, opener, tag) in suites(uid(0)) {
        let stored = seal_all(sealer, &body(THREE_SEGMENTS));
        let stored: Vec<_> = segments(&stored, tag).collect();
        let mut out = vec![0xee; SEGMENT_BYTES];
        let mut refused = |name: &str, index, last, sealed: &[u8]| {
            let out = &mut out[..sealed.len() - tag];
            out.fill(0xee);
            assert_eq!(opener.open_segment(index, last, sealed, out), Err(OpenError), "{name}");
            assert!(out.iter().all(|&byte| byte == 0), "{name}: something was left in the output");
        };
        refused("final_flag_missing", 2, false, stored[2]);
        refused("final_flag_added", 1, true, stored[1]);
        refused("index_wrong", 0, false, stored[1]);
        refused("index_of_another_byte_order", 1 << 48, false, stored[1]);
        refused("index_beyond_the_end", 1 << 56, false, stored[0]);
        refused("index_that_wraps_round", (1 << 56) | 1, false, stored[1]);
        refused("short_segment_in_the_middle", 1, false, &stored[1][..1000]);
        refused("empty_last_segment_after_others", 1, true, &stored[1][..tag]);
    }
}

#[test]
fn output_of_the_wrong_length() {
    for (sealer, opener, tag) in suites(uid(0)) {
        let stored = seal_all(sealer, &body(1000));
        for length in [0, 999, 1001, 1000 + tag, 5000] {
            let mut out = vec![0xee; length];
            assert_eq!(opener.open_segment(0, true, &stored, &mut out), Err(OpenError), "{length}");
            assert!(out.iter().all(|&byte| byte == 0));
        }
    }
}

#[test]
fn streams_of_others() {
    for ((sealer, _, tag), (_, other, _)) in suites(uid(0)).into_iter().zip(suites(uid(1))) {
        let stored = seal_all(sealer, &body(1000));
        assert!(open_all(&other, &stored).is_err(), "wrong_stream_uid, tag of {tag} bytes");
    }
    for (cipher, other) in [(AES, SM4), (SM4, AES)] {
        let stored = seal_all(StreamSealer::sealed(cipher, &dek(), uid(0)), &body(1000));
        let stranger = StreamOpener::sealed(cipher, &Dek::from_secret(secret(1)), uid(0));
        assert!(open_all(&stranger, &stored).is_err(), "wrong_dek");
        assert!(open_all(&StreamOpener::plain(uid(0)), &stored).is_err(), "suite_downgraded");
        assert!(open_all(&StreamOpener::sealed(other, &dek(), uid(0)), &stored).is_err(), "suite_changed");
        let clear = seal_all(StreamSealer::plain(uid(0)), &body(1000));
        assert!(open_all(&StreamOpener::sealed(cipher, &dek(), uid(0)), &clear).is_err(), "suite_upgraded");
    }
}

#[test]
fn misuse_seals_nothing() {
    for (mut sealer, opener, tag) in suites(uid(0)) {
        let full = body(SEGMENT_BYTES + 1);
        let mut out = vec![0xee; SEGMENT_BYTES + 1 + tag];
        let mut attempt = |sealer: &mut StreamSealer, plain: usize, last, length: usize| {
            sealer.seal_segment(&full[..plain], last, &mut out[..length])
        };
        assert_eq!(attempt(&mut sealer, 10, false, 10 + tag), Err(SealMisuse::SegmentLength), "short, not last");
        assert_eq!(
            attempt(&mut sealer, SEGMENT_BYTES + 1, true, SEGMENT_BYTES + 1 + tag),
            Err(SealMisuse::SegmentLength)
        );
        assert_eq!(attempt(&mut sealer, 10, true, 10), Err(SealMisuse::OutputLength));
        assert_eq!(attempt(&mut sealer, 10, true, 11 + tag), Err(SealMisuse::OutputLength));
        assert_eq!(attempt(&mut sealer, SEGMENT_BYTES, false, SEGMENT_BYTES + tag), Ok(()));
        assert_eq!(attempt(&mut sealer, 0, true, tag), Err(SealMisuse::SegmentLength), "empty after others");
        assert_eq!(attempt(&mut sealer, 10, true, 10 + tag), Ok(()));
        assert_eq!(attempt(&mut sealer, 10, true, 10 + tag), Err(SealMisuse::AfterLast));

        // The refusals moved nothing: the two segments that were sealed stand at 0 and 1.
        let mut plain = vec![0; 10];
        assert_eq!(opener.open_segment(1, true, &out[..10 + tag], &mut plain), Ok(()));
        assert_eq!(plain, full[..10]);
    }
}

fn binding() -> Binding {
    Binding::new("test").field(b"bucket").field(b"version")
}

#[test]
fn wraps_changed_in_the_store() {
    let kek = BucketKey::from_secret(secret(9));
    let wrapped = wrap(&kek, &dek(), &binding(), &Counting::default());
    assert!(unwrap(&kek, &wrapped, &binding()).is_ok());
    for byte in 0..WRAPPED_BYTES {
        let name = match byte {
            0..32 => "salt_flipped",
            32..64 => "wrapped_key_flipped",
            64..80 => "auth_tag_flipped",
            _ => "commit_flipped",
        };
        for bit in 0..8 {
            let mut bytes = *wrapped.as_bytes();
            bytes[byte] ^= 1 << bit;
            let opened = unwrap(&kek, &Wrapped::<Dek>::from_bytes(bytes), &binding());
            assert_eq!(opened.err(), Some(UnwrapError::WrongKeyOrDamaged), "{name}, byte {byte}, bit {bit}");
        }
    }
    // Halves of two good wraps of the same key do not make a third.
    let other = wrap(&kek, &dek(), &binding(), &Counting::default());
    let fresh = wrap(&kek, &dek(), &binding(), &strongroom_crypto::SystemEntropy);
    assert!(other == wrapped, "with one salt, wrapping is a function");
    for cut in [32, 80] {
        let spliced = [&wrapped.as_bytes()[..cut], &fresh.as_bytes()[cut..]].concat();
        let spliced = Wrapped::<Dek>::from_bytes(spliced.try_into().unwrap());
        assert!(unwrap(&kek, &spliced, &binding()).is_err(), "spliced_at_{cut}");
    }
}

#[test]
fn wraps_moved_to_another_binding() {
    let kek = BucketKey::from_secret(secret(9));
    let wrapped = wrap(&kek, &dek(), &binding(), &Counting::default());
    let others = [
        ("binding_of_another_domain", Binding::new("other").field(b"bucket").field(b"version")),
        ("binding_of_another_bucket", Binding::new("test").field(b"Bucket").field(b"version")),
        ("binding_cut_short", Binding::new("test").field(b"bucket")),
        ("binding_with_one_field_more", binding().field(b"")),
        ("binding_with_fields_cut_elsewhere", Binding::new("test").field(b"bucketv").field(b"ersion")),
        ("binding_with_fields_swapped", Binding::new("test").field(b"version").field(b"bucket")),
    ];
    for (name, other) in others {
        assert!(unwrap(&kek, &wrapped, &other).is_err(), "{name}");
    }
}

#[test]
fn roles_swapped() {
    // One secret plays every role: only the roles' labels stand between them.
    let kek = CmkMaterial::from_secret(secret(9));
    let bytes = *wrap(&kek, &dek(), &binding(), &Counting::default()).as_bytes();
    assert!(unwrap(&kek, &Wrapped::<Dek>::from_bytes(bytes), &binding()).is_ok());
    assert!(unwrap(&kek, &Wrapped::<BucketKey>::from_bytes(bytes), &binding()).is_err(), "dek_as_bucket_key");
    assert!(unwrap(&kek, &Wrapped::<CmkMaterial>::from_bytes(bytes), &binding()).is_err(), "dek_as_cmk_material");
    assert!(unwrap(&kek, &Wrapped::<MetadataKey>::from_bytes(bytes), &binding()).is_err(), "dek_as_metadata_key");
    assert!(unwrap(&kek, &Wrapped::<SecretsKey>::from_bytes(bytes), &binding()).is_err(), "dek_as_secrets_key");
    assert!(unwrap(&kek, &Wrapped::<SecretBytes<32>>::from_bytes(bytes), &binding()).is_err(), "dek_as_data_key");
    let wrapped = Wrapped::<Dek>::from_bytes(bytes);
    assert!(unwrap(&BucketKey::from_secret(secret(9)), &wrapped, &binding()).is_err(), "cmk_as_bucket_key");
    assert!(unwrap(&RootKey::from_secret(secret(9)), &wrapped, &binding()).is_err(), "cmk_as_root_key");
    assert!(unwrap(&CustomerKey::from_secret(secret(9)), &wrapped, &binding()).is_err(), "cmk_as_customer_key");
}

#[test]
fn notes_changed_or_moved() {
    [AES, SM4].into_iter().for_each(a_note_changed_or_moved);
}

fn a_note_changed_or_moved(cipher: DataCipher) {
    let (id, other) = ([1; 16], [2; 16]);
    let note = dek().seal_note(cipher, &id, b"value");
    assert_eq!(**dek().open_note(cipher, &id, &note).as_ref().unwrap(), b"value");
    assert!(dek().open_note(cipher, &other, &note).is_err(), "id_wrong");
    assert!(Dek::from_secret(secret(1)).open_note(cipher, &id, &note).is_err(), "dek_wrong");
    assert!(MetadataKey::from_secret(secret(0)).open_note(&id, &note).is_err(), "role_swapped");
    assert!(SecretsKey::from_secret(secret(0)).open_note(&id, &note).is_err(), "role_swapped");
    for end in 0..note.len() {
        assert!(dek().open_note(cipher, &id, &note[..end]).is_err(), "truncated_to_{end}");
    }
    for bit in 0..note.len() * 8 {
        let mut flipped = note.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(dek().open_note(cipher, &id, &flipped).is_err(), "bit_{bit}_flipped");
    }
}

#[test]
fn two_values_of_one_note_id_share_no_key_stream() {
    for cipher in [AES, SM4] {
        let [a, b] = [0, 1].map(|value| dek().seal_note(cipher, &[1; 16], &[value; 64]));
        assert_ne!(a[..12], b[..12], "the nonce follows the value");
        let xor: Vec<u8> = a[12..76].iter().zip(&b[12..76]).map(|(a, b)| a ^ b).collect();
        assert_ne!(xor, [1; 64], "the difference of the values shows through");
    }
}

#[test]
fn records_changed() {
    [AES, SM4].into_iter().for_each(a_record_changed);
}

fn a_record_changed(cipher: DataCipher) {
    let mac = dek().record_mac(cipher, b"record");
    assert!(dek().verify_record(cipher, b"record", &mac).is_ok());
    assert!(dek().verify_record(cipher, b"record2", &mac).is_err(), "record_changed");
    assert!(Dek::from_secret(secret(1)).verify_record(cipher, b"record", &mac).is_err(), "dek_wrong");
    for bit in 0..256 {
        let mut flipped = mac;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(dek().verify_record(cipher, b"record", &flipped).is_err(), "bit_{bit}_flipped");
    }
}
