//! Changes of CMKs and aliases. Each authorises, decides on the catalogue, commits with expectations about every row it
//! rests on, and is seen only then.

use crate::catalogue::Catalogue;
use crate::create::CreateCmk;
use crate::ledger::Plan;
use crate::provider::{KeySpec, NewVersion, ProviderName};
use crate::record::{AliasRecord, CmkRecord, CmkVersionRecord, DESCRIPTION_BYTES_MAX, VersionCause};
use crate::service::{CmkDescription, account_of};
use crate::state::{DELETION_DAYS_MAX, DELETION_DAYS_MIN, KeyOperation, admit};
use crate::{
    AliasName, CmkId, DEFAULT_KEY_ALIASES, KeyManager, KeyService, KeyState, KeyUser, KmsError, Origin,
    provider::ProviderFault,
};
use model::{AccountId, AccountNumber, CmkUid, Entropy, Timestamp};
use policy::{Action, Authorized};
use store::{Expectation, Table, Transaction};

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

impl KeyService {
    /// Creates a CMK of the caller's account (`kms:CreateKey`): enabled, or pending import if its material is to come
    /// from outside.
    ///
    /// # Errors
    /// [`KmsError::Denied`]; [`KmsError::Validation`] for a description over 8192 bytes; [`KmsError::Unsupported`] for
    /// what the provider does not offer; [`KmsError::LimitExceeded`]; [`KmsError::MalformedPolicy`], [`KmsError::Tag`];
    /// [`KmsError::Unavailable`].
    pub async fn create(&self, user: &KeyUser, wanted: CreateCmk) -> Result<CmkDescription, KmsError> {
        self.authorize_account(user, Action::KmsCreateKey)?;
        if wanted.description.len() > DESCRIPTION_BYTES_MAX {
            return Err(KmsError::Validation(format!("the description exceeds {DESCRIPTION_BYTES_MAX} bytes")));
        }
        let (account, number) = account_of(user)?;
        let new = self.new_cmk(account, number, KeyManager::Customer, &wanted.description).await?;
        let described = new.record.describe(new.uid, Vec::new());
        self.ledger.change(move |_| Ok(Plan::Commit(new.transaction(), ()))).await?;
        self.log(user, "CreateKey", &described.id);
        Ok(described)
    }

    /// The account's default key, made at its first use: `alias/aws/s3` and `obs/default` name it. Making it needs no
    /// right of its own, as in both clouds, but whoever may not do the action to the account's CMKs makes none.
    ///
    /// # Errors
    /// [`KmsError::Denied`] without an account, and instead of making the key for who may not use it;
    /// [`KmsError::Unavailable`].
    pub async fn default_key(&self, user: &KeyUser, action: Action) -> Result<CmkId, KmsError> {
        let (account, number) = account_of(user)?;
        let present = |catalogue: &Catalogue, account: &AccountId| {
            let name = AliasName::parse(DEFAULT_KEY_ALIASES[0])?;
            let target = catalogue.alias(account, &name)?.target;
            // The default key is never deleted, so the date does not matter.
            Some(catalogue.cmk(target, Timestamp::default())?.id(target))
        };
        if let Some(id) = self.ledger.read(|catalogue| present(catalogue, account)) {
            return Ok(id);
        }
        let new = self.new_cmk(account, number, KeyManager::Service, "default key for objects").await?;
        let _: Authorized = self.authorize(user, action, &new.record.id(new.uid))?;
        let (account, now) = (account.clone(), self.clock.now());
        let made = new.record.id(new.uid);
        let id = self
            .ledger
            .change(move |catalogue| {
                if let Some(id) = present(catalogue, &account) {
                    return Ok(Plan::Done(id));
                }
                let mut transaction = new.transaction();
                for name in DEFAULT_KEY_ALIASES.iter().filter_map(|name| AliasName::parse(name)) {
                    add_alias(&mut transaction, &account, &name, new.uid, now);
                }
                Ok(Plan::Commit(transaction, new.record.id(new.uid)))
            })
            .await?;
        if id == made {
            self.log(user, "CreateDefaultKey", &id);
        }
        Ok(id)
    }

