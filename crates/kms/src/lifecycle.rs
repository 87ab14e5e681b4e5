//! A CMK's life after it was made: enabled, disabled, deleted. Each change authorises, decides on the catalogue, commits
//! with expectations about every row it rests on, and is seen only then.

use crate::catalogue::Catalogue;
use crate::intent::Intent;
use crate::ledger::Plan;
use crate::provider::VersionRef;
use crate::record::{AliasRecord, CmkRecord, CmkVersionRecord, GrantRecord};
use crate::state::{DELETION_DAYS_MAX, DELETION_DAYS_MIN};
use crate::trail::Act;
use crate::{CmkId, KeyOperation, KeyService, KeyState, KeyUser, KmsError, Origin};
use model::{CmkUid, Timestamp};
use policy::{Action, Authorized, ConditionKey};
use std::sync::Arc;
use store::{Expectation, Table, Transaction};

const DAY_MILLIS: u64 = 24 * 60 * 60 * 1000;

impl KeyService {
    /// Enables a CMK (`kms:EnableKey`); an enabled one stays as it is. One whose rotation became due meanwhile keeps its
    /// date, so the next round of [`KeyService::rotate_due`] rotates it.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], then what `state.rs` says; [`KmsError::Unavailable`].
    pub async fn enable(&self, user: &KeyUser, cmk: &CmkId) -> Result<(), KmsError> {
        self.perform_change(user, Act::changing("EnableKey").on(cmk), |intent| async move {
            let _: Authorized = self.authorize(user, Action::KmsEnableKey, cmk)?;
            self.alter(intent, cmk, KeyOperation::Enable, |record, _| {
                record.state = KeyState::Enabled;
                Ok(())
            })
            .await
        })
        .await
    }

    /// Disables a CMK (`kms:DisableKey`); in force for every request that begins after this returns.
    ///
    /// # Errors
    /// As [`KeyService::enable`].
    pub async fn disable(&self, user: &KeyUser, cmk: &CmkId) -> Result<(), KmsError> {
        self.perform_change(user, Act::changing("DisableKey").on(cmk), |intent| async move {
            let _: Authorized = self.authorize(user, Action::KmsDisableKey, cmk)?;
            self.alter(intent, cmk, KeyOperation::Disable, |record, _| {
                record.state = KeyState::Disabled;
                Ok(())
            })
            .await
        })
        .await
    }

    /// Schedules a CMK's deletion in `days` days, 7 to 1096 (`kms:ScheduleKeyDeletion`). It cannot be used from now
    /// on. Returns the moment of deletion. `force`: also while something needs the CMK.
    ///
    /// # Errors
    /// As [`KeyService::enable`]; [`KmsError::Validation`] for another number of days; [`KmsError::InUse`] while anything
    /// needs the CMK, unless forced; [`KmsError::Unavailable`] also when that cannot be counted; [`KmsError::Throttled`]
    /// also when too many wait for a count.
    pub async fn schedule_deletion(
        &self,
        user: &KeyUser,
        cmk: &CmkId,
        days: u32,
        force: bool,
    ) -> Result<Timestamp, KmsError> {
        let act = Act::changing("ScheduleKeyDeletion").on(cmk).detail("days", days).detail("force", force);
        self.perform_change(user, act, |intent| async move {
            let text = days.to_string();
            let facts = vec![(ConditionKey::PendingWindowInDays, text.as_str())];
            let _: Authorized = self.authorize_with(user, Action::KmsScheduleKeyDeletion, cmk, facts)?;
            let now = self.clock.now();
            self.ledger.read(|catalogue| {
                catalogue.find(cmk, now).ok_or(KmsError::NotFound)?.admit(KeyOperation::ScheduleDeletion)
            })?;
            if !(DELETION_DAYS_MIN..=DELETION_DAYS_MAX).contains(&days) {
                return Err(KmsError::Validation(format!(
                    "the waiting time is between {DELETION_DAYS_MIN} and {DELETION_DAYS_MAX} days"
                )));
            }
            if !force {
                let impact = self.count_impact(cmk, None).await?;
                if !impact.is_none() {
                    return Err(KmsError::InUse(Box::new(impact)));
                }
            }
            let delete_at = now.plus_millis(u64::from(days) * DAY_MILLIS);
            self.alter(intent, cmk, KeyOperation::ScheduleDeletion, move |record, _| {
                record.state = KeyState::PendingDeletion { delete_at };
                record.deletion_forced = force;
                Ok(())
            })
            .await?;
            Ok(delete_at)
        })
        .await
    }

