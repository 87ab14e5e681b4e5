//! Aliases: names of CMKs within an account. One leads to one CMK; a CMK may have several.
//!
//! Huawei's API knows one alias of a key, given with the key and renamed. There it is the first that the key was given, of
//! those it has; when that is deleted, the next.

use crate::describe::AliasDescription;
use crate::ledger::Plan;
use crate::lifecycle::{touch, touched};
use crate::record::AliasRecord;
use crate::service::account_of;
use crate::trail::Act;
use crate::{AliasName, CmkId, KeyOperation, KeyService, KeyUser, KmsError};
use model::{AccountId, CmkUid, Timestamp};
use policy::{Action, Authorized};
use store::{Expectation, Table, Transaction};

const ALIASES_FULL: KmsError = KmsError::LimitExceeded("the number of aliases of a CMK");

impl KeyService {
    /// Gives a CMK an alias, named with or without `alias/` (`kms:CreateAlias` on both).
    ///
    /// # Errors
    /// [`KmsError::Denied`]; [`KmsError::InvalidAlias`] for a malformed or reserved name; [`KmsError::NotFound`],
    /// [`KmsError::PendingDeletion`], [`KmsError::ServiceManaged`] about the CMK; [`KmsError::AlreadyExists`];
    /// [`KmsError::LimitExceeded`]; [`KmsError::Unavailable`].
    pub async fn create_alias(&self, user: &KeyUser, name: &str, cmk: &CmkId) -> Result<(), KmsError> {
        self.perform_change(
            user,
            Act::changing("CreateAlias").on(cmk).detail("alias", shown(name)),
            |intent| async move {
                let _: Authorized = self.authorize(user, Action::KmsCreateAlias, cmk)?;
                let name = alias_name(name)?;
                self.authorize_alias(user, Action::KmsCreateAlias, &name)?;
                let (now, id, aliases_max) = (self.clock.now(), cmk.clone(), self.config.aliases_max as usize);
                self.ledger
                    .change(intent, move |catalogue| {
                        let record = catalogue.find(&id, now).ok_or(KmsError::NotFound)?;
                        record.admit(KeyOperation::CreateAlias)?;
                        if catalogue.alias(&id.account, &name).is_some() {
                            return Err(KmsError::AlreadyExists);
                        }
                        if catalogue.aliases_of_cmk(id.uid).count() >= aliases_max {
                            return Err(ALIASES_FULL);
                        }
                        // The CMK must still be in the state that allows it.
                        let mut transaction = touched(id.uid, record);
                        add_alias(&mut transaction, &id.account, &name, id.uid, now);
                        Ok(Plan::Commit(transaction, ()))
                    })
                    .await
            },
        )
        .await
    }

    /// Points an alias at another CMK of the account (`kms:UpdateAlias` on the alias, on the CMK it leaves and on the one
    /// it goes to).
    ///
    /// # Errors
    /// [`KmsError::Denied`]; [`KmsError::InvalidAlias`]; [`KmsError::NotFound`] for the alias or the CMK; what the new
    /// CMK's state says; [`KmsError::Validation`] for a CMK of another spec, as on AWS: whoever names the key by the
    /// alias counts on its cipher; [`KmsError::LimitExceeded`]; [`KmsError::Unavailable`].
    pub async fn update_alias(&self, user: &KeyUser, name: &str, cmk: &CmkId) -> Result<(), KmsError> {
        self.perform_change(
            user,
            Act::changing("UpdateAlias").on(cmk).detail("alias", shown(name)),
            |intent| async move {
                let _: Authorized = self.authorize(user, Action::KmsUpdateAlias, cmk)?;
                let name = alias_name(name)?;
                self.authorize_alias(user, Action::KmsUpdateAlias, &name)?;
                let old = self.alias_target(user, &name, Action::KmsUpdateAlias)?;
                let (now, id, aliases_max) = (self.clock.now(), cmk.clone(), self.config.aliases_max as usize);
                self.ledger
                    .change(intent, move |catalogue| {
                        let record = catalogue.find(&id, now).ok_or(KmsError::NotFound)?;
                        record.admit(KeyOperation::UpdateAlias)?;
                        let alias = catalogue.alias(&id.account, &name).ok_or(KmsError::NotFound)?;
                        if alias.target != old.uid {
                            // Pointed elsewhere since the caller was authorised: that CMK was not asked about.
                            return Err(KmsError::NotFound);
                        }
                        if old.uid == id.uid {
                            return Ok(Plan::Done(()));
                        }
                        let left = catalogue.find(&old, now).ok_or(KmsError::NotFound)?;
                        if left.spec != record.spec {
                            return Err(KmsError::Validation(
                                "an alias is pointed only at a CMK of the same key spec".to_owned(),
                            ));
                        }
                        if catalogue.aliases_of_cmk(id.uid).count() >= aliases_max {
                            return Err(ALIASES_FULL);
                        }
                        let row = AliasRecord::key(&id.account, &name);
                        let moved = AliasRecord { target: id.uid, created: alias.created, updated: now };
                        let mut transaction = touched(id.uid, record);
                        touch(&mut transaction, old.uid, left);
                        transaction
                            .expect(Expectation::Equals(Table::CmkAliases, row.clone().into(), alias.encode().into()))
                            .put(Table::CmkAliases, row, moved.encode());
                        Ok(Plan::Commit(transaction, ()))
                    })
                    .await
            },
        )
        .await
    }