    /// Gives a CMK an alias, named with or without `alias/` (`kms:CreateAlias`).
    ///
    /// # Errors
    /// [`KmsError::Denied`]; [`KmsError::InvalidAlias`] for a malformed or reserved name; [`KmsError::NotFound`],
    /// [`KmsError::PendingDeletion`], [`KmsError::ServiceManaged`] about the CMK; [`KmsError::AlreadyExists`];
    /// [`KmsError::Unavailable`].
    pub async fn create_alias(&self, user: &KeyUser, name: &str, cmk: &CmkId) -> Result<(), KmsError> {
        let _: Authorized = self.authorize(user, Action::KmsCreateAlias, cmk)?;
        let name = alias_name(name)?;
        let (account, now, id) = (cmk.account.clone(), self.clock.now(), cmk.clone());
        self.ledger
            .change(move |catalogue| {
                let record = catalogue.find(&id, now).ok_or(KmsError::NotFound)?;
                admit(record.state, record.manager, KeyOperation::CreateAlias)?;
                if catalogue.alias(&account, &name).is_some() {
                    return Err(KmsError::AlreadyExists);
                }
                let mut transaction = Transaction::new();
                // The CMK must still be in the state that allows it.
                transaction.expect(unchanged(id.uid, record));
                add_alias(&mut transaction, &account, &name, id.uid, now);
                Ok(Plan::Commit(transaction, ()))
            })
            .await?;
        self.log(user, "CreateAlias", cmk);
        Ok(())
    }

    /// Takes an alias away, named with or without `alias/`. Needs `kms:DeleteAlias` on its CMK.
    ///
    /// # Errors
    /// [`KmsError::Denied`]; [`KmsError::InvalidAlias`]; [`KmsError::NotFound`]; [`KmsError::Unavailable`].
    pub async fn delete_alias(&self, user: &KeyUser, name: &str) -> Result<(), KmsError> {
        let (account, _) = account_of(user)?;
        let name = alias_name(name)?;
        let now = self.clock.now();
        let target = self.ledger.read(|catalogue| {
            let alias = catalogue.alias(account, &name).ok_or(KmsError::NotFound)?;
            Ok::<_, KmsError>(catalogue.cmk(alias.target, now).ok_or(KmsError::NotFound)?.id(alias.target))
        });
        let target = target.map_err(|error| self.conceal(user, error, None, Action::KmsDeleteAlias))?;
        let _: Authorized = self.authorize(user, Action::KmsDeleteAlias, &target)?;
        let (account, cmk) = (account.clone(), target.clone());
        self.ledger
            .change(move |catalogue| {
                let alias = catalogue.alias(&account, &name).ok_or(KmsError::NotFound)?;
                if alias.target != target.uid {
                    // Pointed elsewhere since the caller was authorised: that CMK was not asked about.
                    return Err(KmsError::NotFound);
                }
                let record = catalogue.find(&target, now).ok_or(KmsError::NotFound)?;
                admit(record.state, record.manager, KeyOperation::DeleteAlias)?;
                let row = AliasRecord::key(&account, &name);
                let mut transaction = Transaction::new();
                transaction
                    .expect(Expectation::Equals(Table::CmkAliases, row.clone().into(), alias.encode().into()))
                    .delete(Table::CmkAliases, row);
                Ok(Plan::Commit(transaction, ()))
            })
            .await?;
        self.log(user, "DeleteAlias", &cmk);
        Ok(())
    }

    /// Enables a CMK (`kms:EnableKey`); an enabled one stays as it is.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], then what `state.rs` says; [`KmsError::Unavailable`].
    pub async fn enable(&self, user: &KeyUser, cmk: &CmkId) -> Result<(), KmsError> {
        let _: Authorized = self.authorize(user, Action::KmsEnableKey, cmk)?;
        self.set_state(cmk, KeyOperation::Enable, KeyState::Enabled).await?;
        self.log(user, "EnableKey", cmk);
        Ok(())
    }

    /// Disables a CMK (`kms:DisableKey`); in force for every request that begins after this returns.
    ///
    /// # Errors
    /// As [`KeyService::enable`].
    pub async fn disable(&self, user: &KeyUser, cmk: &CmkId) -> Result<(), KmsError> {
        let _: Authorized = self.authorize(user, Action::KmsDisableKey, cmk)?;
        self.set_state(cmk, KeyOperation::Disable, KeyState::Disabled).await?;
        self.log(user, "DisableKey", cmk);
        Ok(())
    }

