//! A token, its login and its sessions. A session serves one call at a time; those not in use wait in a pool.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, Result, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Most sessions kept open between calls.
const IDLE_SESSIONS_MAX: usize = 16;

/// A token that is logged in to.
pub(super) struct Token {
    module: Pkcs11,
    label: String,
    /// Held as long as the token: after a restart of the HSM it is shown again.
    pin: AuthPin,
    /// The token refused the PIN. It is not shown again before a restart: tokens lock themselves after a few wrong ones.
    pin_refused: AtomicBool,
    /// How often this process has logged in. Logging in anew means that all sessions had ended.
    logins: AtomicU64,
    idle: Mutex<Vec<Session>>,
}

impl Token {
    /// Loads the module and logs in. A token that is not there now is no error: it is looked for at each use.
    pub(super) fn open(module: &Path, label: &str, pin: &str) -> std::result::Result<Self, String> {
        let shown = module.display();
        let module =
            Pkcs11::new(module).map_err(|error| format!("cannot load the PKCS#11 module `{shown}`: {error}"))?;
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Another provider of this process uses the same module.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(format!("the PKCS#11 module `{shown}` does not start: {error}")),
        }
        let (pin_refused, logins, idle) = Default::default();
        let token = Self { module, label: label.to_owned(), pin: AuthPin::new(pin.into()), pin_refused, logins, idle };
        match token.with_session(|_| Ok(())) {
            Ok(()) => Ok(token),
            Err(error) if token.pin_refused.load(Ordering::Relaxed) => {
                Err(format!("cannot log in to the token `{label}`: {error}"))
            }
            Err(error) => {
                tracing::warn!(%error, label, module = %shown, "no token with this label, or more than one, is there now");
                Ok(token)
            }
        }
    }

    /// Lends a session. One whose call failed is closed rather than kept: an operation may still be open on it.
    pub(super) fn with_session<T>(&self, work: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
        let idle = self.idle().pop();
        let session = match idle {
            Some(session) => session,
            None => self.connect()?,
        };
        let done = work(&session)?;
        let mut idle = self.idle();
        if idle.len() < IDLE_SESSIONS_MAX {
            idle.push(session);
        }
        Ok(done)
    }

    /// As [`Token::with_session`], after every session was lost.
    pub(super) fn with_fresh_session<T>(&self, work: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
        self.idle().clear();
        self.with_session(work)
    }

    /// How often this process has logged in.
    pub(super) fn logins(&self) -> u64 {
        self.logins.load(Ordering::Relaxed)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(&self) -> Result<Session> {
        if self.pin_refused.load(Ordering::Relaxed) {
            return Err(Error::Pkcs11(RvError::PinIncorrect, Function::Login));
        }
        let session = self.module.open_rw_session(self.slot()?)?;
        // The login is the token's: the first session's counts for all.
        match session.login(UserType::User, Some(&self.pin)) {
            Ok(()) => {
                self.logins.fetch_add(1, Ordering::Relaxed);
                Ok(session)
            }
            Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(error) => {
                let refused = [RvError::PinIncorrect, RvError::PinLocked, RvError::PinExpired, RvError::PinInvalid];
                if matches!(&error, Error::Pkcs11(value, _) if refused.contains(value)) {
                    self.pin_refused.store(true, Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }

    fn slot(&self) -> Result<Slot> {
        let mut found = Vec::new();
        for slot in self.module.get_slots_with_token()? {
            // A token that cannot be asked is not ours now.
            if self.module.get_token_info(slot).is_ok_and(|info| info.label() == self.label) {
                found.push(slot);
            }
        }
        match found[..] {
            [slot] => Ok(slot),
            _ => Err(Error::Pkcs11(RvError::TokenNotPresent, Function::GetSlotList)),
        }
    }
}