    /// Renames the alias that Huawei's API shows as the CMK's (`kms:UpdateAlias` on the CMK and on both aliases); a CMK
    /// without any is given this one (`kms:CreateAlias` on the alias instead). It stays the first.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::InvalidAlias`];
    /// [`KmsError::AlreadyExists`]; [`KmsError::Unavailable`].
    pub async fn rename_alias(&self, user: &KeyUser, cmk: &CmkId, name: &str) -> Result<(), KmsError> {
        self.perform_change(
            user,
            Act::changing("UpdateAlias").on(cmk).detail("alias", shown(name)),
            |intent| async move {
                let _: Authorized = self.authorize(user, Action::KmsUpdateAlias, cmk)?;
                let (now, id) = (self.clock.now(), cmk.clone());
                // What the CMK itself forbids comes before the name: the default key is not renamed to anything.
                self.ledger.read(|catalogue| {
                    catalogue.find(cmk, now).ok_or(KmsError::NotFound)?.admit(KeyOperation::UpdateAlias)
                })?;
                let name = alias_name(name)?;
                let asked =
                    self.ledger.read(|catalogue| catalogue.first_alias(id.uid).map(|(present, _)| present.clone()));
                match &asked {
                    None => self.authorize_alias(user, Action::KmsCreateAlias, &name)?,
                    Some(present) => {
                        self.authorize_alias(user, Action::KmsUpdateAlias, present)?;
                        self.authorize_alias(user, Action::KmsUpdateAlias, &name)?;
                    }
                }
                self.ledger
                    .change(intent, move |catalogue| {
                        let record = catalogue.find(&id, now).ok_or(KmsError::NotFound)?;
                        record.admit(KeyOperation::UpdateAlias)?;
                        let first = catalogue.first_alias(id.uid);
                        if first.map(|(present, _)| present) != asked.as_ref() {
                            // Renamed since the caller was authorised: that alias was not asked about.
                            return Err(KmsError::Conflict("the CMK's alias is being changed"));
                        }
                        if first.is_some_and(|(present, _)| *present == name) {
                            return Ok(Plan::Done(()));
                        }
                        if catalogue.alias(&id.account, &name).is_some() {
                            return Err(KmsError::AlreadyExists);
                        }
                        let mut transaction = touched(id.uid, record);
                        let created = first.map_or(now, |(_, alias)| alias.created);
                        if let Some((present, alias)) = first {
                            remove_alias(&mut transaction, &id.account, present, alias);
                        }
                        let row = AliasRecord::key(&id.account, &name);
                        let renamed = AliasRecord { target: id.uid, created, updated: now };
                        transaction.expect(Expectation::Absent(Table::CmkAliases, row.clone().into())).put(
                            Table::CmkAliases,
                            row,
                            renamed.encode(),
                        );
                        Ok(Plan::Commit(transaction, ()))
                    })
                    .await
            },
        )
        .await
    }

