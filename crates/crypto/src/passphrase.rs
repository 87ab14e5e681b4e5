//! A passphrase as a key: Argon2id (RFC 9106) makes a wrapping key of it. That key wraps a random key and nothing else, so
//! a passphrase can be changed without touching what is below.
//!
//! ```text
//! params = memory KiB (u32) || passes (u32) || lanes (u32) || salt (32)                 44 bytes, stored beside the wrap
//! KEK    = Argon2id(passphrase, salt, memory, passes, lanes, X = "strongroom/v1/passphrase/<root|backup>", 32 bytes)
//! ```
//!
//! Deriving takes about a second and its memory by intent; the caller runs it on a blocking thread.

use crate::SecretBytes;
use crate::roles::PassphraseKey;
use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
use model::Entropy;
use model::codec::{DecodeError, Reader, Writer};
use std::fmt;

/// Length of the stored parameters in bytes.
pub const PASSPHRASE_PARAMS_BYTES: usize = 3 * 4 + SALT_BYTES;
/// Shortest passphrase in bytes: shorter ones are guessed whatever a guess costs.
pub const PASSPHRASE_BYTES_MIN: usize = 12;
/// Longest passphrase in bytes.
pub const PASSPHRASE_BYTES_MAX: usize = 1024;

const SALT_BYTES: usize = 32;
/// What stored parameters may ask for at most: a changed file must not exhaust the machine. 4 GiB.
const MEMORY_KIB_MAX: u32 = 4 * 1024 * 1024;
const PASSES_MAX: u32 = 64;
const LANES_MAX: u32 = 64;

/// What one guess of a passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassphraseCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes that could be computed side by side.
    pub lanes: u32,
}

impl Default for PassphraseCost {
    /// 256 MiB, 3 passes, 1 lane: four times the memory of RFC 9106's second choice, whose passes these are.
    fn default() -> Self {
        Self { memory_kib: 256 * 1024, passes: 3, lanes: 1 }
    }
}

/// What a passphrase is for: the same words lead to different keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassphraseUse {
    /// Wraps the root key.
    Root,
    /// Wraps the key of a backup.
    Backup,
}

impl PassphraseUse {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Root => b"strongroom/v1/passphrase/root",
            Self::Backup => b"strongroom/v1/passphrase/backup",
        }
    }
}

/// Cost and salt, as they are stored in clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassphraseParams {
    cost: PassphraseCost,
    salt: [u8; SALT_BYTES],
}

impl PassphraseParams {
    /// With a fresh salt. `None` for a cost beyond the limits.
    pub fn new(cost: PassphraseCost, entropy: &dyn Entropy) -> Option<Self> {
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt);
        Self { cost, salt }.checked()
    }

    /// The stored bytes.
    pub fn encode(&self) -> [u8; PASSPHRASE_PARAMS_BYTES] {
        let mut w = Writer::bare();
        w.u32(self.cost.memory_kib).u32(self.cost.passes).u32(self.cost.lanes).raw(&self.salt);
        let mut out = [0; PASSPHRASE_PARAMS_BYTES];
        out.copy_from_slice(w.as_bytes());
        out
    }

    /// From stored bytes.
    ///
    /// # Errors
    /// A cost that is none, or beyond what this program is ready to pay.
    pub fn decode(bytes: &[u8; PASSPHRASE_PARAMS_BYTES]) -> Result<Self, DecodeError> {
        let mut r = Reader::bare(bytes);
        let cost = PassphraseCost { memory_kib: r.u32()?, passes: r.u32()?, lanes: r.u32()? };
        let salt = r.array()?;
        Self { cost, salt }.checked().ok_or(DecodeError("cost of a passphrase"))
    }

    fn checked(self) -> Option<Self> {
        let PassphraseCost { memory_kib, passes, lanes } = self.cost;
        let ok = (1..=LANES_MAX).contains(&lanes)
            && (8 * lanes..=MEMORY_KIB_MAX).contains(&memory_kib)
            && (1..=PASSES_MAX).contains(&passes);
        ok.then_some(self)
    }
}

/// No key was made of a passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassphraseError {
    /// Shorter than [`PASSPHRASE_BYTES_MIN`] or longer than [`PASSPHRASE_BYTES_MAX`].
    Length,
    /// The memory cannot be had.
    Memory,
}

impl fmt::Display for PassphraseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => {
                write!(f, "a passphrase has {PASSPHRASE_BYTES_MIN} to {PASSPHRASE_BYTES_MAX} bytes")
            }
            Self::Memory => f.write_str("there is not enough memory to compute the passphrase's key"),
        }
    }
}

impl std::error::Error for PassphraseError {}

