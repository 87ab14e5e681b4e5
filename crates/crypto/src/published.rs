//! The published vectors under `vectors/crypto/`, run against the primitives as this crate calls them.

use crate::aead::Cipher;
use crate::kdf::counter_mode;
use crate::sm::{Sm4Cipher, hmac_sm3};
use crate::{
    AuditKey, ChecksumAlgorithm, Checksummer, Md5, SecretBytes, Sha1, Sha256, Sm4Engine, Sm4Gcm, hmac_sha1,
    hmac_sha256, md5, sha256, unwrap_kwp, verify_ed25519,
};
use data_encoding::HEXLOWER;
use std::collections::HashMap;

/// One case: its values by name.
struct Case(HashMap<String, String>);

impl Case {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_else(|| panic!("case without `{name}`"))
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        HEXLOWER.decode(self.text(name).as_bytes()).unwrap()
    }

    /// Whether the case is one that must fail.
    fn is_wrong_on_purpose(&self) -> bool {
        match self.text("result") {
            "valid" => false,
            "invalid" => true,
            other => panic!("{other}"),
        }
    }
}

/// Reads a vector file: cases separated by blank lines, `name = value`, `#` for comments.
fn cases(file: &str) -> Vec<Case> {
    let path = format!("{}/../../vectors/crypto/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let cases: Vec<Case> = text
        .split("\n\n")
        .map(|block| {
            let lines = block.lines().filter(|line| !line.starts_with('#'));
            Case(lines.filter_map(|line| line.split_once(" =")).map(|(k, v)| (k.into(), v.trim().into())).collect())
        })
        .filter(|case| !case.0.is_empty())
        .collect();
    assert!(cases.len() >= 6, "{file} has lost its cases");
    cases
}

#[test]
fn aes_256_gcm() {
    for case in cases("aes-256-gcm.txt") {
        let name = case.text("name");
        let (plain, sealed, aad) = (case.bytes("plain"), case.bytes("sealed"), case.bytes("aad"));
        let nonce = case.bytes("nonce").try_into().unwrap();
        let cipher = Cipher::new(&case.bytes("key"));

        let mut out = vec![0; plain.len() + 16];
        cipher.seal(nonce, &aad, &plain, &mut out);
        assert_eq!(out, sealed, "{name}");

        let mut out = vec![0xaa; plain.len()];
        assert!(cipher.open(nonce, &aad, &sealed, &mut out).is_ok(), "{name}");
        assert_eq!(out, plain, "{name}");

        let mut forged = sealed.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert!(cipher.open(nonce, &aad, &forged, &mut out).is_err(), "{name}");
        assert_eq!(out, vec![0; plain.len()], "{name}: unauthenticated plaintext was left behind");
    }
}

#[test]
fn kbkdf_counter_mode() {
    for case in cases("kbkdf-counter-hmac-sha256.txt") {
        let expected = case.bytes("out");
        let mut out = vec![0; expected.len()];
        counter_mode(&case.bytes("key"), &case.bytes("fixed"), &mut out);
        assert_eq!(out, expected, "{}", case.text("name"));
    }
}

#[test]
fn hmac() {
    for case in cases("hmac-sha1.txt") {
        let data = case.bytes("data");
        let (head, tail) = data.split_at(data.len() / 2);
        assert_eq!(hmac_sha1(&case.bytes("key"), &[head, tail])[..], case.bytes("mac"), "{}", case.text("name"));
    }
    for case in cases("hmac-sha256.txt") {
        let data = case.bytes("data");
        let (head, tail) = data.split_at(data.len() / 2);
        assert_eq!(hmac_sha256(&case.bytes("key"), &[head, tail])[..], case.bytes("mac"), "{}", case.text("name"));
    }
}

#[test]
fn digests() {
    for case in cases("digests.txt") {
        let (data, name) = (case.bytes("data"), case.text("name"));
        let (head, tail) = data.split_at(data.len() / 3);
        let digest = match case.text("algorithm") {
            "md5" => {
                let mut state = Md5::new();
                state.update(head);
                state.update(tail);
                assert_eq!(md5(&data)[..], case.bytes("digest"), "{name}");
                state.finish().to_vec()
            }
            "sha1" => {
                let mut state = Sha1::new();
                state.update(head);
                state.update(tail);
                state.finish().to_vec()
            }
            "sha256" => {
                let mut state = Sha256::new();
                state.update(head);
                state.update(tail);
                assert_eq!(sha256(&data)[..], case.bytes("digest"), "{name}");
                state.finish().to_vec()
            }
            other => panic!("{other}"),
        };
        assert_eq!(digest, case.bytes("digest"), "{name}");
    }
}

/// The long message of FIPS 180 and RFC 1321's algorithm on it, in uneven pieces.
#[test]
fn a_million_letters_in_pieces() {
    let (mut md5, mut sha1, mut sha256) = (Md5::new(), Sha1::new(), Sha256::new());
    let mut left = 1_000_000;
    for length in (1..).step_by(97) {
        let piece = vec![b'a'; length.min(left)];
        md5.update(&piece);
        sha1.update(&piece);
        sha256.update(&piece);
        left -= piece.len();
        if left == 0 {
            break;
        }
    }
    assert_eq!(HEXLOWER.encode(&md5.finish()), "7707d6ae4e027c70eea2a935c2296f21");
    assert_eq!(HEXLOWER.encode(&sha1.finish()), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    assert_eq!(HEXLOWER.encode(&sha256.finish()), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

#[test]
fn checksums() {
    let algorithm = |name: &str| match name {
        "crc32" => ChecksumAlgorithm::Crc32,
        "crc32c" => ChecksumAlgorithm::Crc32c,
        "crc64nvme" => ChecksumAlgorithm::Crc64Nvme,
        "crc64xz" => ChecksumAlgorithm::Crc64Xz,
        "sha1" => ChecksumAlgorithm::Sha1,
        "sha256" => ChecksumAlgorithm::Sha256,
        other => panic!("{other}"),
    };
    let digests = cases("digests.txt").into_iter().filter(|case| case.text("algorithm") != "md5");
    for case in cases("crc.txt").into_iter().chain(digests) {
        let algorithm = algorithm(case.text("algorithm"));
        let mut checksummer = Checksummer::new(algorithm);
        case.bytes("data").chunks(3).for_each(|piece| checksummer.update(piece));
        let value = checksummer.finish();
        assert_eq!(value.algorithm(), algorithm);
        assert_eq!(value.bytes(), case.bytes("digest"), "{}", case.text("name"));
    }
}

#[test]
fn sm4_gcm() {
    for case in cases("sm4-gcm.txt") {
        let name = case.text("name");
        let (plain, sealed, aad) = (case.bytes("plain"), case.bytes("sealed"), case.bytes("aad"));
        let nonce = case.bytes("nonce").try_into().unwrap();
        let cipher = Sm4Cipher::new(&case.bytes("key"));
        let mut opened = vec![0xaa; plain.len()];
        assert_eq!(cipher.open(nonce, &aad, &sealed, &mut opened).is_err(), case.is_wrong_on_purpose(), "{name}");
        let mut out = vec![0; plain.len() + 16];
        cipher.seal(nonce, &aad, &plain, &mut out);
        if case.is_wrong_on_purpose() {
            assert_eq!(opened, vec![0; plain.len()], "{name}: unauthenticated plaintext was left behind");
            assert_ne!(out, sealed, "{name}");
        } else {
            assert_eq!((&opened, &out), (&plain, &sealed), "{name}");
        }
        // And by each pair of kernels, not only the one this processor gets.
        for engine in Sm4Engine::available() {
            let cipher = Sm4Gcm::new(engine, &case.bytes("key").try_into().unwrap());
            let opens = cipher.opens(&nonce, &aad, &sealed, &mut opened);
            assert_eq!(!opens, case.is_wrong_on_purpose(), "{name}: {engine}");
            assert_eq!(opened, if opens { plain.clone() } else { vec![0; plain.len()] }, "{name}: {engine}");
            let mut by_engine = vec![0; plain.len() + 16];
            cipher.seal(&nonce, &aad, &plain, &mut by_engine);
            assert_eq!(by_engine, out, "{name}: {engine}");
        }
    }
}

#[test]
fn hmac_with_sm3() {
    for case in cases("hmac-sm3.txt") {
        let (data, mac) = (case.bytes("data"), case.bytes("mac"));
        let (head, tail) = data.split_at(data.len() / 2);
        let fits = hmac_sm3(&case.bytes("key"), &[head, tail])[..] == mac;
        assert_eq!(fits, !case.is_wrong_on_purpose(), "{}", case.text("name"));
    }
}

#[test]
fn aes_key_wrap_with_padding() {
    for case in cases("aes-kwp.txt") {
        let plain = unwrap_kwp(&case.bytes("key"), &case.bytes("wrapped"));
        let expected = (!case.is_wrong_on_purpose()).then(|| case.bytes("plain"));
        assert_eq!(plain.ok().map(|plain| plain.to_vec()), expected, "{}", case.text("name"));
    }
}

#[test]
fn ed25519() {
    for case in cases("ed25519.txt") {
        let (name, data, signature) = (case.text("name"), case.bytes("data"), case.bytes("signature"));
        let public = case.bytes("public").try_into().unwrap();
        assert_eq!(verify_ed25519(&public, &data, &signature), !case.is_wrong_on_purpose(), "{name}");
        if case.0.contains_key("seed") {
            let seed: [u8; 32] = case.bytes("seed").try_into().unwrap();
            let key = AuditKey::from_secret(SecretBytes::fill_with(|bytes| *bytes = seed));
            assert_eq!((key.public_key(), key.sign(&data).to_vec()), (public, signature), "{name}");
        }
    }
}
