//! Message authentication: HMAC (FIPS 198-1) over pieces, and the one comparison of secrets.

use aws_lc_rs::hmac::{Algorithm, Context, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, Key, Tag};
use subtle::ConstantTimeEq;

/// HMAC-SHA1 over the concatenation of `pieces`; only the signatures of OBS and AWS V2 ask for it.
pub fn hmac_sha1(key: &[u8], pieces: &[&[u8]]) -> [u8; 20] {
    let mut out = [0; 20];
    out.copy_from_slice(tag(HMAC_SHA1_FOR_LEGACY_USE_ONLY, key, pieces).as_ref());
    out
}

/// HMAC-SHA256 over the concatenation of `pieces`.
pub fn hmac_sha256(key: &[u8], pieces: &[&[u8]]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(tag(HMAC_SHA256, key, pieces).as_ref());
    out
}

fn tag(algorithm: Algorithm, key: &[u8], pieces: &[&[u8]]) -> Tag {
    let mut context = Context::with_key(&Key::new(algorithm, key));
    pieces.iter().for_each(|piece| context.update(piece));
    context.sign()
}

/// Whether two byte strings are equal, in time that depends on their lengths alone. Different lengths are unequal.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
