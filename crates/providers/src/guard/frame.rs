//! The bytes the guard stores for one wrap (docs/formats/provider-records.md).
//!
//! ```text
//! offset  0        1             17         19            19 + n
//!         fmt 1    digest 16     n u16 BE   outer, n      inner: salt 32 || ct m + tag 16 || commitment 32
//!
//! T      = 32 random bytes, fresh for each wrap: the one-time key
//! bound  = SHA-256(binding "provider-bound": CMK uid, version, spec, key role, binding of the caller)
//! outer  = what the service made of T, with `bound` as additional authenticated data
//! inner  = wrap of docs/keys.md under T, for the key role, with the binding "provider-inner": bound, outer
//! digest = first 16 bytes of SHA-256(binding "provider-frame": bound, outer, inner)
//! ```
//!
//! Why the service wraps T and not the key itself: `inner` carries the wrap's commitment, so whatever the service
//! answers (another key's data, garbage) opens nothing, and a commitment under a random key tells nothing about what is
//! wrapped, as one made from a caller's short secret would. The service sees no key of ours.
//!
//! The digest has no key and proves nothing. It tells bytes that were changed or belong elsewhere from a service that
//! answers wrongly, and spares the service calls about the former.

use crate::backend::{Bound, FRESH_KEY_BYTES};
use crypto::{Binding, KeyRole, ProviderKey, SecretBytes};
use kms::ProviderFault;
use model::Entropy;
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const DIGEST_BYTES: usize = 16;
const DIGEST_AT: usize = 1;
const OUTER_LEN_AT: usize = DIGEST_AT + DIGEST_BYTES;
const OUTER_AT: usize = OUTER_LEN_AT + 2;

/// Longest answer to a wrap of 32 bytes that is taken, in bytes. AWS's has about 180, Huawei's 188.
pub(super) const OUTER_BYTES_MAX: usize = 1024;

/// Most bytes one wrap takes, as with the embedded provider (AWS KMS: 4096 for Encrypt).
pub(super) const PLAIN_BYTES_MAX: usize = 4096;

const _: () = assert!(
    24 + OUTER_AT + OUTER_BYTES_MAX + crypto::WRAP_OVERHEAD_BYTES + PLAIN_BYTES_MAX <= kms::CIPHERTEXT_BYTES_MAX,
    "the longest frame, behind the header of the KMS, is a ciphertext"
);

/// A frame taken apart, its digest checked.
pub(super) struct Frame<'a> {
    pub(super) outer: &'a [u8],
    inner: &'a [u8],
}

