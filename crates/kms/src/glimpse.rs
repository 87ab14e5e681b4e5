//! What an API asks of the catalogue besides its operations: which CMK a reference names within a project, and what a
//! CMK is like at the moment. Faces whose refusals depend on the state ask before they carry out, and tell only after
//! the operation itself has asked for the right.

use crate::service::account_of;
use crate::{AliasDescription, AliasName, CmkDescription, CmkId, EncryptionContext, KeyService, KeyUser, KmsError};
use model::ProjectUid;
use policy::{Action, Authorized};

impl KeyService {
    /// As [`KeyService::resolve`], for a request that is scoped to a project of the caller's account, `None` for the
    /// default one: a CMK of another project of the account does not exist for it. With `make`, a reference to the
    /// default key makes it at its first use. A refusal is put on record.
    ///
    /// # Errors
    /// As [`KeyService::resolve_or_make`]; [`KmsError::AuditUnavailable`].
    pub async fn resolve_in(
        &self,
        user: &KeyUser,
        project: Option<ProjectUid>,
        key_ref: &str,
        action: Action,
        make: bool,
    ) -> Result<CmkId, KmsError> {
        let found = if make && project.is_none() {
            self.resolve_or_make(user, key_ref, action).await
        } else {
            self.resolve(user, key_ref, action)
        };
        let error = match found {
            Ok(cmk) if self.is_in(user, project, &cmk) => return Ok(cmk),
            Ok(cmk) => self.conceal(user, KmsError::NotFound, Some(cmk.uid), action),
            Err(error) => error,
        };
        Err(self.refused(user, action, key_ref, error).await)
    }

    /// Whether a request that is scoped to a project sees a CMK. Those of other accounts are no matter of projects.
    pub fn is_in(&self, user: &KeyUser, project: Option<ProjectUid>, cmk: &CmkId) -> bool {
        match (user.principal.account(), self.glimpse(cmk)) {
            (Some(account), Some(found)) => *account != cmk.account || found.project == project,
            // One that is not there is refused as such.
            _ => true,
        }
    }

    /// What a CMK is like at the moment; `None` if it is not there. Asks for no right: what it says is not for the
    /// caller's eyes before an operation has asked for one.
    pub fn glimpse(&self, cmk: &CmkId) -> Option<CmkDescription> {
        let now = self.clock.now();
        self.ledger.read(|catalogue| {
            let record = catalogue.find(cmk, now)?;
            Some(catalogue.describe(cmk.uid, record))
        })
    }

    /// As [`KeyService::glimpse`], for an alias of the caller's account.
    pub fn glimpse_alias(&self, user: &KeyUser, name: &AliasName) -> Option<AliasDescription> {
        let (account, _) = account_of(user).ok()?;
        let now = self.clock.now();
        self.ledger.read(|catalogue| {
            let alias = catalogue.alias(account, name)?;
            let target = catalogue.cmk(alias.target, now)?.id(alias.target);
            Some(AliasDescription { name: name.clone(), target, created: alias.created, updated: alias.updated })
        })
    }

    /// Asks for the right to an action on a CMK and does nothing.
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub fn permit(&self, user: &KeyUser, action: Action, cmk: &CmkId) -> Result<(), KmsError> {
        let _: Authorized = self.authorize(user, action, cmk)?;
        Ok(())
    }

    /// As [`KeyService::permit`], for an operation with an encryption context: policies and grants may ask for one.
    ///
    /// # Errors
    /// [`KmsError::Denied`].
    pub fn permit_in(
        &self,
        user: &KeyUser,
        action: Action,
        cmk: &CmkId,
        context: &EncryptionContext,
    ) -> Result<(), KmsError> {
        let _: Authorized = self.authorize_in(user, action, cmk, context, None)?;
        Ok(())
    }
}
