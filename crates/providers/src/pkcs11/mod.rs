//! PKCS#11: CMKs in an HSM, or in a software token. Keys are made in the token, sensitive and not extractable; wrapping and
//! unwrapping happen there.
//!
//! ```text
//! reference  origin, then the key's CKA_ID in hexadecimal (reference.rs)
//! wrapped    fmt 1 | iv 12 | AES-256-GCM(key in the token, iv, one-time key 32, AAD = what the wrap belongs to 32) 48
//! ```
//!
//! The IV is random, drawn by the token. A CMK version makes at most 2^32 wraps, the bound of SP 800-38D (section 8.3) for
//! random IVs. A token that insists on IVs of its own writes it into the parameters, where it is read back.

mod faults;
mod root;
#[cfg(test)]
mod tests;
mod token;

use crate::backend::{Backend, Bound, FRESH_KEY_BYTES};
use crate::reference::Reference;
use async_trait::async_trait;
use cryptoki::context::Function;
use cryptoki::error::{Error, Result as TokenResult, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use data_encoding::HEXLOWER;
use faults::Step;
use kms::{KeySpec, NewVersion, ProviderFault, VersionRef};
use model::CmkUid;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use token::Token;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

pub use root::{ROOT_KEY_LABEL, RootToken, WRAPPED_ROOT_KEY_BYTES};

const FORMAT: u8 = 1;
/// Most calls in the module at a time.
const CALLS_MAX: usize = 16;
const IV_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const WRAPPED_BYTES: usize = 1 + IV_BYTES + FRESH_KEY_BYTES + TAG_BYTES;
const KEY_BYTES: u64 = 32;
const TAG_BITS: u64 = 8 * TAG_BYTES as u64;

/// A token reached through its vendor's PKCS#11 module.
pub struct Pkcs11 {
    token: Arc<Token>,
    handles: Arc<Mutex<Handles>>,
    /// Calls in the vendor's module cannot be cut off: one that hangs keeps its place, and so no more threads than these.
    places: Arc<Semaphore>,
}

/// Handles of keys by CKA_ID. A handle is good for every session of the process until the last one is closed or the token
/// is taken out, hence for one login.
#[derive(Default)]
struct Handles {
    login: u64,
    by_id: HashMap<Vec<u8>, ObjectHandle>,
}

impl Pkcs11 {
    /// Loads the module and logs in to the token of this label. A token that is not there yet is looked for at each use; a PIN
    /// that was refused is not shown again, since tokens lock themselves after a few wrong ones.
    ///
    /// # Errors
    /// What to tell the operator: a module that cannot be loaded, a PIN that is refused.
    pub fn open(module: &Path, token_label: &str, pin: &str) -> Result<Self, String> {
        let token = Token::open(module, token_label, pin)?;
        Ok(Self { token: Arc::new(token), handles: Arc::default(), places: Arc::new(Semaphore::new(CALLS_MAX)) })
    }

    /// Runs `work` with a session on a thread that may block. A session that was lost with the token's connection is opened
    /// anew, once.
    async fn run<T: Send + 'static>(
        &self,
        step: Step,
        work: impl Fn(&Session, &Keys) -> TokenResult<T> + Send + 'static,
    ) -> Result<T, ProviderFault> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| ProviderFault::Unavailable("the PKCS#11 provider has ended".to_owned()))?;
        let token = Arc::clone(&self.token);
        let keys = Keys { handles: Arc::clone(&self.handles), token: Arc::clone(&token) };
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            let first = token.with_session(|session| work(session, &keys));
            match first {
                Err(error) if faults::is_lost(&error) => {
                    keys.forget_all();
                    token.with_fresh_session(|session| work(session, &keys))
                }
                other => other,
            }
            .map_err(|error| faults::fault(step, &error))
        });
        done.await.unwrap_or_else(|_| Err(ProviderFault::Unavailable("the PKCS#11 call did not end".to_owned())))
    }
}

