//! Finding CMKs by the names callers use.

use crate::key_ref::{KeyRef, Place};
use crate::service::account_of;
use crate::{CmkId, EncryptionContext, KeyService, KeyUser, KmsError};
use model::{AccountId, AccountNumber, RegionName};
use policy::Action;

impl KeyService {
    /// Finds the CMK a reference names, in any form of [`KeyRef::parse`], for an action. Says nothing about its state.
    /// Whether the caller may use a CMK of their own account is asked by the operation; one of another account is found
    /// only by its ARN or its long OBS form, and only if the caller may do the action to it.
    ///
    /// # Errors
    /// [`KmsError::Denied`] without an account; [`KmsError::InvalidArn`]; [`KmsError::NotFound`] for what does not
    /// exist, is deleted, is of another region, or is of another account and not the caller's to use — also for the
    /// default key before its first use, see [`KeyService::resolve_or_make`]. Whoever may not do the action to such a
    /// CMK of their own account is told [`KmsError::Denied`] instead, as for one that is there.
    pub fn resolve(&self, user: &KeyUser, key_ref: &str, action: Action) -> Result<CmkId, KmsError> {
        match KeyRef::parse(key_ref) {
            Ok(key_ref) => self.find(user, &key_ref, action),
            Err(error) => Err(self.conceal(user, error, None, action)),
        }
    }

    /// As [`KeyService::resolve`]; a reference to the default key makes it at its first use.
    ///
    /// # Errors
    /// As [`KeyService::resolve`], and those of [`KeyService::default_key`].
    pub async fn resolve_or_make(&self, user: &KeyUser, key_ref: &str, action: Action) -> Result<CmkId, KmsError> {
        let found = self.resolve(user, key_ref, action);
        match KeyRef::parse(key_ref) {
            Ok(KeyRef::Alias(place, name)) if found == Err(KmsError::NotFound) && name.is_default_key() => {
                let (account, number) = account_of(user)?;
                if place.is_of(&self.region, account, number) {
                    self.default_key(user, action).await
                } else {
                    Err(KmsError::NotFound)
                }
            }
            _ => found,
        }
    }

    /// As [`KeyService::resolve_or_make`], for a use of the CMK whose encryption context is known. A refusal is put on
    /// record: no operation follows it that would be.
    ///
    /// # Errors
    /// As [`KeyService::resolve_or_make`]; [`KmsError::AuditUnavailable`].
    pub async fn resolve_for_use(
        &self,
        user: &KeyUser,
        key_ref: &str,
        action: Action,
        context: &EncryptionContext,
    ) -> Result<CmkId, KmsError> {
        let parsed = KeyRef::parse(key_ref);
        let found = match &parsed {
            Ok(parsed) => self.find_in(user, parsed, action, Some(context)),
            Err(error) => Err(self.conceal(user, error.clone(), None, action)),
        };
        let error = match (found, parsed) {
            (Ok(cmk), _) => return Ok(cmk),
            (Err(KmsError::NotFound), Ok(KeyRef::Alias(place, name))) if name.is_default_key() => {
                let (account, number) = account_of(user)?;
                if place.is_of(&self.region, account, number) {
                    // Puts its own refusal on record.
                    return self.default_key(user, action).await;
                }
                KmsError::NotFound
            }
            (Err(error), _) => error,
        };
        Err(self.refused(user, action, key_ref, error).await)
    }

    /// Finds the CMK of a parsed reference; errors as [`KeyService::resolve`].
    pub fn find(&self, user: &KeyUser, key_ref: &KeyRef, action: Action) -> Result<CmkId, KmsError> {
        self.find_in(user, key_ref, action, None)
    }

    /// As [`KeyService::find`], for an operation whose encryption context is known already: the key policies and grants
    /// of other accounts may ask for one.
    ///
    /// # Errors
    /// As [`KeyService::resolve`].
    pub fn find_in(
        &self,
        user: &KeyUser,
        key_ref: &KeyRef,
        action: Action,
        context: Option<&EncryptionContext>,
    ) -> Result<CmkId, KmsError> {
        let (account, _) = account_of(user)?;
        let found = self.look_up(account, key_ref).filter(|cmk| {
            cmk.account == *account
                || self.may_see(user, action, cmk)
                || context.is_some_and(|context| self.authorize_in(user, action, cmk, context, None).is_ok())
        });
        let named = match key_ref {
            KeyRef::Key(_, uid) => Some(*uid),
            KeyRef::Alias(..) => None,
        };
        found.ok_or_else(|| self.conceal(user, KmsError::NotFound, named, action))
    }

    /// The CMK a reference names, for who may use it now with one of these encryption contexts; `None` for everybody else,
    /// whatever the reason. For decisions that stand before the use and look at the CMK: neither a right nor a request, and
    /// on no record.
    pub fn named_to(
        &self,
        user: &KeyUser,
        key_ref: &str,
        action: Action,
        contexts: &[EncryptionContext],
    ) -> Option<CmkId> {
        let (account, _) = account_of(user).ok()?;
        let cmk = self.look_up(account, &KeyRef::parse(key_ref).ok()?)?;
        contexts.iter().any(|context| self.decide_use(user, &cmk, action, context).is_ok()).then_some(cmk)
    }

    /// What a reference names, whoever may use it.
    fn look_up(&self, caller: &AccountId, key_ref: &KeyRef) -> Option<CmkId> {
        let now = self.clock.now();
        self.ledger.read(|catalogue| {
            let (place, uid) = match key_ref {
                KeyRef::Key(place, uid) => (place, *uid),
                KeyRef::Alias(place, name) => {
                    let owner = match place {
                        Place::Own => caller.clone(),
                        Place::Arn { number, .. } => catalogue.account_of_number(number)?.clone(),
                        Place::Obs { account, .. } => AccountId::parse(account)?,
                    };
                    (place, catalogue.alias(&owner, name)?.target)
                }
            };
            let cmk = catalogue.cmk(uid, now)?;
            let is_there = match place {
                Place::Own => cmk.account == *caller,
                elsewhere => elsewhere.is_of(&cmk.region, &cmk.account, &cmk.number),
            };
            is_there.then(|| cmk.id(uid))
        })
    }
}

impl Place {
    /// Whether it is this place; one that was not said is every one.
    pub(crate) fn is_of(&self, own_region: &RegionName, own_account: &AccountId, own_number: &AccountNumber) -> bool {
        match self {
            Self::Own => true,
            Self::Arn { region, number } => region == own_region.as_str() && number == own_number.as_str(),
            Self::Obs { region, account } => region == own_region.as_str() && account == own_account.as_str(),
        }
    }
}
