//! Logging in with a password. An unknown user, a wrong password, a disabled user and a locked one look alike and take the
//! same time: every attempt computes one hash. Hashes are computed on threads of their own, two at a time, because each
//! takes memory and tens of milliseconds; attempts that find too many others waiting are turned away.

use crate::change::Shared;
use crate::record::UserEntry;
use crate::{IamError, PasswordHasher, PasswordLogin};
use model::{EntityName, Timestamp, UserUid};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Hashes computed at a time: 19 MiB each.
const AT_A_TIME: usize = 2;
/// Attempts that wait for their turn at most.
const WAITING_MAX: usize = 64;
/// Failures in a row after which a user is locked.
pub(crate) const FAILURES_MAX: u32 = 5;
/// How long a user is locked, in milliseconds: 15 minutes after the last failure.
pub(crate) const LOCKED_MILLIS: u64 = 15 * 60 * 1000;
/// Shortest password, in characters.
const PASSWORD_CHARS_MIN: usize = 8;
/// Longest password, in bytes (as AWS: 128 characters).
const PASSWORD_BYTES_MAX: usize = 512;

/// Attempts to log in.
pub(crate) struct Logins {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// Failures in a row of users that exist, hence no more than there are users. Kept in memory only.
    failures: Mutex<HashMap<UserUid, (u32, Timestamp)>>,
    /// The hash that attempts on unknown users are compared with: it costs what a real one does.
    decoy: OnceLock<Vec<u8>>,
}

impl Default for Logins {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
            places: Arc::new(Semaphore::new(AT_A_TIME + WAITING_MAX)),
            failures: Mutex::default(),
            decoy: OnceLock::new(),
        }
    }
}

impl Logins {
    fn locked(&self, user: UserUid, now: Timestamp) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let since = failures.get(&user).filter(|(count, _)| *count >= FAILURES_MAX);
        since.is_some_and(|(_, last)| now.millis_since(*last) < LOCKED_MILLIS)
    }

    fn failed(&self, user: UserUid, now: Timestamp) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = failures.entry(user).or_insert((0, now));
        // Once the lock has ended, counting begins again.
        *count = if *count >= FAILURES_MAX && now.millis_since(*last) >= LOCKED_MILLIS { 1 } else { *count + 1 };
        *last = now;
    }

    /// Counts no failures any more: after a success, a new password, or with the user's end.
    pub(crate) fn forget(&self, user: UserUid) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&user);
    }

    /// Runs work with a hasher on a blocking thread when its turn has come.
    async fn in_turn<T: Send + 'static>(
        &self,
        hasher: &Arc<dyn PasswordHasher>,
        work: impl FnOnce(&dyn PasswordHasher) -> T + Send + 'static,
    ) -> Result<T, IamError> {
        let busy = || IamError::LimitExceeded("logins at a time");
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| busy())?;
        let hasher = Arc::clone(hasher);
        let done = tokio::task::spawn_blocking(move || {
            // Held by the thread: a request that goes away does not let another one begin.
            let _held = (place, turn);
            work(&*hasher)
        });
        done.await.map_err(|_| busy())
    }
}

impl Shared {
    /// Hashes a new password.
    ///
    /// # Errors
    /// [`IamError::InvalidInput`] for one that is too short or too long; [`IamError::LimitExceeded`] when too many wait.
    pub(crate) async fn hash_password(&self, password: &str) -> Result<Vec<u8>, IamError> {
        if password.chars().count() < PASSWORD_CHARS_MIN || password.len() > PASSWORD_BYTES_MAX {
            return Err(IamError::InvalidInput("Password", format!("has {PASSWORD_CHARS_MIN} to 128 characters")));
        }
        let password = Zeroizing::new(password.to_owned());
        let hash = self.logins.in_turn(&self.passwords, move |hasher| hasher.hash(&password)).await?;
        hash.ok_or(IamError::LimitExceeded("memory for hashing a password"))
    }

    /// The user who logs in.
    ///
    /// # Errors
    /// [`IamError::Unauthorized`] whatever is wrong; [`IamError::LimitExceeded`] when too many wait.
    pub(crate) async fn log_in(&self, login: &PasswordLogin<'_>) -> Result<Arc<UserEntry>, IamError> {
        let found = self.find_login(login);
        let known = found.as_ref().and_then(|entry| entry.password.as_ref()).map(|password| Arc::clone(&password.hash));
        let hash: Arc<[u8]> = match known {
            Some(hash) => hash,
            None => self.decoy().await?.into(),
        };
        let password = Zeroizing::new(login.password.to_owned());
        let too_long = password.len() > PASSWORD_BYTES_MAX;
        // Locked or not, the work is done: the time tells nothing.
        let fits =
            self.logins.in_turn(&self.passwords, move |hasher| !too_long && hasher.verify(&password, &hash)).await?;
        let Some(entry) = found.filter(|entry| entry.password.is_some()) else { return Err(IamError::Unauthorized) };
        let (uid, now) = (entry.user.uid, self.now());
        // Looked at after the work, so that attempts that ran side by side count one after the other.
        if self.logins.locked(uid, now) {
            return Err(IamError::Unauthorized);
        }
        if !fits {
            self.logins.failed(uid, now);
            return Err(IamError::Unauthorized);
        }
        self.logins.forget(uid);
        // The password may have been changed, or the user disabled, while the hash was computed.
        let state = self.state();
        let enabled = state.accounts.get(&entry.user.account).is_some_and(|account| account.account.enabled);
        let present = state.users.get(&uid).filter(|present| {
            let same = present.password.as_ref().map(|p| &p.hash) == entry.password.as_ref().map(|p| &p.hash);
            enabled && present.user.enabled && same
        });
        present.cloned().ok_or(IamError::Unauthorized)
    }

    fn find_login(&self, login: &PasswordLogin<'_>) -> Option<Arc<UserEntry>> {
        let state = self.state();
        let account = match login.account {
            Some(named) => Some(&state.account_named(named)?.account),
            None => None,
        };
        let by_uid = UserUid::parse_hex(login.user).and_then(|uid| state.users.get(&uid));
        let by_uid = by_uid.filter(|entry| account.is_none_or(|account| account.id == entry.user.account));
        by_uid.cloned().or_else(|| {
            let name = EntityName::parse(login.user)?;
            state.user(&account?.id, &crate::entity::Named::Name(name)).found
        })
    }

    async fn decoy(&self) -> Result<Vec<u8>, IamError> {
        if let Some(decoy) = self.logins.decoy.get() {
            return Ok(decoy.clone());
        }
        // Nobody has this password: a hash is compared with it only for those who have none.
        let noise = data_encoding::HEXLOWER.encode(&self.draw::<16>());
        let hash = self.logins.in_turn(&self.passwords, move |hasher| hasher.hash(&noise)).await?;
        let hash = hash.ok_or(IamError::LimitExceeded("memory for hashing a password"))?;
        Ok(self.logins.decoy.get_or_init(|| hash).clone())
    }
}
