//! Rotation: new versions of a CMK by schedule or on demand. Old versions open what they wrapped, and never wrap.

use crate::intent::Intent;
use crate::ledger::Plan;
use crate::lifecycle::unchanged;
use crate::material::failed;
use crate::provider::{NewVersion, VersionRef};
use crate::record::{CmkRecord, CmkVersionRecord, RotationSchedule};
use crate::state::KeyOperation;
use crate::trail::Act;
use crate::{CmkId, KeyService, KeyState, KeyUser, KmsError, ProviderName, VersionCause};
use model::{CmkUid, Timestamp};
use policy::{Action, Authorized, ConditionKey};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use store::{Expectation, Table, Transaction};

const DAY_MILLIS: u64 = 86_400_000;

/// Shortest period of rotation in days: Huawei's 30; the AWS API has 90.
pub const ROTATION_DAYS_MIN: u32 = 30;
/// Longest period of rotation in days: AWS's 2560; Huawei's API has 365.
pub const ROTATION_DAYS_MAX: u32 = 2560;
/// The period when none is named, in days.
pub const ROTATION_DAYS_DEFAULT: u32 = 365;

/// Whether and when a CMK rotates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationStatus {
    /// Whether it rotates by itself.
    pub enabled: bool,
    /// How often, in days; what was last set if it does not.
    pub period_days: u32,
    /// The next time.
    pub next: Option<Timestamp>,
    /// The last time, by schedule or on demand.
    pub last: Option<Timestamp>,
    /// How often it was rotated.
    pub rotations: u32,
}

/// A version of a CMK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionDescription {
    /// Its number, from 1.
    pub version: u32,
    /// When it was made.
    pub created: Timestamp,
    /// How.
    pub cause: VersionCause,
    /// Names its material: 64 hexadecimal digits that tell nothing about it.
    pub material_id: String,
    /// Whether new wraps use it.
    pub current: bool,
    /// When imported material expires.
    pub expires: Option<Timestamp>,
    /// How many wraps it has made; counted ahead in blocks, so a restart may add some.
    pub wraps: u64,
}

impl KeyService {
    /// Lets a CMK rotate by itself, or changes how often (`kms:EnableKeyRotation`). `None` for the period that was set
    /// before, or 365 days. The period counts from now; setting the one that is set changes nothing.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Validation`] for a period that is
    /// not allowed; [`KmsError::Unsupported`] for imported material; [`KmsError::ServiceManaged`].
    pub async fn enable_rotation(&self, user: &KeyUser, cmk: &CmkId, days: Option<u32>) -> Result<(), KmsError> {
        let shown = days.map_or_else(|| "as before".to_owned(), |days| days.to_string());
        let act = Act::changing("EnableKeyRotation").on(cmk).detail("days", shown);
        self.perform_change(user, act, |intent| async move {
            let text = days.map(|days| days.to_string());
            let facts = text.iter().map(|days| (ConditionKey::RotationPeriodInDays, days.as_str())).collect();
            let _: Authorized = self.authorize_with(user, Action::KmsEnableKeyRotation, cmk, facts)?;
            if days.is_some_and(|days| !(ROTATION_DAYS_MIN..=ROTATION_DAYS_MAX).contains(&days)) {
                return Err(KmsError::Validation(format!(
                    "the period of rotation is between {ROTATION_DAYS_MIN} and {ROTATION_DAYS_MAX} days"
                )));
            }
            let now = self.clock.now();
            self.alter(intent, cmk, KeyOperation::SetRotation, move |record, _| {
                let period_days = days.unwrap_or_else(|| record.period_days());
                if record.rotation.is_none_or(|set| set.period_days != period_days) {
                    record.rotation = Some(RotationSchedule { period_days, next: after(now, period_days) });
                }
                Ok(())
            })
            .await
        })
        .await
    }