    /// Schedules a CMK's deletion in `days` days, 7 to 1096 (`kms:ScheduleKeyDeletion`). It cannot be used from now
    /// on. Returns the moment of deletion.
    ///
    /// # Errors
    /// As [`KeyService::enable`]; [`KmsError::Validation`] for another number of days; [`KmsError::InUse`] while anything
    /// needs the CMK, unless forced.
    pub async fn schedule_deletion(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        days: u32,
        force: bool,
    ) -> Result<Timestamp, KmsError> {
        let _: Authorized = self.authorize(user, Action::KmsScheduleKeyDeletion, cmk)?;
        let _ = force;
        if !(DELETION_DAYS_MIN..=DELETION_DAYS_MAX).contains(&days) {
            return Err(KmsError::Validation(format!(
                "the waiting time is between {DELETION_DAYS_MIN} and {DELETION_DAYS_MAX} days"
            )));
        }
        let delete_at = self.clock.now().plus_millis(u64::from(days) * DAY_MILLIS);
        self.set_state(cmk, KeyOperation::ScheduleDeletion, KeyState::PendingDeletion { delete_at }).await?;
        self.log(user, "ScheduleKeyDeletion", cmk);
        Ok(delete_at)
    }

    /// Cancels a CMK's deletion (`kms:CancelKeyDeletion`); it is disabled afterwards, in both clouds.
    ///
    /// # Errors
    /// As [`KeyService::enable`]; [`KmsError::NotPendingDeletion`].
    pub async fn cancel_deletion(&self, user: &KeyUser, cmk: &CmkId) -> Result<(), KmsError> {
        let _: Authorized = self.authorize(user, Action::KmsCancelKeyDeletion, cmk)?;
        self.set_state(cmk, KeyOperation::CancelDeletion, KeyState::Disabled).await?;
        self.log(user, "CancelKeyDeletion", cmk);
        Ok(())
    }

    /// Removes the CMKs whose deletion is due, with their material and aliases, and returns their ids. What is sealed
    /// under them can never be opened again. To be called from time to time; a CMK that is due counts as deleted even
    /// before.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`]; CMKs removed before the failure stay removed.
    pub async fn purge_due(&self) -> Result<Vec<CmkId>, KmsError> {
        let now = self.clock.now();
        let due: Vec<CmkUid> = self.ledger.read(|catalogue| catalogue.due(now).map(|(uid, _)| uid).collect());
        let mut purged = Vec::new();
        for uid in due {
            let removed = self
                .ledger
                .change(move |catalogue| {
                    Ok(match catalogue.due(now).find(|(candidate, _)| *candidate == uid) {
                        Some((_, record)) => Plan::Commit(removal(catalogue, uid, record), Some(record.id(uid))),
                        None => Plan::Done(None),
                    })
                })
                .await?;
            for provider in self.providers.values() {
                provider.forget(uid);
            }
            if let Some(id) = removed {
                tracing::warn!(cmk = id.to_obs(), "the CMK and its material were deleted");
                purged.push(id);
            }
        }
        Ok(purged)
    }

    async fn set_state(&self, cmk: &CmkId, operation: KeyOperation, state: KeyState) -> Result<(), KmsError> {
        let (id, now) = (cmk.clone(), self.clock.now());
        self.ledger
            .change(move |catalogue| {
                let old = catalogue.find(&id, now).ok_or(KmsError::NotFound)?;
                admit(old.state, old.manager, operation)?;
                if old.state == state {
                    return Ok(Plan::Done(()));
                }
                let new = CmkRecord { revision: old.revision + 1, state, ..old.clone() };
                let mut transaction = Transaction::new();
                transaction.expect(unchanged(id.uid, old)).put(Table::Cmks, CmkRecord::key(id.uid), new.encode());
                Ok(Plan::Commit(transaction, ()))
            })
            .await
    }