#[async_trait]
impl Backend for Pkcs11 {
    fn specs(&self) -> &'static [KeySpec] {
        &[KeySpec::Aes256]
    }

    async fn create(&self, new: NewVersion<'_>) -> Result<Vec<u8>, ProviderFault> {
        if let Some(label) = new.existing {
            let label = label.to_owned();
            let id = self.run(Step::Find, move |session, _| take_up(session, &label)).await??;
            return Reference { made: false, name: &HEXLOWER.encode(&id) }.encode();
        }
        let label = format!("strongroom {} version {}", new.uid.to_uuid(), new.version);
        let id = self
            .run(Step::Make, move |session, keys| {
                let mut id = vec![0; 16];
                session.generate_random_slice(&mut id)?;
                let key = session.generate_key(&Mechanism::AesKeyGen, &template(&id, &label))?;
                keys.remember(&id, key);
                Ok(id)
            })
            .await?;
        Reference { made: true, name: &HEXLOWER.encode(&id) }.encode()
    }

    async fn wrap(
        &self,
        version: VersionRef<'_>,
        key: &[u8; FRESH_KEY_BYTES],
        bound: &Bound,
    ) -> Result<Vec<u8>, ProviderFault> {
        let (id, plain, bound) = (key_id(&version)?, Zeroizing::new(*key), *bound);
        self.run(Step::Wrap, move |session, keys| {
            let mut iv = [0; IV_BYTES];
            session.generate_random_slice(&mut iv)?;
            let handle = keys.find(session, &id)?;
            let mechanism = Mechanism::AesGcm(GcmParams::new(&mut iv, bound.as_bytes(), TAG_BITS.into())?);
            let sealed = session.encrypt(&mechanism, handle, plain.as_slice())?;
            drop(mechanism);
            Ok([&[FORMAT][..], &iv, &sealed].concat())
        })
        .await
        .and_then(|wrapped| match wrapped.len() {
            WRAPPED_BYTES => Ok(wrapped),
            other => Err(ProviderFault::Garbage(format!("a wrap of {other} bytes"))),
        })
    }

    async fn unwrap(
        &self,
        version: VersionRef<'_>,
        wrapped: &[u8],
        bound: &Bound,
    ) -> Result<Zeroizing<Vec<u8>>, ProviderFault> {
        let (id, bound) = (key_id(&version)?, *bound);
        let [FORMAT, rest @ ..] = wrapped else { return Err(ProviderFault::InvalidCiphertext) };
        if wrapped.len() != WRAPPED_BYTES {
            return Err(ProviderFault::InvalidCiphertext);
        }
        let mut iv = [0; IV_BYTES];
        iv.copy_from_slice(&rest[..IV_BYTES]);
        let sealed = rest[IV_BYTES..].to_vec();
        self.run(Step::Unwrap, move |session, keys| {
            let handle = keys.find(session, &id)?;
            let mut iv = iv;
            let mechanism = Mechanism::AesGcm(GcmParams::new(&mut iv, bound.as_bytes(), TAG_BITS.into())?);
            match session.decrypt(&mechanism, handle, &sealed) {
                // Tokens have many words for a wrong tag, some of which can mean anything. If the key still works, it was the
                // tag: what callers hand in is no sign of a token that is down.
                Err(error) if !faults::is_lost(&error) && works(session, handle) => Ok(None),
                other => other.map(|plain| Some(Zeroizing::new(plain))),
            }
        })
        .await?
        .ok_or(ProviderFault::InvalidCiphertext)
    }

    async fn destroy(&self, version: VersionRef<'_>) -> Result<(), ProviderFault> {
        if !Reference::decode(version.reference)?.made {
            return Ok(());
        }
        let id = key_id(&version)?;
        self.run(Step::Destroy, move |session, keys| {
            keys.forget(&id);
            for object in
                session.find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Id(id.clone())])?
            {
                session.destroy_object(object)?;
            }
            Ok(())
        })
        .await
    }

    fn forget(&self, _: CmkUid) {
        // Handles are no secrets; those of keys that are gone fail and are dropped.
    }
}

/// The handles of keys.
struct Keys {
    handles: Arc<Mutex<Handles>>,
    token: Arc<Token>,
}