    /// Cancels a CMK's deletion (`kms:CancelKeyDeletion`); it is disabled afterwards, in both clouds. One that has no
    /// material is pending import again.
    ///
    /// # Errors
    /// As [`KeyService::enable`]; [`KmsError::NotPendingDeletion`].
    pub async fn cancel_deletion(&self, user: &KeyUser, cmk: &CmkId) -> Result<(), KmsError> {
        self.perform_change(user, Act::changing("CancelKeyDeletion").on(cmk), |intent| async move {
            let _: Authorized = self.authorize(user, Action::KmsCancelKeyDeletion, cmk)?;
            let (uid, now) = (cmk.uid, self.clock.now());
            self.alter(intent, cmk, KeyOperation::CancelDeletion, move |record, catalogue| {
                record.state = match catalogue.version(uid, record.current_version) {
                    Some(version) if version.has_material(now) => KeyState::Disabled,
                    _ if record.origin == Origin::External => KeyState::PendingImport,
                    _ => KeyState::Disabled,
                };
                record.deletion_forced = false;
                Ok(())
            })
            .await
        })
        .await
    }

    /// Removes the CMKs whose deletion is due, with their material, aliases and grants, and returns their ids. What is
    /// sealed under them can never be opened again. To be called from time to time; a CMK that is due counts as deleted
    /// even before. Each removal is on record before it happens. One whose deletion was not forced and that is needed by
    /// now stays a day more.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::AuditUnavailable`]; CMKs removed before the failure stay removed.
    pub async fn purge_due(&self) -> Result<Vec<CmkId>, KmsError> {
        let now = self.clock.now();
        let due: Vec<(CmkId, bool)> = self.ledger.read(|catalogue| {
            catalogue.due(now).map(|(uid, record)| (record.id(uid), record.deletion_forced)).collect()
        });
        let mut purged = Vec::new();
        for (id, forced) in due {
            if !forced && self.postponed(&id, now).await? {
                continue;
            }
            let intent = self.recorded_job("purge", &id, Act::changing("DeleteKey").on(&id), None).await?;
            let uid = id.uid;
            let removed = self
                .ledger
                .change(intent, move |catalogue| {
                    Ok(match catalogue.due(now).find(|(candidate, _)| *candidate == uid) {
                        Some((_, record)) => {
                            Plan::Commit(removal(catalogue, uid, record), Some(versions(catalogue, uid, record)))
                        }
                        None => Plan::Done(None),
                    })
                })
                .await?;
            if let Some(versions) = removed {
                self.destroy(&id, versions).await;
                self.wraps.forget(uid);
                tracing::warn!(cmk = id.to_obs(), "the CMK and its material were deleted");
                purged.push(id);
            }
            for provider in self.providers.values() {
                provider.forget(uid);
            }
        }
        Ok(purged)
    }

    /// Counts once more what needs a CMK whose deletion is due: a write that had its key when the deletion was scheduled
    /// may have been committed after that was counted. One that is needed, or of which it cannot be told, is pending
    /// deletion for a day more, so that its account can still cancel. Says whether it is.
    async fn postponed(&self, id: &CmkId, now: Timestamp) -> Result<bool, KmsError> {
        let why = match self.count_in_turn(id, None).await {
            Ok(impact) if impact.is_none() => return Ok(false),
            Ok(impact) => KmsError::InUse(Box::new(impact)),
            Err(error) => error,
        };
        let (uid, delete_at) = (id.uid, now.plus_millis(DAY_MILLIS));
        let act = Act::changing("DeleteKey").on(id).detail("postponed_to", delete_at.as_millis());
        let intent = self.recorded_job("purge", id, act, Some(&why)).await?;
        self.ledger
            .change(intent, move |catalogue| {
                let Some((_, record)) = catalogue.due(now).find(|(candidate, _)| *candidate == uid) else {
                    return Ok(Plan::Done(()));
                };
                let state = KeyState::PendingDeletion { delete_at };
                let new = CmkRecord { revision: record.revision + 1, state, ..record.clone() };
                let mut transaction = Transaction::new();
                transaction.expect(unchanged(uid, record)).put(Table::Cmks, CmkRecord::key(uid), new.encode());
                Ok(Plan::Commit(transaction, ()))
            })
            .await?;
        tracing::warn!(cmk = id.to_obs(), %why, "a CMK whose deletion is due is kept for another day");
        Ok(true)
    }