    /// Stops a CMK from rotating by itself (`kms:DisableKeyRotation`).
    ///
    /// # Errors
    /// As [`KeyService::enable_rotation`].
    pub async fn disable_rotation(&self, user: &KeyUser, cmk: &CmkId) -> Result<(), KmsError> {
        self.perform_change(user, Act::changing("DisableKeyRotation").on(cmk), |intent| async move {
            let _: Authorized = self.authorize(user, Action::KmsDisableKeyRotation, cmk)?;
            self.alter(intent, cmk, KeyOperation::SetRotation, |record, _| {
                record.last_period_days = record.rotation.map_or(record.last_period_days, |set| set.period_days);
                record.rotation = None;
                Ok(())
            })
            .await
        })
        .await
    }

    /// Whether and when a CMK rotates (`kms:GetKeyRotationStatus`). One that is pending deletion does not, as on AWS.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`]; [`KmsError::Unsupported`] for imported material.
    pub async fn rotation_status(&self, user: &KeyUser, cmk: &CmkId) -> Result<RotationStatus, KmsError> {
        self.perform(user, Act::reading("GetKeyRotationStatus").on(cmk), async {
            let _: Authorized = self.authorize(user, Action::KmsGetKeyRotationStatus, cmk)?;
            let now = self.clock.now();
            self.ledger.read(|catalogue| {
                let record = catalogue.find(cmk, now).ok_or(KmsError::NotFound)?;
                record.admit(KeyOperation::RotationStatus)?;
                let schedule = record.rotation.filter(|_| !matches!(record.state, KeyState::PendingDeletion { .. }));
                let rotations = catalogue.versions(cmk.uid).filter_map(|number| catalogue.version(cmk.uid, number));
                let rotations = rotations
                    .filter(|version| matches!(version.cause, VersionCause::Scheduled | VersionCause::OnDemand))
                    .map(|version| version.created)
                    .collect::<Vec<_>>();
                Ok(RotationStatus {
                    enabled: schedule.is_some(),
                    period_days: record.period_days(),
                    next: schedule.map(|schedule| schedule.next),
                    last: rotations.last().copied(),
                    rotations: u32::try_from(rotations.len()).unwrap_or(u32::MAX),
                })
            })
        })
        .await
    }