impl Keys {
    /// The key with this CKA_ID. One that is not there is an error as of a handle that is none.
    fn find(&self, session: &Session, id: &[u8]) -> TokenResult<ObjectHandle> {
        if let Some(handle) = self.lock().by_id.get(id) {
            return Ok(*handle);
        }
        let wanted = [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Id(id.to_vec())];
        match session.find_objects(&wanted)?[..] {
            [handle] => {
                self.remember(id, handle);
                Ok(handle)
            }
            // None, or two of which one must be somebody else's.
            _ => Err(Error::Pkcs11(RvError::KeyHandleInvalid, Function::FindObjects)),
        }
    }

    fn remember(&self, id: &[u8], handle: ObjectHandle) {
        self.lock().by_id.insert(id.to_vec(), handle);
    }

    fn forget(&self, id: &[u8]) {
        self.lock().by_id.remove(id);
    }

    fn forget_all(&self) {
        self.lock().by_id.clear();
    }

    /// Those of an earlier login are dropped: a token may give their numbers to other keys.
    fn lock(&self) -> std::sync::MutexGuard<'_, Handles> {
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        let login = self.token.logins();
        if handles.login != login {
            *handles = Handles { login, ..Handles::default() };
        }
        handles
    }
}

fn key_id(version: &VersionRef<'_>) -> Result<Vec<u8>, ProviderFault> {
    let reference = Reference::decode(version.reference)?;
    HEXLOWER.decode(reference.name.as_bytes()).map_err(|_| ProviderFault::InvalidReference)
}

/// A key that never leaves the token and does nothing but wrap and unwrap.
fn template(id: &[u8], label: &str) -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::Wrap(false),
        Attribute::Unwrap(false),
        Attribute::Sign(false),
        Attribute::Verify(false),
        Attribute::Derive(false),
        Attribute::ValueLen(KEY_BYTES.into()),
        Attribute::Id(id.to_vec()),
        Attribute::Label(label.as_bytes().to_vec()),
    ]
}

/// The CKA_ID of a key that exists, by its label.
fn take_up(session: &Session, label: &str) -> TokenResult<Result<Vec<u8>, ProviderFault>> {
    if label == ROOT_KEY_LABEL {
        return Ok(Err(ProviderFault::Refused(format!("the key `{label}` wraps root keys and nothing else"))));
    }
    Ok(key_of_256_bits(session, label)?.map(|(_, id)| id))
}

/// The one AES key with this label, and its CKA_ID. A key that could leave the token is refused: its owner would believe
/// what is not so.
fn key_of_256_bits(session: &Session, label: &str) -> TokenResult<Result<(ObjectHandle, Vec<u8>), ProviderFault>> {
    let wanted = [
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    let found = session.find_objects(&wanted)?;
    let [key] = found[..] else {
        let why = format!("the token has {} AES keys with the label `{label}`", found.len());
        return Ok(Err(ProviderFault::Refused(why)));
    };
    let asked = [
        AttributeType::Id,
        AttributeType::ValueLen,
        AttributeType::Sensitive,
        AttributeType::Extractable,
        AttributeType::Encrypt,
        AttributeType::Decrypt,
    ];
    let (mut id, mut fit) = (Vec::new(), 0);
    for attribute in session.get_attributes(key, &asked)? {
        match attribute {
            Attribute::Id(found) => id = found,
            Attribute::ValueLen(len) => fit += u32::from(u64::from(len) == KEY_BYTES),
            Attribute::Sensitive(true) | Attribute::Extractable(false) => fit += 1,
            Attribute::Encrypt(true) | Attribute::Decrypt(true) => fit += 1,
            _ => {}
        }
    }
    if fit < 5 || id.is_empty() {
        let why = format!(
            "the key `{label}` must have 256 bits, be sensitive and not extractable, encrypt and decrypt, and have a CKA_ID"
        );
        return Ok(Err(ProviderFault::Refused(why)));
    }
    Ok(Ok((key, id)))
}

/// Whether a key wraps at all now.
fn works(session: &Session, key: ObjectHandle) -> bool {
    let mut iv = [0; IV_BYTES];
    let mut probe = || {
        session.generate_random_slice(&mut iv)?;
        let mechanism = Mechanism::AesGcm(GcmParams::new(&mut iv, &[], TAG_BITS.into())?);
        session.encrypt(&mechanism, key, &[0; FRESH_KEY_BYTES])
    };
    probe().is_ok()
}
