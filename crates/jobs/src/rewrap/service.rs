//! Jobs as they are asked for: started, stopped, resumed, shown; and gone on with after a restart.

use super::RewrapError;
use super::asked::details;
use super::desk::Desk;
use super::ledger::{Entry, Ledger};
use super::record::{JobRecord, Totals, VersionNeeds};
use super::rights::{Identities, Standing};
use super::runners::Runners;
use super::scope::Scope;
use async_trait::async_trait;
use kms::{KeyService, KeyUser, KmsError};
use model::{BucketName, Clock, Entropy, JobId};
use objects::ObjectService;
use objects::api::RequestContext;
use sse::SseService;
use std::future::Future;
use std::sync::Arc;
use store::{MetaStore, StoreFault};
use tokio::sync::{Mutex, watch};

/// Waits: the one thing about time that a clock cannot do.
#[async_trait]
pub trait Pause: Send + Sync + 'static {
    /// Returns so many milliseconds later.
    async fn pause(&self, millis: u64);
}

/// What the service is made of.
pub struct Parts {
    /// Buckets and objects.
    pub objects: Arc<ObjectService>,
    /// The KMS.
    pub keys: Arc<KeyService>,
    /// Encryption.
    pub sse: Arc<SseService>,
    /// Records.
    pub store: Arc<dyn MetaStore>,
    /// The directory.
    pub identities: Arc<dyn Identities>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for ids of jobs.
    pub entropy: Arc<dyn Entropy>,
    /// Waiting.
    pub pause: Arc<dyn Pause>,
}

/// What jobs use.
pub(super) struct Rooms {
    pub(super) objects: Arc<ObjectService>,
    pub(super) keys: Arc<KeyService>,
    pub(super) sse: Arc<SseService>,
    pub(super) identities: Arc<dyn Identities>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pause: Arc<dyn Pause>,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct RewrapWish {
    /// The CMK that things come from, in any form; `None`: from SSE-OBS (SSE-S3).
    pub key: Option<String>,
    /// One version of it only.
    pub version: Option<u32>,
    /// The CMK that things come under; `None`: the newest version of their own.
    pub to: Option<String>,
    /// One bucket only.
    pub bucket: Option<BucketName>,
    /// Only names that begin so.
    pub prefix: String,
    /// Whether copies of bucket keys beside objects are refreshed as well.
    pub copies: bool,
    /// Whether objects from SSE-OBS come under a bucket key.
    pub bucket_key: bool,
    /// Steps per second; 0 for as many as it can.
    pub rate: u32,
}

/// A job, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// All about it that whoever asks is told.
    pub record: JobRecord,
    /// Whether names, or needs of a CMK, are left out that whoever asks is not told.
    pub withheld: bool,
}

/// What a job would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// What it is about.
    pub scope: Scope,
    /// What there is to do.
    pub totals: Totals,
    /// What needs which version of the CMK as a whole.
    pub needs: Vec<VersionNeeds>,
}

/// Rewrap jobs of this server.
pub struct RewrapService {
    desk: Arc<Desk>,
}

impl RewrapService {
    /// Opens the service. Nothing runs before [`RewrapService::go_on`].
    pub fn open(parts: Parts) -> Self {
        let Parts { objects, keys, sse, store, identities, clock, entropy, pause } = parts;
        let rooms = Arc::new(Rooms { objects, keys, sse, identities, clock, pause });
        let (runners, turn) = (Runners::default(), Mutex::default());
        Self { desk: Arc::new(Desk { rooms, ledger: Ledger { store }, entropy, runners, turn }) }
    }

    /// Goes on with the jobs that were under way when the server ended. How many.
    ///
    /// # Errors
    /// What the store could not read.
    pub async fn go_on(&self) -> Result<usize, StoreFault> {
        self.desk.go_on().await
    }

    /// Lets every job come to a stop where it is; they go on at the next start.
    pub async fn close(&self) {
        self.desk.close().await;
    }

    /// Waits until a job is not at work any more.
    pub async fn wait(&self, id: JobId) {
        self.desk.wait(id).await;
    }