    /// A CMK's versions from the first (`kms:ListKeyRotations`).
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`].
    pub async fn versions(&self, user: &KeyUser, cmk: &CmkId) -> Result<Vec<VersionDescription>, KmsError> {
        self.perform(user, Act::reading("ListKeyRotations").on(cmk), async {
            let _: Authorized = self.authorize(user, Action::KmsListKeyRotations, cmk)?;
            let now = self.clock.now();
            self.ledger.read(|catalogue| {
                let record = catalogue.find(cmk, now).ok_or(KmsError::NotFound)?;
                record.admit(KeyOperation::ListRotations)?;
                let versions = catalogue.versions(cmk.uid).filter_map(|number| {
                    let version = catalogue.version(cmk.uid, number)?;
                    Some(VersionDescription {
                        version: number,
                        created: version.created,
                        cause: version.cause,
                        material_id: version.material_id(cmk.uid, number),
                        current: number == record.current_version,
                        expires: version.expires,
                        wraps: self.wraps.used(cmk.uid, number),
                    })
                });
                Ok(versions.collect())
            })
        })
        .await
    }

    /// Makes a new version now (`kms:RotateKeyOnDemand`); wraps that begin after this returns use it. Returns its number.
    /// The schedule, if there is one, stays as it is.
    ///
    /// # Errors
    /// [`KmsError::Denied`], [`KmsError::NotFound`], what its state says; [`KmsError::Unsupported`] for imported
    /// material; [`KmsError::ServiceManaged`]; [`KmsError::Conflict`] while the CMK is being rotated;
    /// [`KmsError::LimitExceeded`] when it has as many versions as it may;
    /// [`KmsError::Unavailable`].
    pub async fn rotate(&self, user: &KeyUser, cmk: &CmkId) -> Result<u32, KmsError> {
        let act = Act::changing("RotateKeyOnDemand").on(cmk);
        let (kept, intent) = (self.keep(user, &act), self.intent(user, &act));
        let rotated = match self
            .within_rate(user, &act)
            .and_then(|()| self.charged(user, &act, self.authorize(user, Action::KmsRotateKeyOnDemand, cmk)))
        {
            Ok(_) => self.new_version(intent, cmk, VersionCause::OnDemand).await,
            Err(error) => Err(error),
        };
        let act = match &rotated {
            Ok((number, provider)) => act.at_version(*number, provider),
            Err(_) => act,
        };
        let rotated = self.recorded(user, act, rotated).await;
        kept.done();
        rotated.map(|(number, _)| number)
    }

    /// Rotates the CMKs whose schedule says so by now, and those with a schedule that have made most of the wraps they
    /// may; returns them with their new versions. Missed dates count once. A CMK that is disabled or pending deletion
    /// waits, and is rotated as soon as it is enabled. To be called from time to time. Each rotation is on record before
    /// the new version is used.
    ///
    /// # Errors
    /// [`KmsError::Unavailable`], [`KmsError::AuditUnavailable`] of the last CMK that could not be rotated; the others
    /// are, and it is tried again the next time.
    pub async fn rotate_due(&self) -> Result<Vec<(CmkId, u32)>, KmsError> {
        let now = self.clock.now();
        let due: Vec<(CmkId, bool)> = self.ledger.read(|catalogue| {
            let scheduled = catalogue.all(now).filter(|(_, record)| record.state == KeyState::Enabled);
            scheduled
                .filter_map(|(uid, record)| {
                    let schedule = record.rotation?;
                    let worn = self.wraps.is_worn(uid, record.current_version);
                    let ahead = schedule.next > after(now, schedule.period_days);
                    (schedule.next <= now || worn || ahead).then(|| (record.id(uid), ahead && !worn))
                })
                .collect()
        });
        let (mut rotated, mut failed) = (Vec::new(), None);
        for (cmk, ahead) in due {
            let result = if ahead { self.date_anew(&cmk).await.map(|()| None) } else { self.rotate_by_job(&cmk).await };
            match result {
                Ok(version) => rotated.extend(version.map(|version| (cmk, version))),
                Err(error) => {
                    tracing::error!(cmk = cmk.to_obs(), %error, "a CMK whose rotation is due was not rotated");
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(rotated), Err)
    }

    async fn rotate_by_job(&self, cmk: &CmkId) -> Result<Option<u32>, KmsError> {
        let act = Act::changing("RotateKey").on(cmk);
        let intent = self.recorded_job("rotation", cmk, act.clone(), None).await?;
        match self.new_version(intent, cmk, VersionCause::Scheduled).await {
            Ok((version, _)) => {
                tracing::info!(cmk = cmk.to_obs(), version, "a CMK was rotated");
                Ok(Some(version))
            }
            Err(error) => {
                self.recorded_job("rotation", cmk, act, Some(&error)).await?;
                // Somebody disabled or rotated it meanwhile: then it is not due.
                let gone = matches!(error, KmsError::NotFound | KmsError::Disabled | KmsError::PendingDeletion);
                if gone || matches!(error, KmsError::Conflict(_)) { Ok(None) } else { Err(error) }
            }
        }
    }

    /// A date further away than the period was set while the clock was ahead: it is counted from now instead.
    async fn date_anew(&self, cmk: &CmkId) -> Result<(), KmsError> {
        let now = self.clock.now();
        let act = Act::changing("EnableKeyRotation").on(cmk).detail("days", "as before");
        let intent = self.recorded_job("rotation", cmk, act, None).await?;
        self.alter(intent, cmk, KeyOperation::SetRotation, move |record, _| {
            record.rotation =
                record.rotation.map(|set| RotationSchedule { next: set.next.min(after(now, set.period_days)), ..set });
            Ok(())
        })
        .await
    }

    /// Has the provider make the next version, and stores it. The provider is asked while nobody waits for it; what the
    /// CMK has become meanwhile is looked at again when the version is stored. Runs to its end even if the caller goes
    /// away: what the provider has made is stored, or destroyed.
    async fn new_version(
        &self,
        intent: Intent,
        cmk: &CmkId,
        cause: VersionCause,
    ) -> Result<(u32, ProviderName), KmsError> {
        let cmk = cmk.clone();
        self.to_its_end(|service| async move { service.new_version_now(intent, &cmk, cause).await }).await
    }

    async fn new_version_now(
        &self,
        mut intent: Intent,
        cmk: &CmkId,
        cause: VersionCause,
    ) -> Result<(u32, ProviderName), KmsError> {
        let _turn = self.rotating.begin(cmk.uid)?;
        let now = self.clock.now();
        let (spec, provider, old) = self.ledger.read(|catalogue| {
            let record = catalogue.find(cmk, now).ok_or(KmsError::NotFound)?;
            record.admit(KeyOperation::Rotate)?;
            Ok::<_, KmsError>((record.spec, record.provider.clone(), record.current_version))
        })?;
        let number = old.checked_add(1).filter(|number| *number <= self.config.versions_max);
        let number = number.ok_or(VERSIONS_FULL)?;
        let keeper = self.provider(&provider)?;
        let wanted = NewVersion { uid: cmk.uid, version: number, spec, existing: None };
        intent.announce().await?;
        let reference = keeper.create_version(wanted).await.map_err(|fault| failed(&provider, cmk.uid, fault))?;
        let mut material_id = [0; 32];
        self.entropy.fill(&mut material_id);
        let version = CmkVersionRecord {
            provider: provider.clone(),
            created: self.clock.now(),
            reference: reference.clone(),
            cause,
            material_id,
            expires: None,
            digest: [0; 32],
        };
        let id = cmk.clone();
        let stored = self
            .ledger
            .change(intent, move |catalogue| {
                let record = catalogue.find(&id, version.created).ok_or(KmsError::NotFound)?;
                record.admit(KeyOperation::Rotate)?;
                if record.current_version != old {
                    return Err(ROTATED_MEANWHILE);
                }
                let mut new = CmkRecord { revision: record.revision + 1, current_version: number, ..record.clone() };
                if cause == VersionCause::Scheduled {
                    // From now, not from the date that was missed: missed dates count once.
                    let from_now = |set: RotationSchedule| RotationSchedule {
                        next: after(version.created, set.period_days),
                        ..set
                    };
                    new.rotation = new.rotation.map(from_now);
                }
                let row = CmkVersionRecord::key(id.uid, number);
                let mut transaction = Transaction::new();
                transaction
                    .expect(unchanged(id.uid, record))
                    .expect(Expectation::Absent(Table::CmkVersions, row.clone().into()))
                    .put(Table::Cmks, CmkRecord::key(id.uid), new.encode())
                    .put(Table::CmkVersions, row, version.encode());
                Ok(Plan::Commit(transaction, ()))
            })
            .await;
        if let Err(error) = stored {
            let left = VersionRef { uid: cmk.uid, version: number, spec, reference: &reference };
            // Whether it is stored is not known after a fault of the store; then its material stays.
            let unknown = matches!(error, KmsError::Unavailable(_) | KmsError::Damaged(_));
            if unknown || keeper.destroy(left).await.is_err() {
                tracing::warn!(cmk = cmk.to_obs(), version = number, %provider, "a new version may have been left behind");
            }
            return Err(error);
        }
        Ok((number, provider))
    }
}

const VERSIONS_FULL: KmsError = KmsError::LimitExceeded("the number of versions of a CMK");

const ROTATED_MEANWHILE: KmsError = KmsError::Conflict("the CMK is being rotated");

/// The CMKs that are being rotated now, so that nobody asks a provider for two new versions at once.
#[derive(Default)]
pub(crate) struct Rotating(Mutex<BTreeSet<CmkUid>>);

impl Rotating {
    fn begin(&self, uid: CmkUid) -> Result<Turn<'_>, KmsError> {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uid);
        if first { Ok(Turn { rotating: self, uid }) } else { Err(ROTATED_MEANWHILE) }
    }
}

struct Turn<'a> {
    rotating: &'a Rotating,
    uid: CmkUid,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.rotating.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.uid);
    }
}

impl CmkRecord {
    /// The period that is set, was set last, or is usual.
    fn period_days(&self) -> u32 {
        match (self.rotation, self.last_period_days) {
            (Some(set), _) => set.period_days,
            (None, 0) => ROTATION_DAYS_DEFAULT,
            (None, last) => last,
        }
    }
}

fn after(now: Timestamp, days: u32) -> Timestamp {
    now.plus_millis(u64::from(days) * DAY_MILLIS)
}
