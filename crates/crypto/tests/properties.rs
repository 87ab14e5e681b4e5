//! Properties: what holds for every length, every bit and every way to cut a body into pieces.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod common;

use common::{Counting, body, open_all, seal_all, secret, uid};
use proptest::prelude::*;
use strongroom_crypto::{
    Binding, BucketKey, ChecksumAlgorithm, ChecksumValue, Checksummer, DataCipher, Dek, Md5, MetadataKey,
    SEGMENT_BYTES, StreamOpener, StreamSealer, Suite, combine_crc, md5, plain_len, sealed_len, segment_count,
    unwrap_dek, wrap_dek,
};

const SUITES: [Suite; 3] = [Suite::PlainCrc32c, Suite::Aes256Gcm, Suite::Sm4Gcm];

fn stream(suite: Suite, dek: &Dek) -> (StreamSealer, StreamOpener) {
    match suite {
        Suite::PlainCrc32c => (StreamSealer::plain(uid(0)), StreamOpener::plain(uid(0))),
        Suite::Aes256Gcm => sealed(DataCipher::Aes256Gcm, dek),
        Suite::Sm4Gcm => sealed(DataCipher::Sm4Gcm, dek),
    }
}

fn sealed(cipher: DataCipher, dek: &Dek) -> (StreamSealer, StreamOpener) {
    (StreamSealer::sealed(cipher, dek, uid(0)), StreamOpener::sealed(cipher, dek, uid(0)))
}

fn cipher() -> impl Strategy<Value = DataCipher> {
    prop::sample::select(&[DataCipher::Aes256Gcm, DataCipher::Sm4Gcm][..])
}

fn suite() -> impl Strategy<Value = Suite> {
    prop::sample::select(&SUITES[..])
}

/// Lengths of up to four segments, most of them near a boundary.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        0..200usize,
        0..4 * SEGMENT_BYTES,
        (0..4usize, 0..40usize).prop_map(|(segments, beside)| (segments * SEGMENT_BYTES + beside).saturating_sub(20)),
    ]
}

fn checksum(algorithm: ChecksumAlgorithm, data: &[u8]) -> ChecksumValue {
    let mut checksummer = Checksummer::new(algorithm);
    checksummer.update(data);
    checksummer.finish()
}

