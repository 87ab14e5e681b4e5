//! Passwords: Argon2id (RFC 9106), so that whoever obtains a hash pays memory and time for every guess.
//!
//! ```text
//! hash = algorithm (u8 = 1) || memory KiB (u32) || passes (u32) || lanes (u32) || salt (16) || tag (32)
//! ```
//!
//! The cost stands in the hash: raising it later leaves old passwords valid. Computing one takes tens of milliseconds
//! and its memory; the caller runs it on a blocking thread and bounds how many run at a time.

use crate::mac::constant_time_eq;
use argon2::{Algorithm, Argon2, Params, Version};
use model::Entropy;
use model::codec::{DecodeError, Reader, Writer};
use zeroize::Zeroizing;

/// Memory of one computation (OWASP's minimum for Argon2id with two passes), in KiB.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// What a stored hash may ask for at most: a changed row must not exhaust the memory.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 16;
const SALT_BYTES: usize = 16;
const TAG_BYTES: usize = 32;
const ARGON2ID: u8 = 1;

/// A hashed password, as it is stored. Holds nothing from which the password can be computed, only guessed.
#[derive(Clone)]
pub struct PasswordHash {
    params: Params,
    salt: [u8; SALT_BYTES],
    tag: [u8; TAG_BYTES],
}

impl PasswordHash {
    /// Hashes a password with a fresh salt. Blocks for tens of milliseconds. `None` when the memory cannot be had.
    pub fn new(password: &str, entropy: &dyn Entropy) -> Option<Self> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(TAG_BYTES)).ok()?;
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt);
        let tag = compute(&params, password.as_bytes(), &salt, &[], &[])?;
        Some(Self { params, salt, tag: *tag })
    }

    /// Whether this is the password. Blocks as long as making the hash did.
    pub fn verify(&self, password: &str) -> bool {
        compute(&self.params, password.as_bytes(), &self.salt, &[], &[])
            .is_some_and(|tag| constant_time_eq(&*tag, &self.tag))
    }

    /// The stored bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(ARGON2ID);
        w.u32(self.params.m_cost()).u32(self.params.t_cost()).u32(self.params.p_cost()).raw(&self.salt).raw(&self.tag);
        w.finish()
    }

    /// From stored bytes.
    ///
    /// # Errors
    /// Another algorithm, another length, or a cost beyond what this server is ready to pay.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (algorithm, mut r) = Reader::open(bytes)?;
        if algorithm != ARGON2ID {
            return Err(DecodeError("unknown password hash"));
        }
        let (memory, passes, lanes) = (r.u32()?, r.u32()?, r.u32()?);
        if memory > MEMORY_KIB_MAX || passes > PASSES_MAX || lanes > LANES_MAX {
            return Err(DecodeError("cost of a password hash"));
        }
        let params =
            Params::new(memory, passes, lanes, Some(TAG_BYTES)).map_err(|_| DecodeError("cost of a password hash"))?;
        let hash = Self { params, salt: r.array()?, tag: r.array()? };
        r.finish()?;
        Ok(hash)
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

fn compute(
    params: &Params,
    password: &[u8],
    salt: &[u8],
    secret: &[u8],
    data: &[u8],
) -> Option<Zeroizing<[u8; TAG_BYTES]>> {
    let mut builder = argon2::ParamsBuilder::new();
    builder.m_cost(params.m_cost()).t_cost(params.t_cost()).p_cost(params.p_cost()).output_len(TAG_BYTES);
    builder.data(argon2::AssociatedData::new(data).ok()?);
    let params = builder.build().ok()?;
    let hasher = if secret.is_empty() {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    } else {
        Argon2::new_with_secret(secret, Algorithm::Argon2id, Version::V0x13, params).ok()?
    };
    let mut tag = Zeroizing::new([0; TAG_BYTES]);
    hasher.hash_password_into(password, salt, &mut *tag).ok()?;
    Some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Same(u8);
    impl Entropy for Same {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn rfc_9106_test_vector() {
        // Section 5.3, Argon2id.
        let params = Params::new(32, 3, 4, Some(32)).unwrap();
        let tag = compute(&params, &[1; 32], &[2; 16], &[3; 8], &[4; 12]).unwrap();
        let want = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659";
        assert_eq!(data_encoding::HEXLOWER.encode(&*tag), want);
    }

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hash = PasswordHash::new("correct horse", &Same(7)).unwrap();
        assert!(hash.verify("correct horse"));
        for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert!(!hash.verify(wrong), "{wrong}");
        }
        let again = PasswordHash::decode(&hash.encode()).unwrap();
        assert!(again.verify("correct horse"));
        let salted = PasswordHash::new("correct horse", &Same(8)).unwrap();
        assert_ne!(salted.encode()[29..], hash.encode()[29..], "the salt counts");
    }

    #[test]
    fn stored_hashes_of_another_form_are_refused() {
        let good = PasswordHash::new("correct horse", &Same(7)).unwrap().encode();
        for end in 0..good.len() {
            assert!(PasswordHash::decode(&good[..end]).is_err(), "cut at {end}");
        }
        assert!(PasswordHash::decode(&[&good[..], &[0]].concat()).is_err());
        let mut other = good.clone();
        other[0] = 2;
        assert!(PasswordHash::decode(&other).is_err());
        let mut greedy = good;
        greedy[1] = 0xff;
        assert!(PasswordHash::decode(&greedy).is_err(), "a row cannot ask for terabytes");
    }

    #[test]
    fn a_hash_does_not_show() {
        assert_eq!(format!("{:?}", PasswordHash::new("x", &Same(1)).unwrap()), "PasswordHash(..)");
    }
}