    /// Has the providers destroy the material of a CMK that was removed. What a provider does not destroy now stays with
    /// it: the log names it for the operator.
    async fn destroy(&self, id: &CmkId, versions: Vec<Removed>) {
        for removed in versions {
            let Removed { number, spec, record } = removed;
            if record.reference.is_empty() {
                continue;
            }
            let reference = VersionRef { uid: id.uid, version: number, spec, reference: &record.reference };
            let destroyed = match self.providers.get(&record.provider) {
                Some(provider) => provider.destroy(reference).await.map_err(|fault| fault.to_string()),
                None => Err("the key provider is not configured".to_owned()),
            };
            if let Err(why) = destroyed {
                tracing::error!(
                    cmk = id.to_obs(),
                    version = number,
                    provider = %record.provider,
                    why,
                    "the material of a deleted CMK is still with its key provider"
                );
            }
        }
    }

    /// Changes a CMK's record, if the operation is allowed in its state and the change changes anything.
    pub(crate) async fn alter(
        &self,
        intent: Intent,
        cmk: &CmkId,
        operation: KeyOperation,
        change: impl Fn(&mut CmkRecord, &Catalogue) -> Result<(), KmsError> + Send + 'static,
    ) -> Result<(), KmsError> {
        let (id, now) = (cmk.clone(), self.clock.now());
        self.ledger
            .change(intent, move |catalogue| {
                let old = catalogue.find(&id, now).ok_or(KmsError::NotFound)?;
                old.admit(operation)?;
                let mut new = old.clone();
                change(&mut new, catalogue)?;
                if new == *old {
                    return Ok(Plan::Done(()));
                }
                new.revision = old.revision + 1;
                let mut transaction = Transaction::new();
                transaction.expect(unchanged(id.uid, old)).put(Table::Cmks, CmkRecord::key(id.uid), new.encode());
                Ok(Plan::Commit(transaction, ()))
            })
            .await
    }
}

impl CmkVersionRecord {
    /// Whether its material is there and may be used: not deleted, not past its time.
    pub(crate) fn has_material(&self, now: Timestamp) -> bool {
        !self.reference.is_empty() && self.expires.is_none_or(|expires| now < expires)
    }
}

/// That a CMK's record is still this one.
pub(crate) fn unchanged(uid: CmkUid, record: &CmkRecord) -> Expectation {
    Expectation::Equals(Table::Cmks, CmkRecord::key(uid).into(), record.encode().into())
}

/// The beginning of a change of something that belongs to a CMK: expects the CMK as it is and moves its revision.
pub(crate) fn touched(uid: CmkUid, record: &CmkRecord) -> Transaction {
    let mut transaction = Transaction::new();
    touch(&mut transaction, uid, record);
    transaction
}

/// As [`touched`], within a transaction.
pub(crate) fn touch(transaction: &mut Transaction, uid: CmkUid, record: &CmkRecord) {
    let new = CmkRecord { revision: record.revision + 1, ..record.clone() };
    transaction.expect(unchanged(uid, record)).put(Table::Cmks, CmkRecord::key(uid), new.encode());
}

/// A version whose record was removed.
struct Removed {
    number: u32,
    spec: crate::KeySpec,
    record: Arc<CmkVersionRecord>,
}

fn versions(catalogue: &Catalogue, uid: CmkUid, record: &CmkRecord) -> Vec<Removed> {
    let all = catalogue.versions(uid);
    all.filter_map(|number| {
        Some(Removed { number, spec: record.spec, record: Arc::clone(catalogue.version(uid, number)?) })
    })
    .collect()
}

fn removal(catalogue: &Catalogue, uid: CmkUid, record: &CmkRecord) -> Transaction {
    let mut transaction = Transaction::new();
    // Not if its deletion was cancelled meanwhile.
    transaction.expect(unchanged(uid, record)).delete(Table::Cmks, CmkRecord::key(uid));
    for version in catalogue.versions(uid) {
        transaction.delete(Table::CmkVersions, CmkVersionRecord::key(uid, version));
        transaction.delete(Table::CmkWraps, CmkVersionRecord::key(uid, version));
    }
    for (account, name) in catalogue.aliases_of_cmk(uid) {
        transaction.delete(Table::CmkAliases, AliasRecord::key(account, name));
    }
    for (id, _) in catalogue.grants_of(uid) {
        transaction.delete(Table::CmkGrants, GrantRecord::key(uid, id));
    }
    transaction
}