    /// Takes an alias away, named with or without `alias/`. Needs `kms:DeleteAlias` on it and on its CMK.
    ///
    /// # Errors
    /// [`KmsError::Denied`]; [`KmsError::InvalidAlias`]; [`KmsError::NotFound`]; [`KmsError::Unavailable`].
    pub async fn delete_alias(&self, user: &KeyUser, name: &str) -> Result<(), KmsError> {
        let target = account_of(user).ok().and_then(|(account, _)| {
            let name = alias_name(name).ok()?;
            self.target(account, &name)
        });
        let act = Act::changing("DeleteAlias").detail("alias", shown(name));
        let act = match &target {
            Some(cmk) => act.on(cmk),
            None => act,
        };
        self.perform_change(user, act, |intent| async move {
            account_of(user)?;
            let name = alias_name(name)?;
            let target = self.alias_target(user, &name, Action::KmsDeleteAlias)?;
            self.authorize_alias(user, Action::KmsDeleteAlias, &name)?;
            let now = self.clock.now();
            self.ledger
                .change(intent, move |catalogue| {
                    let alias = catalogue.alias(&target.account, &name).ok_or(KmsError::NotFound)?;
                    if alias.target != target.uid {
                        // Pointed elsewhere since the caller was authorised: that CMK was not asked about.
                        return Err(KmsError::NotFound);
                    }
                    let record = catalogue.find(&target, now).ok_or(KmsError::NotFound)?;
                    record.admit(KeyOperation::DeleteAlias)?;
                    let mut transaction = touched(target.uid, record);
                    remove_alias(&mut transaction, &target.account, &name, alias);
                    Ok(Plan::Commit(transaction, ()))
                })
                .await
        })
        .await
    }

    /// The account's aliases in order of their names, all or those of one CMK (`kms:ListAliases`).
    ///
    /// # Errors
    /// [`KmsError::Denied`]; [`KmsError::NotFound`] when the CMK does not exist.
    pub async fn list_aliases(&self, user: &KeyUser, of: Option<&CmkId>) -> Result<Vec<AliasDescription>, KmsError> {
        let act = Act::reading("ListAliases");
        let act = match of {
            Some(cmk) => act.on(cmk),
            None => act,
        };
        self.perform(user, act, async {
            let account = self.authorize_account(user, Action::KmsListAliases)?;
            let now = self.clock.now();
            self.ledger.read(|catalogue| {
                if let Some(cmk) = of {
                    catalogue.find(cmk, now).filter(|cmk| cmk.account == *account).ok_or(KmsError::NotFound)?;
                }
                let wanted = |target: CmkUid| of.is_none_or(|cmk| cmk.uid == target);
                Ok(catalogue
                    .aliases_of_account(account, now)
                    .filter(|(_, alias)| wanted(alias.target))
                    .filter_map(|(name, alias)| {
                        Some(AliasDescription {
                            name: name.clone(),
                            target: catalogue.cmk(alias.target, now)?.id(alias.target),
                            created: alias.created,
                            updated: alias.updated,
                        })
                    })
                    .collect())
            })
        })
        .await
    }

    /// The CMK behind an alias of the caller's account, on which the action is asked for.
    fn alias_target(&self, user: &KeyUser, name: &AliasName, action: Action) -> Result<CmkId, KmsError> {
        let (account, _) = account_of(user)?;
        let target = self.target(account, name).ok_or_else(|| self.conceal(user, KmsError::NotFound, None, action))?;
        let _: Authorized = self.authorize(user, action, &target)?;
        Ok(target)
    }

    fn target(&self, account: &AccountId, name: &AliasName) -> Option<CmkId> {
        let now = self.clock.now();
        self.ledger.read(|catalogue| {
            let target = catalogue.alias(account, name)?.target;
            Some(catalogue.cmk(target, now)?.id(target))
        })
    }
}

/// Makes an alias part of a transaction; it must not be there.
pub(crate) fn add_alias(
    transaction: &mut Transaction,
    account: &AccountId,
    name: &AliasName,
    target: CmkUid,
    now: Timestamp,
) {
    let row = AliasRecord::key(account, name);
    transaction.expect(Expectation::Absent(Table::CmkAliases, row.clone().into())).put(
        Table::CmkAliases,
        row,
        AliasRecord { target, created: now, updated: now }.encode(),
    );
}

fn remove_alias(transaction: &mut Transaction, account: &AccountId, name: &AliasName, alias: &AliasRecord) {
    let row = AliasRecord::key(account, name);
    transaction
        .expect(Expectation::Equals(Table::CmkAliases, row.clone().into(), alias.encode().into()))
        .delete(Table::CmkAliases, row);
}

/// Reads a name that users may give, with or without `alias/`.
pub(crate) fn alias_name(name: &str) -> Result<AliasName, KmsError> {
    let name = AliasName::parse(name.strip_prefix("alias/").unwrap_or(name))
        .ok_or(KmsError::InvalidAlias("it consists of 1 to 250 letters, digits and :/_- after alias/"))?;
    if name.is_reserved() {
        return Err(KmsError::InvalidAlias("alias/aws/ and names ending in /default are reserved"));
    }
    Ok(name)
}

/// As much of a name as belongs on record.
fn shown(name: &str) -> String {
    name.chars().take(256).collect()
}
