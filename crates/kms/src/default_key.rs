//! The account's default key: the service's own, made at its first use, and nobody's to change (kms-iam-api §1.3).

use crate::aliases::add_alias;
use crate::catalogue::Catalogue;
use crate::create::{NewCmk, new_uid};
use crate::intent::Intent;
use crate::ledger::Plan;
use crate::record::CmkRecord;
use crate::service::account_of;
use crate::trail::Act;
use crate::{AliasName, CmkId, DEFAULT_KEY_ALIASES, KeyManager, KeyService, KeyUser, KmsError};
use model::{AccountId, Timestamp};
use policy::{Action, Authorized};

impl KeyService {
    /// The account's default key, made at its first use: `alias/aws/s3` and `obs/default` name it. Making it needs no
    /// right of its own, as in both clouds, but whoever may not do the action to the account's CMKs makes none.
    ///
    /// # Errors
    /// [`KmsError::Denied`] without an account, and instead of making the key for who may not use it;
    /// [`KmsError::Unavailable`].
    pub async fn default_key(&self, user: &KeyUser, action: Action) -> Result<CmkId, KmsError> {
        let (account, number) = match account_of(user) {
            Ok(own) => own,
            Err(error) => return self.recorded(user, Act::changing("CreateDefaultKey"), Err(error)).await,
        };
        if let Some(id) = self.ledger.read(|catalogue| default_of(catalogue, account)) {
            return Ok(id);
        }
        let uid = new_uid(&*self.entropy);
        let id = CmkId { region: self.region.clone(), account: account.clone(), number: number.clone(), uid };
        let act = Act::changing("CreateDefaultKey").on(&id);
        match self.make_default_key(self.intent(user, &act), user, action, &id).await {
            // Somebody else was faster, and has put it on record. That this one began is on record as well, so is its end.
            Ok(other) if other != id => {
                let _ = self.recorded::<()>(user, act, Err(KmsError::AlreadyExists)).await;
                Ok(other)
            }
            result => self.recorded(user, act, result).await,
        }
    }

    async fn make_default_key(
        &self,
        intent: Intent,
        user: &KeyUser,
        action: Action,
        id: &CmkId,
    ) -> Result<CmkId, KmsError> {
        let _: Authorized = self.authorize(user, action, id)?;
        let record = CmkRecord {
            description: "default key for objects".to_owned(),
            ..self.blank(id, None, KeyManager::Service)
        };
        let wanted = id.clone();
        let plan = move |catalogue: &Catalogue, new: &NewCmk| {
            if let Some(id) = default_of(catalogue, &wanted.account) {
                return Ok(Plan::Done(id));
            }
            let mut transaction = new.transaction();
            for name in DEFAULT_KEY_ALIASES.iter().filter_map(|name| AliasName::parse(name)) {
                add_alias(&mut transaction, &wanted.account, &name, wanted.uid, new.record.created);
            }
            Ok(Plan::Commit(transaction, wanted.clone()))
        };
        self.make_and_store(intent, id, record, None, plan).await
    }
}

/// The account's default key, if it was made.
fn default_of(catalogue: &Catalogue, account: &AccountId) -> Option<CmkId> {
    let name = AliasName::parse(DEFAULT_KEY_ALIASES[0])?;
    let target = catalogue.alias(account, &name)?.target;
    // The default key is never deleted, so the date does not matter.
    Some(catalogue.cmk(target, Timestamp::default())?.id(target))
}