impl PassphraseKey {
    /// Computes the key. Blocks for about a second at the default cost.
    ///
    /// # Errors
    /// [`PassphraseError`]. Whether it is the right passphrase shows when something is unwrapped.
    pub fn derive(
        passphrase: &[u8],
        purpose: PassphraseUse,
        params: &PassphraseParams,
    ) -> Result<Self, PassphraseError> {
        if !(PASSPHRASE_BYTES_MIN..=PASSPHRASE_BYTES_MAX).contains(&passphrase.len()) {
            return Err(PassphraseError::Length);
        }
        SecretBytes::try_fill_with(|out| argon2id(passphrase, params, purpose.label(), out))
            .map(Self::from_secret)
            .map_err(|_: argon2::Error| PassphraseError::Memory)
    }
}

fn argon2id(
    passphrase: &[u8],
    params: &PassphraseParams,
    data: &[u8],
    out: &mut [u8; 32],
) -> Result<(), argon2::Error> {
    let mut builder = ParamsBuilder::new();
    builder.m_cost(params.cost.memory_kib).t_cost(params.cost.passes).p_cost(params.cost.lanes).output_len(out.len());
    builder.data(AssociatedData::new(data)?);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, builder.build()?);
    argon2.hash_password_into(passphrase, &params.salt, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Binding, Kek, RootKey, SystemEntropy, Wrappable, unwrap, wrap};
    use data_encoding::HEXLOWER;

    fn cheap() -> PassphraseParams {
        let cost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
        PassphraseParams { cost, salt: [7; 32] }
    }

    fn key(passphrase: &[u8], purpose: PassphraseUse, params: &PassphraseParams) -> PassphraseKey {
        PassphraseKey::derive(passphrase, purpose, params).ok().unwrap()
    }

    /// Computed by OpenSSL's Argon2id (through the Python package `cryptography`) from the page's words.
    #[test]
    fn another_implementation_derives_the_same_key() {
        let root = key(b"correct horse battery", PassphraseUse::Root, &cheap());
        assert_eq!(
            HEXLOWER.encode(root.kek_secret().expose()),
            "30dfd77bbaf00193f9343ecb82bf4f1aa300647d73869983f8f79d8d1ccd3c46"
        );
        let backup = key(b"correct horse battery", PassphraseUse::Backup, &cheap());
        assert_eq!(
            HEXLOWER.encode(backup.kek_secret().expose()),
            "072274748245fa9d8ee56aa6d30398019bc3da0ad361b0c3ada4eb5ae44c8cd6"
        );
    }

    #[test]
    fn a_root_key_comes_out_under_its_passphrase_use_and_parameters_only() {
        let root = RootKey::generate(&SystemEntropy);
        let binding = Binding::new("test");
        let wrapped = wrap(&key(b"a passphrase", PassphraseUse::Root, &cheap()), &root, &binding, &SystemEntropy);
        let open = |kek: &PassphraseKey| {
            unwrap::<_, RootKey>(kek, &wrapped, &binding)
                .map(|key| *key.as_secret().expose() == *root.as_secret().expose())
        };
        assert_eq!(open(&key(b"a passphrase", PassphraseUse::Root, &cheap())), Ok(true));
        assert!(open(&key(b"a passphrasf", PassphraseUse::Root, &cheap())).is_err());
        assert!(open(&key(b"a passphrase ", PassphraseUse::Root, &cheap())).is_err());
        assert!(open(&key(b"a passphrase", PassphraseUse::Backup, &cheap())).is_err());
        for change in [0, 1, 2, 3] {
            let mut other = cheap();
            match change {
                0 => other.salt[31] ^= 1,
                1 => other.cost.memory_kib += 8,
                2 => other.cost.passes += 1,
                _ => other.cost.lanes += 1,
            }
            assert!(open(&key(b"a passphrase", PassphraseUse::Root, &other)).is_err(), "{change}");
        }
    }

    #[test]
    fn short_and_endless_passphrases_are_refused() {
        for length in [0, PASSPHRASE_BYTES_MIN - 1, PASSPHRASE_BYTES_MAX + 1] {
            let derived = PassphraseKey::derive(&vec![b'x'; length], PassphraseUse::Root, &cheap());
            assert_eq!(derived.err(), Some(PassphraseError::Length), "{length}");
        }
    }

    #[test]
    fn stored_parameters_cannot_ask_for_everything_nor_for_nothing() {
        let good = PassphraseParams::new(PassphraseCost::default(), &SystemEntropy).unwrap();
        assert_eq!(PassphraseParams::decode(&good.encode()).as_ref(), Ok(&good));
        assert!(
            PassphraseParams::new(PassphraseCost { passes: 0, ..PassphraseCost::default() }, &SystemEntropy).is_none()
        );
        for (at, value) in [(0, 0xff), (4, 0xff), (8, 0xff)] {
            let mut greedy = good.encode();
            greedy[at] = value;
            assert!(PassphraseParams::decode(&greedy).is_err(), "byte {at}");
        }
        for field in [0..4, 4..8, 8..12] {
            let mut none = good.encode();
            none[field.clone()].fill(0);
            assert!(PassphraseParams::decode(&none).is_err(), "{field:?}");
        }
    }
}