    async fn new_cmk(
        &self,
        account: &AccountId,
        number: &AccountNumber,
        manager: KeyManager,
        description: &str,
    ) -> Result<NewCmk, KmsError> {
        let (uid, created) = (new_uid(&*self.entropy), self.clock.now());
        let record = CmkRecord {
            revision: 1,
            account: account.clone(),
            number: number.clone(),
            region: self.region.clone(),
            created,
            manager,
            state: KeyState::Enabled,
            spec: KeySpec::Aes256,
            origin: Origin::Kms,
            provider: ProviderName::embedded(),
            project: None,
            current_version: 1,
            rotation: None,
            last_period_days: 0,
            description: description.to_owned(),
            tags: Vec::new(),
            policy: None,
        };
        let provider = self.provider(&record.provider)?;
        let wanted = NewVersion { uid, version: record.current_version, spec: record.spec, existing: None };
        let reference = provider.create_version(wanted).await.map_err(|fault| match fault {
            ProviderFault::Unavailable(why) => KmsError::Unavailable(why),
            other => KmsError::Damaged(other.to_string()),
        })?;
        let mut material_id = [0; 32];
        self.entropy.fill(&mut material_id);
        let version = CmkVersionRecord {
            provider: record.provider.clone(),
            created,
            reference,
            cause: VersionCause::Created,
            material_id,
            expires: None,
            digest: [0; 32],
        };
        Ok(NewCmk { uid, record, version })
    }

    fn log(&self, user: &KeyUser, operation: &str, cmk: &CmkId) {
        tracing::info!(
            operation,
            principal = user.principal.urn(),
            via = user.via,
            request_id = user.request_id,
            cmk = cmk.to_obs(),
            "a CMK was changed"
        );
    }
}

struct NewCmk {
    uid: CmkUid,
    record: CmkRecord,
    version: CmkVersionRecord,
}

impl NewCmk {
    fn transaction(&self) -> Transaction {
        let key = CmkRecord::key(self.uid);
        let mut transaction = Transaction::new();
        transaction
            .expect(Expectation::Absent(Table::Cmks, key.clone().into()))
            .put(Table::Cmks, key, self.record.encode())
            .put(
                Table::CmkVersions,
                CmkVersionRecord::key(self.uid, self.record.current_version),
                self.version.encode(),
            );
        transaction
    }
}

/// A random UUID (version 4, RFC 9562), as SDKs expect key ids to look.
fn new_uid(entropy: &dyn Entropy) -> CmkUid {
    let mut bytes = *CmkUid::random(entropy).as_bytes();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    CmkUid::from_bytes(bytes)
}

fn unchanged(uid: CmkUid, record: &CmkRecord) -> Expectation {
    Expectation::Equals(Table::Cmks, CmkRecord::key(uid).into(), record.encode().into())
}

fn add_alias(transaction: &mut Transaction, account: &AccountId, name: &AliasName, target: CmkUid, now: Timestamp) {
    let row = AliasRecord::key(account, name);
    transaction.expect(Expectation::Absent(Table::CmkAliases, row.clone().into())).put(
        Table::CmkAliases,
        row,
        AliasRecord { target, created: now, updated: now }.encode(),
    );
}

fn removal(catalogue: &Catalogue, uid: CmkUid, record: &CmkRecord) -> Transaction {
    let mut transaction = Transaction::new();
    // Not if its deletion was cancelled meanwhile.
    transaction.expect(unchanged(uid, record)).delete(Table::Cmks, CmkRecord::key(uid));
    for version in catalogue.versions(uid) {
        transaction.delete(Table::CmkVersions, CmkVersionRecord::key(uid, version));
    }
    for (account, name) in catalogue.aliases_of_cmk(uid) {
        transaction.delete(Table::CmkAliases, AliasRecord::key(account, name));
    }
    transaction
}

fn alias_name(name: &str) -> Result<AliasName, KmsError> {
    let name = AliasName::parse(name.strip_prefix("alias/").unwrap_or(name))
        .ok_or(KmsError::InvalidAlias("it consists of 1 to 250 letters, digits and :/_- after alias/"))?;
    if name.is_reserved() {
        return Err(KmsError::InvalidAlias("alias/aws/ and names ending in /default are reserved"));
    }
    Ok(name)
}