/// Wraps `plain` under the one-time key that `outer` holds, and joins the two.
pub(super) fn seal(
    fresh: &ProviderKey,
    outer: &[u8],
    role: KeyRole,
    plain: &[u8],
    bound: &Bound,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, ProviderFault> {
    let len = u16::try_from(outer.len()).ok().filter(|len| (1..=OUTER_BYTES_MAX).contains(&usize::from(*len)));
    let len = len.ok_or_else(|| ProviderFault::Garbage(format!("{} bytes for a wrapped key", outer.len())))?;
    let inner = crypto::wrap_secret(fresh, role, plain, &inner_binding(bound, outer), entropy);
    Ok([&[FORMAT], digest(bound, outer, &inner).as_slice(), &len.to_be_bytes(), outer, &inner].concat())
}

impl<'a> Frame<'a> {
    /// Takes stored bytes apart. Bytes that were changed, or belong to another CMK version, role or binding, end here.
    pub(super) fn parse(bytes: &'a [u8], bound: &Bound) -> Result<Self, ProviderFault> {
        let invalid = ProviderFault::InvalidCiphertext;
        if bytes.len() < OUTER_AT || bytes[0] != FORMAT {
            return Err(invalid);
        }
        let len = usize::from(u16::from_be_bytes([bytes[OUTER_LEN_AT], bytes[OUTER_LEN_AT + 1]]));
        let rest = &bytes[OUTER_AT..];
        if len == 0 || len > OUTER_BYTES_MAX || len > rest.len() {
            return Err(invalid);
        }
        let (outer, inner) = rest.split_at(len);
        if bytes[DIGEST_AT..OUTER_LEN_AT] != digest(bound, outer, inner) {
            return Err(invalid);
        }
        Ok(Self { outer, inner })
    }

    /// Opens the inner wrap with what the service answered for the outer one. Only the key that was drawn for this wrap
    /// opens it.
    pub(super) fn open(
        &self,
        answered: &[u8],
        role: KeyRole,
        bound: &Bound,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        let fresh: &[u8; FRESH_KEY_BYTES] =
            answered.try_into().map_err(|_| ProviderFault::Garbage("a key of another length".to_owned()))?;
        let fresh = ProviderKey::from_secret(SecretBytes::fill_with(|out| out.copy_from_slice(fresh)));
        crypto::unwrap_secret(&fresh, role, self.inner, &inner_binding(bound, self.outer))
            .map_err(|_| ProviderFault::Garbage("another key than was wrapped".to_owned()))
    }
}

fn inner_binding(bound: &Bound, outer: &[u8]) -> Binding {
    Binding::new("provider-inner").field(bound.as_bytes()).field(outer)
}

fn digest(bound: &Bound, outer: &[u8], inner: &[u8]) -> [u8; DIGEST_BYTES] {
    let whole = Binding::new("provider-frame").field(bound.as_bytes()).field(outer).field(inner);
    let mut short = [0; DIGEST_BYTES];
    short.copy_from_slice(&crypto::sha256(whole.as_bytes())[..DIGEST_BYTES]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto::SystemEntropy;
    use kms::{KeySpec, VersionRef};
    use model::CmkUid;

    fn bound(version: u32, role: KeyRole, binding: &str) -> Bound {
        let version = VersionRef { uid: CmkUid::from_bytes([7; 16]), version, spec: KeySpec::Aes256, reference: b"" };
        Bound::new(&version, role, &Binding::new(binding))
    }

    fn fresh(byte: u8) -> ProviderKey {
        ProviderKey::from_secret(SecretBytes::fill_with(|out| out.fill(byte)))
    }

    const ROLE: KeyRole = KeyRole::Dek;

    #[test]
    fn fields_stand_where_the_format_says() {
        let bound = bound(1, ROLE, "b");
        let bytes = seal(&fresh(5), b"outer", ROLE, &[9; 32], &bound, &SystemEntropy).unwrap();
        assert_eq!(bytes.len(), 19 + 5 + 112);
        assert_eq!((bytes[0], &bytes[17..19], &bytes[19..24]), (1, &[0, 5][..], &b"outer"[..]));
        let frame = Frame::parse(&bytes, &bound).ok().unwrap();
        assert_eq!(frame.outer, b"outer");
        assert_eq!(*frame.open(&[5; 32], ROLE, &bound).unwrap(), [9; 32]);
    }

    #[test]
    fn every_changed_or_missing_byte_is_found_before_the_service_is_asked() {
        let bound = bound(1, ROLE, "b");
        let good = seal(&fresh(5), b"outer", ROLE, &[9; 32], &bound, &SystemEntropy).unwrap();
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            assert_eq!(Frame::parse(&bytes, &bound).err(), Some(ProviderFault::InvalidCiphertext), "byte {at}");
            assert_eq!(Frame::parse(&good[..at], &bound).err(), Some(ProviderFault::InvalidCiphertext), "cut at {at}");
        }
        assert!(Frame::parse(&[good.as_slice(), &[0]].concat(), &bound).is_err());
    }

    #[test]
    fn another_version_role_or_binding_does_not_fit() {
        let good = seal(&fresh(5), b"outer", ROLE, &[9; 32], &bound(1, ROLE, "b"), &SystemEntropy).unwrap();
        for other in [bound(2, ROLE, "b"), bound(1, KeyRole::BucketKey, "b"), bound(1, ROLE, "c")] {
            assert_eq!(Frame::parse(&good, &other).err(), Some(ProviderFault::InvalidCiphertext));
        }
    }

    #[test]
    fn another_key_is_garbage_and_never_a_key() {
        let bound = bound(1, ROLE, "b");
        let bytes = seal(&fresh(5), b"outer", ROLE, &[9; 32], &bound, &SystemEntropy).unwrap();
        let frame = Frame::parse(&bytes, &bound).ok().unwrap();
        for answered in [&[6; 32][..], &[5; 31], &[5; 33], &[]] {
            assert!(matches!(frame.open(answered, ROLE, &bound), Err(ProviderFault::Garbage(_))));
        }
    }

    #[test]
    fn an_answer_too_short_or_too_long_is_not_stored() {
        let bound = bound(1, ROLE, "b");
        for outer in [&[][..], &[0; OUTER_BYTES_MAX + 1]] {
            assert!(matches!(
                seal(&fresh(5), outer, ROLE, &[9; 32], &bound, &SystemEntropy),
                Err(ProviderFault::Garbage(_))
            ));
        }
    }

    #[test]
    fn any_length_comes_back() {
        let bound = bound(1, KeyRole::Data, "b");
        for len in [0, 1, PLAIN_BYTES_MAX] {
            let bytes = seal(&fresh(5), b"o", KeyRole::Data, &vec![3; len], &bound, &SystemEntropy).unwrap();
            let frame = Frame::parse(&bytes, &bound).ok().unwrap();
            assert_eq!(*frame.open(&[5; 32], KeyRole::Data, &bound).unwrap(), vec![3; len]);
        }
    }

    /// Bytes as the documents draw them, worked out once and kept: what is stored today must open in ten years.
    #[test]
    fn the_golden_frame_opens_and_is_made_again() {
        struct Counting;
        impl Entropy for Counting {
            fn fill(&self, out: &mut [u8]) {
                out.iter_mut().zip(0..).for_each(|(byte, at)| *byte = at);
            }
        }
        let golden: String = include_str!("../../../../vectors/kms/provider-frame.hex")
            .lines()
            .filter(|l| !l.starts_with('#'))
            .collect();
        let golden = data_encoding::HEXLOWER.decode(golden.as_bytes()).unwrap();
        let bound = bound(0x0102_0304, KeyRole::BucketKey, "golden");
        let frame = Frame::parse(&golden, &bound).ok().unwrap();
        assert_eq!(frame.outer, b"what the service made");
        assert_eq!(*frame.open(&[5; 32], KeyRole::BucketKey, &bound).unwrap(), [9; 32]);
        let again = seal(&fresh(5), frame.outer, KeyRole::BucketKey, &[9; 32], &bound, &Counting).unwrap();
        assert_eq!(again, golden);
    }
}