proptest! {
    #[test]
    fn what_is_sealed_opens(suite in suite(), length in length(), seed: u8) {
        let dek = Dek::from_secret(secret(seed));
        let (sealer, opener) = stream(suite, &dek);
        let plain = body(length);
        let sealed = seal_all(sealer, &plain);
        prop_assert_eq!(sealed.len() as u64, sealed_len(suite, length as u64));
        prop_assert!(open_all(&opener, &sealed) == Ok(plain));
    }

    #[test]
    fn any_flipped_bit_is_refused(suite in suite(), length in length(), at: prop::sample::Index, bit in 0..8u8) {
        let dek = Dek::from_secret(secret(1));
        let (sealer, opener) = stream(suite, &dek);
        let mut sealed = seal_all(sealer, &body(length));
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert!(open_all(&opener, &sealed).is_err());
    }

    #[test]
    fn any_truncation_is_refused(suite in suite(), length in length(), at: prop::sample::Index) {
        let dek = Dek::from_secret(secret(1));
        let (sealer, opener) = stream(suite, &dek);
        let sealed = seal_all(sealer, &body(length));
        prop_assert!(open_all(&opener, &sealed[..at.index(sealed.len())]).is_err());
    }

    #[test]
    fn any_segment_opens_alone(suite in suite(), length in length(), at: prop::sample::Index) {
        let dek = Dek::from_secret(secret(1));
        let (sealer, opener) = stream(suite, &dek);
        let plain = body(length);
        let sealed = seal_all(sealer, &plain);
        let count = segment_count(length as u64);
        let index = at.index(count as usize);
        let step = SEGMENT_BYTES + suite.tag_bytes();
        let segment = &sealed[index * step..sealed.len().min((index + 1) * step)];
        let expected = &plain[index * SEGMENT_BYTES..length.min((index + 1) * SEGMENT_BYTES)];
        let mut out = vec![0; expected.len()];
        prop_assert_eq!(opener.open_segment(index as u64, index as u64 == count - 1, segment, &mut out), Ok(()));
        prop_assert!(out == expected);
    }

    #[test]
    fn lengths_are_invertible(suite in suite(), plain in prop_oneof![0..1u64 << 50, any::<u64>().prop_map(|n| n >> 2)]) {
        prop_assert_eq!(plain_len(suite, sealed_len(suite, plain)), Some(plain));
    }

    #[test]
    fn only_lengths_of_streams_are_taken(suite in suite(), sealed in prop_oneof![0..400_000u64, any::<u64>()]) {
        if let Some(plain) = plain_len(suite, sealed) {
            prop_assert_eq!(sealed_len(suite, plain), sealed);
        }
    }

    #[test]
    fn what_is_wrapped_unwraps(cipher in cipher(), kek: u8, key: u8, field: Vec<u8>) {
        let (kek, binding) = (BucketKey::from_secret(secret(kek)), Binding::new("test").field(&field));
        let wrapped = wrap_dek(cipher, &kek, &Dek::from_secret(secret(key)), &binding, &Counting::default());
        let opened = unwrap_dek(cipher, &kek, &wrapped, &binding);
        // A DEK shows itself only through what it does.
        let mac = opened.map(|dek| dek.record_mac(cipher, b"")).ok();
        prop_assert_eq!(mac, Some(Dek::from_secret(secret(key)).record_mac(cipher, b"")));
    }

    #[test]
    fn different_fields_never_make_the_same_binding(a: Vec<Vec<u8>>, b: Vec<Vec<u8>>) {
        let binding = |fields: &[Vec<u8>]| fields.iter().fold(Binding::new("test"), |binding, f| binding.field(f));
        prop_assert_eq!(binding(&a) == binding(&b), a == b);
    }

    #[test]
    fn notes_of_a_dek_open_in_their_suite_alone(cipher in cipher(), other in cipher(), id: [u8; 16], value: Vec<u8>) {
        let dek = Dek::from_secret(secret(2));
        let note = dek.seal_note(cipher, &id, &value);
        let opened = dek.open_note(other, &id, &note).map(|value| value.to_vec());
        prop_assert_eq!(opened.ok(), (cipher == other).then_some(value));
    }

    #[test]
    fn notes_open(id: [u8; 16], value: Vec<u8>) {
        let key = MetadataKey::from_secret(secret(2));
        let note = key.seal_note(&id, &value);
        prop_assert_eq!(note.len(), value.len() + strongroom_crypto::NOTE_OVERHEAD_BYTES);
        prop_assert_eq!(key.open_note(&id, &note).map(|value| value.to_vec()), Ok(value));
    }

    #[test]
    fn crcs_of_pieces_combine(data: Vec<u8>, at: prop::sample::Index, code in 1..=6u8) {
        let algorithm = ChecksumAlgorithm::from_code(code).unwrap();
        let (head, tail) = data.split_at(at.index(data.len() + 1));
        let (first, second) = (checksum(algorithm, head), checksum(algorithm, tail));
        let combined = combine_crc(algorithm, &first, &second, tail.len() as u64);
        prop_assert_eq!(combined, algorithm.is_crc().then(|| checksum(algorithm, &data)));
    }

    #[test]
    fn pieces_do_not_change_a_digest(data: Vec<u8>, piece in 1..100usize, code in 1..=6u8) {
        let algorithm = ChecksumAlgorithm::from_code(code).unwrap();
        let (mut pieces, mut md5_pieces) = (Checksummer::new(algorithm), Md5::new());
        data.chunks(piece).for_each(|chunk| {
            pieces.update(chunk);
            md5_pieces.update(chunk);
        });
        prop_assert_eq!(pieces.finish(), checksum(algorithm, &data));
        prop_assert_eq!(md5_pieces.finish(), md5(&data));
    }
}

#[test]
fn every_length_around_the_boundaries_is_invertible() {
    for suite in SUITES {
        let tag = suite.tag_bytes() as u64;
        let mut taken = 0;
        for sealed in 0..3 * (SEGMENT_BYTES as u64 + tag) {
            if let Some(plain) = plain_len(suite, sealed) {
                assert_eq!(sealed_len(suite, plain), sealed);
                taken += 1;
            }
        }
        // All plaintext lengths up to three segments less one byte, each once.
        assert_eq!(taken, 3 * SEGMENT_BYTES as u64);
        assert_eq!(plain_len(suite, 0), None);
        assert_eq!(plain_len(suite, SEGMENT_BYTES as u64 + 2 * tag), None, "an empty segment after a full one");
        assert_eq!(sealed_len(suite, u64::MAX), u64::MAX, "saturates");
        assert_eq!(plain_len(suite, u64::MAX).map(|plain| sealed_len(suite, plain)).unwrap_or(u64::MAX), u64::MAX);
    }
}

#[test]
fn values_of_different_checksums_do_not_combine() {
    let (a, b) = (checksum(ChecksumAlgorithm::Crc32, b"a"), checksum(ChecksumAlgorithm::Crc32c, b"b"));
    assert_eq!(combine_crc(ChecksumAlgorithm::Crc32, &a, &b, 1), None);
    assert_eq!(combine_crc(ChecksumAlgorithm::Crc32c, &a, &b, 1), None);
}