    /// What a job would do, without doing it: writes nothing but that it was asked for, on the audit log.
    ///
    /// # Errors
    /// As [`RewrapService::start`]; [`KmsError::Throttled`] also while too many wait for a count.
    pub async fn dry_run(
        &self,
        cx: &RequestContext,
        user: &KeyUser,
        wish: &RewrapWish,
    ) -> Result<Started, RewrapError> {
        let rooms = &self.desk.rooms;
        rooms.starter(user)?;
        let scope = rooms.scope(cx, user, wish).await?;
        let Some(cmk) = scope.main_cmk() else { return Err(RewrapError::NoSuchBucket) };
        // When the caller goes away, the walk learns of it.
        let (_here, gone) = watch::channel(false);
        let count = async {
            let turn = rooms.keys.turn_to_count().await?;
            let counted = rooms.count(&scope, turn, gone).await.map_err(|fault| {
                tracing::error!(%fault, "what a rewrap job would do cannot be counted");
                KmsError::Unavailable("what is to be done cannot be counted".to_owned())
            });
            counted?.ok_or_else(|| KmsError::Unavailable("nobody waits for the count any more".to_owned()))
        };
        let counted = rooms.keys.count_for_job(user, "DryRunRewrapJob", cmk, details(&scope), count).await;
        let (totals, needs) = counted?;
        Ok(Started { scope, totals, needs })
    }

    /// Starts a job that acts as the user. Its start is on record before anything else.
    ///
    /// # Errors
    /// [`RewrapError::NeedsAccessKey`]; [`RewrapError::Invalid`]; [`RewrapError::NoSuchBucket`]; what the KMS refuses: the
    /// user needs `kms:Decrypt` and `kms:DescribeKey` of the CMK that things come from and `kms:Encrypt` of the one that they
    /// come under, and to name a bucket `s3:ListBucket` of it; [`RewrapError::Busy`] while another job runs over one of them.
    pub async fn start(&self, cx: &RequestContext, user: &KeyUser, wish: &RewrapWish) -> Result<Job, RewrapError> {
        let starter = self.desk.rooms.starter(user)?;
        let scope = self.desk.rooms.scope(cx, user, wish).await?;
        let (user, rate) = (user.clone(), wish.rate);
        self.to_its_end(|desk| async move { desk.start(&user, scope, starter, rate).await }).await
    }

    /// The jobs that this user may see, the newest first.
    ///
    /// # Errors
    /// [`RewrapError::Store`].
    pub async fn list(&self, user: &KeyUser) -> Result<Vec<Job>, RewrapError> {
        let rooms = &self.desk.rooms;
        let jobs = self.desk.jobs().await?.into_iter();
        let seen = |job: Entry| Some((rooms.standing(user, &job.record).ok()?, job));
        let mut jobs: Vec<(Standing, Entry)> = jobs.filter_map(seen).collect();
        jobs.sort_by_key(|(_, job)| std::cmp::Reverse((job.record.started, job.id)));
        Ok(jobs.iter().map(|(standing, job)| rooms.told(user, *standing, job.id, &job.record)).collect())
    }

    /// A job as it was last written: while it is at work at most some seconds ago.
    ///
    /// # Errors
    /// [`RewrapError::NoSuchJob`]; [`RewrapError::Store`].
    pub async fn status(&self, user: &KeyUser, id: JobId) -> Result<Job, RewrapError> {
        let (standing, job) = self.desk.admitted(user, id).await?;
        Ok(self.desk.rooms.told(user, standing, id, &job.record))
    }

    /// Stops a job where it is, for good or until it is resumed.
    ///
    /// # Errors
    /// [`RewrapError::NoSuchJob`]; [`RewrapError::WrongState`] of one that has ended; what cannot be put on record.
    pub async fn stop(&self, user: &KeyUser, id: JobId) -> Result<Job, RewrapError> {
        let user = user.clone();
        self.to_its_end(move |desk| async move { desk.stop(&user, id).await }).await
    }

    /// Goes on with a job that stopped, paused or was refused, from where it stood. It acts as this user from now on.
    ///
    /// # Errors
    /// As [`RewrapService::start`]; [`RewrapError::NoSuchJob`], also of who sees the job as the owner of its CMK: to that
    /// account it does not belong; [`RewrapError::WrongState`].
    pub async fn resume(&self, user: &KeyUser, id: JobId) -> Result<Job, RewrapError> {
        let user = user.clone();
        self.to_its_end(move |desk| async move { desk.resume(&user, id).await }).await
    }

    /// Runs work to its end even if the caller goes away: a job whose row is written is to be run, and one that was told to
    /// stop is to be written as stopped.
    async fn to_its_end<T, F>(&self, work: impl FnOnce(Arc<Desk>) -> F) -> Result<T, RewrapError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RewrapError>> + Send + 'static,
    {
        let done = tokio::spawn(work(Arc::clone(&self.desk))).await;
        done.unwrap_or_else(|error| Err(StoreFault::Unavailable(format!("the work did not end: {error}")).into()))
    }
}

impl Drop for RewrapService {
    /// What was not closed is cut off: it goes on at the next start from the last cursor that was written.
    fn drop(&mut self) {
        self.desk.runners.abort();
    }
}
