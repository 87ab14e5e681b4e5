//! The server's root key under a key of a token: the token never gives its key away, so the wrapped root key is worth
//! nothing without it. Asked at start and when the root key is changed; everything blocks.
//!
//! ```text
//! wrapped  iv 12 | AES-256-GCM(key in the token, iv, root key 32, AAD as given) 48
//! ```

use super::token::Token;
use super::{IV_BYTES, TAG_BITS, TAG_BYTES, faults, key_of_256_bits, template};
use crate::secret::Secret;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::session::Session;
use kms::ProviderFault;
use std::path::Path;
use zeroize::Zeroizing;

/// The label of the token's key.
pub const ROOT_KEY_LABEL: &str = "strongroom root key";
const ROOT_KEY_BYTES: usize = 32;

/// Length of a wrapped root key in bytes.
pub const WRAPPED_ROOT_KEY_BYTES: usize = IV_BYTES + ROOT_KEY_BYTES + TAG_BYTES;

/// A token that keeps the key above the root key.
pub struct RootToken(Token);

impl RootToken {
    /// Loads the module and logs in.
    ///
    /// # Errors
    /// What to tell the operator: a module that cannot be loaded, a PIN that is refused.
    pub fn open(module: &Path, token_label: &str, pin: &Secret) -> Result<Self, String> {
        Token::open(module, token_label, &pin.get()).map(Self)
    }

    /// Wraps a root key; makes the token's key at first.
    ///
    /// # Errors
    /// [`ProviderFault::Unavailable`] while the token is not there; [`ProviderFault::Refused`] for a key of this label that
    /// could leave the token, or two.
    pub fn wrap(&self, root: &[u8; ROOT_KEY_BYTES], aad: &[u8]) -> Result<Vec<u8>, ProviderFault> {
        let done = self.0.with_session(|session| {
            let key = match key_of_256_bits(session, ROOT_KEY_LABEL)? {
                Ok((key, _)) => key,
                Err(_) if is_absent(session)? => {
                    let mut id = vec![0; 16];
                    session.generate_random_slice(&mut id)?;
                    session.generate_key(&Mechanism::AesKeyGen, &template(&id, ROOT_KEY_LABEL))?
                }
                Err(fault) => return Ok(Err(fault)),
            };
            let mut iv = [0; IV_BYTES];
            session.generate_random_slice(&mut iv)?;
            let mechanism = Mechanism::AesGcm(GcmParams::new(&mut iv, aad, TAG_BITS.into())?);
            let sealed = session.encrypt(&mechanism, key, root)?;
            drop(mechanism);
            Ok(Ok([&iv[..], &sealed].concat()))
        });
        done.map_err(|error| faults::fault(faults::Step::Wrap, &error))?
    }

    /// Unwraps a root key.
    ///
    /// # Errors
    /// As [`RootToken::wrap`]; [`ProviderFault::InvalidCiphertext`] for what this token's key did not wrap.
    pub fn unwrap(&self, wrapped: &[u8], aad: &[u8]) -> Result<Zeroizing<[u8; ROOT_KEY_BYTES]>, ProviderFault> {
        if wrapped.len() != WRAPPED_ROOT_KEY_BYTES {
            return Err(ProviderFault::InvalidCiphertext);
        }
        let mut iv = [0; IV_BYTES];
        iv.copy_from_slice(&wrapped[..IV_BYTES]);
        let done = self.0.with_session(|session| {
            let key = match key_of_256_bits(session, ROOT_KEY_LABEL)? {
                Ok((key, _)) => key,
                Err(fault) => return Ok(Err(fault)),
            };
            let mechanism = Mechanism::AesGcm(GcmParams::new(&mut iv, aad, TAG_BITS.into())?);
            match session.decrypt(&mechanism, key, &wrapped[IV_BYTES..]) {
                Err(error) if faults::is_vague(&error) => Ok(Err(ProviderFault::InvalidCiphertext)),
                Err(error) => Err(error),
                Ok(plain) => {
                    let plain = Zeroizing::new(plain);
                    let root = plain.as_slice().try_into().map_err(|_| ProviderFault::InvalidCiphertext);
                    Ok(root.map(Zeroizing::new))
                }
            }
        });
        done.map_err(|error| faults::fault(faults::Step::Unwrap, &error))?
    }
}

/// Whether no key has the label: then, and only then, one is made.
fn is_absent(session: &Session) -> cryptoki::error::Result<bool> {
    let wanted = [cryptoki::object::Attribute::Label(ROOT_KEY_LABEL.as_bytes().to_vec())];
    Ok(session.find_objects(&wanted)?.is_empty())
}
