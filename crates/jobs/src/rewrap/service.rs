//! Jobs as they are asked for: started, stopped, resumed, shown; and gone on with after a restart.

use super::RewrapError;
use super::ledger::{Entry, Ledger};
use super::record::{Counts, JobRecord, JobState, Phase, Totals, VersionNeeds};
use super::rights::{Identities, Standing, context_of};
use super::run::Run;
use super::scope::{RewrapFrom, Scope};
use async_trait::async_trait;
use kms::{CmkId, KeyService, KeyUser, KmsError};
use model::{BucketName, Clock, Entropy, JobId};
use objects::ObjectService;
use objects::api::RequestContext;
use policy::Action;
use sse::SseService;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{MetaStore, StoreFault};
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::task::JoinHandle;

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

/// A job at work.
struct Runner {
    stop: watch::Sender<bool>,
    /// Closes when the job is not at work any more.
    at_work: watch::Receiver<()>,
    task: JoinHandle<()>,
}

/// Rewrap jobs of this server.
///
/// INVARIANT: a job at work has its runner here, and whoever starts, stops or resumes one holds `runners`. The directory of
/// the data is one process's, so nobody else starts any.
pub struct RewrapService {
    rooms: Arc<Rooms>,
    ledger: Ledger,
    entropy: Arc<dyn Entropy>,
    runners: Mutex<BTreeMap<JobId, Runner>>,
}

impl RewrapService {
    /// Opens the service. Nothing runs before [`RewrapService::go_on`].
    pub fn open(parts: Parts) -> Self {
        let Parts { objects, keys, sse, store, identities, clock, entropy, pause } = parts;
        let rooms = Arc::new(Rooms { objects, keys, sse, identities, clock, pause });
        Self { rooms, ledger: Ledger { store }, entropy, runners: Mutex::default() }
    }

    /// Goes on with the jobs that were under way when the server ended. How many.
    ///
    /// # Errors
    /// What the store could not read.
    pub async fn go_on(&self) -> Result<usize, StoreFault> {
        let mut runners = self.runners().await;
        let mut begun = 0;
        for job in self.ledger.all().await? {
            if job.record.state == JobState::Running && !runners.contains_key(&job.id) {
                tracing::info!(job = %job.id, "going on with a rewrap job");
                self.run(&mut runners, job);
                begun += 1;
            }
        }
        Ok(begun)
    }

    /// Lets every job come to a stop where it is; they go on at the next start.
    pub async fn close(&self) {
        let mut runners = self.runners().await;
        for runner in runners.values() {
            runner.stop.send_replace(true);
        }
        for (_, runner) in std::mem::take(&mut *runners) {
            // A runner that broke off has logged why.
            let _ended = runner.task.await;
        }
    }

    /// Waits until a job is not at work any more.
    pub async fn wait(&self, id: JobId) {
        let at_work = self.runners().await.get(&id).map(|runner| runner.at_work.clone());
        if let Some(mut at_work) = at_work {
            while at_work.changed().await.is_ok() {}
        }
    }

    /// What a job would do, without doing it: writes nothing but that it was asked for, on the audit log.
    ///
    /// # Errors
    /// As [`RewrapService::start`]; [`KmsError::Throttled`].
    pub async fn dry_run(
        &self,
        cx: &RequestContext,
        user: &KeyUser,
        wish: &RewrapWish,
    ) -> Result<Started, RewrapError> {
        self.rooms.starter(user)?;
        let scope = self.scope(cx, user, wish).await?;
        let Some(cmk) = scope.main_cmk() else { return Err(RewrapError::NoSuchBucket) };
        let count = async {
            self.rooms.count(&scope).await.map_err(|fault| {
                tracing::error!(%fault, "what a rewrap job would do cannot be counted");
                KmsError::Unavailable("what is to be done cannot be counted".to_owned())
            })
        };
        let counted = self.rooms.keys.count_for_job(user, "DryRunRewrapJob", cmk, details(&scope), count).await;
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
        let starter = self.rooms.starter(user)?;
        let scope = self.scope(cx, user, wish).await?;
        let mut runners = self.runners().await;
        self.refuse_second(&scope, None).await?;
        let id = JobId::random(&*self.entropy);
        self.put_on_record(user, "StartRewrapJob", id, &scope).await?;
        let now = self.rooms.clock.now();
        let record = JobRecord {
            state: JobState::Running,
            reason: String::new(),
            phase: Phase::Count,
            pass: 0,
            cursor: Vec::new(),
            scope,
            rate: wish.rate,
            starter,
            started: now,
            updated: now,
            ended: None,
            totals: Totals::default(),
            counts: Counts::default(),
            failures: Vec::new(),
            before: Vec::new(),
            after: None,
            left: Totals::default(),
            newest: 0,
        };
        let job = self.ledger.enter(id, record).await?;
        let shown = acting(&job);
        self.run(&mut runners, job);
        Ok(shown)
    }

    /// The jobs that this user may see, the newest first.
    ///
    /// # Errors
    /// [`RewrapError::Store`].
    pub async fn list(&self, user: &KeyUser) -> Result<Vec<Job>, RewrapError> {
        let jobs = self.ledger.all().await?.into_iter();
        let seen = |job: Entry| Some((self.rooms.standing(user, &job.record).ok()?, job));
        let mut jobs: Vec<(Standing, Entry)> = jobs.filter_map(seen).collect();
        jobs.sort_by_key(|(_, job)| std::cmp::Reverse((job.record.started, job.id)));
        Ok(jobs.iter().map(|(standing, job)| self.rooms.told(user, *standing, job.id, &job.record)).collect())
    }

    /// A job as it was last written: while it is at work at most some seconds ago.
    ///
    /// # Errors
    /// [`RewrapError::NoSuchJob`]; [`RewrapError::Store`].
    pub async fn status(&self, user: &KeyUser, id: JobId) -> Result<Job, RewrapError> {
        let (standing, job) = self.admitted(user, id).await?;
        Ok(self.rooms.told(user, standing, id, &job.record))
    }

    /// Stops a job where it is, for good or until it is resumed.
    ///
    /// # Errors
    /// [`RewrapError::NoSuchJob`]; [`RewrapError::WrongState`] of one that has ended; what cannot be put on record.
    pub async fn stop(&self, user: &KeyUser, id: JobId) -> Result<Job, RewrapError> {
        let mut runners = self.runners().await;
        let (standing, job) = self.admitted(user, id).await?;
        if !matches!(job.record.state, JobState::Running | JobState::Paused | JobState::Refused) {
            return Err(RewrapError::WrongState(job.record.state.name()));
        }
        self.put_on_record(user, "StopRewrapJob", id, &job.record.scope).await?;
        if let Some(runner) = runners.remove(&id) {
            runner.stop.send_replace(true);
            let _ended = runner.task.await;
        }
        // It may have come to its end meanwhile.
        let mut job = self.ledger.load(id).await?.ok_or(RewrapError::NoSuchJob)?;
        if job.record.state != JobState::Done {
            (job.record.state, job.record.updated) = (JobState::Stopped, self.rooms.clock.now());
            self.ledger.save(&mut job).await?;
        }
        Ok(self.rooms.told(user, standing, id, &job.record))
    }

    /// Goes on with a job that stopped, paused or was refused, from where it stood. It acts as this user from now on.
    ///
    /// # Errors
    /// As [`RewrapService::start`]; [`RewrapError::NoSuchJob`], also of who sees the job as the owner of its CMK: to that
    /// account it does not belong; [`RewrapError::WrongState`].
    pub async fn resume(&self, user: &KeyUser, id: JobId) -> Result<Job, RewrapError> {
        let mut runners = self.runners().await;
        let (standing, mut job) = self.admitted(user, id).await?;
        if standing == Standing::KeyOwner {
            return Err(RewrapError::NoSuchJob);
        }
        if !job.record.state.is_resumable() {
            return Err(RewrapError::WrongState(job.record.state.name()));
        }
        let starter = self.rooms.starter(user)?;
        if !self.rooms.may_count_bucket(&context_of(user), &job.record.scope) {
            return Err(RewrapError::NoSuchBucket);
        }
        self.permit(user, &job.record.scope).await?;
        self.refuse_second(&job.record.scope, Some(id)).await?;
        self.put_on_record(user, "ResumeRewrapJob", id, &job.record.scope).await?;
        let record = &mut job.record;
        (record.state, record.starter, record.updated) = (JobState::Running, starter, self.rooms.clock.now());
        record.reason.clear();
        self.ledger.save(&mut job).await?;
        let shown = acting(&job);
        self.run(&mut runners, job);
        Ok(shown)
    }

    /// Runners that ended are let go.
    async fn runners(&self) -> MutexGuard<'_, BTreeMap<JobId, Runner>> {
        let mut runners = self.runners.lock().await;
        runners.retain(|_, runner| !runner.task.is_finished());
        runners
    }

    fn run(&self, runners: &mut BTreeMap<JobId, Runner>, job: Entry) {
        let (stop, told) = watch::channel(false);
        let id = job.id;
        let run = Run { rooms: Arc::clone(&self.rooms), ledger: self.ledger.clone(), job, stop: told };
        let (working, at_work) = watch::channel(());
        let task = tokio::spawn(async move {
            let _working = working;
            run.run_to_end().await;
        });
        runners.insert(id, Runner { stop, at_work, task });
    }

    async fn admitted(&self, user: &KeyUser, id: JobId) -> Result<(Standing, Entry), RewrapError> {
        let job = self.ledger.load(id).await?.ok_or(RewrapError::NoSuchJob)?;
        Ok((self.rooms.standing(user, &job.record)?, job))
    }

    /// What a wish is about, once the user may have such a job.
    async fn scope(&self, cx: &RequestContext, user: &KeyUser, wish: &RewrapWish) -> Result<Scope, RewrapError> {
        let from = match &wish.key {
            Some(key) => RewrapFrom::Cmk(self.resolve(user, key, Action::KmsDecrypt).await?, wish.version),
            None if wish.to.is_none() => return Err(RewrapError::Invalid("say which key, or which key to come under")),
            None if wish.bucket.is_none() => {
                return Err(RewrapError::Invalid("what is not under a key is rewrapped bucket by bucket: say which"));
            }
            None if wish.version.is_some() || wish.copies => {
                return Err(RewrapError::Invalid("a version and copies of bucket keys are a key's: say which key"));
            }
            None => RewrapFrom::Managed,
        };
        if wish.bucket_key && from != RewrapFrom::Managed {
            return Err(RewrapError::Invalid("what is under a key keeps its way: with a bucket key, or without"));
        }
        let to = match &wish.to {
            Some(key) => Some(self.resolve(user, key, Action::KmsEncrypt).await?),
            None => None,
        };
        let bucket = match &wish.bucket {
            Some(name) => {
                let (uid, _) = self.rooms.objects.bucket_identity(name).ok_or(RewrapError::NoSuchBucket)?;
                Some((uid, name.clone()))
            }
            // Whether names begin so is for who may list them.
            None if !wish.prefix.is_empty() => {
                return Err(RewrapError::Invalid("names begin so in a bucket: say which"));
            }
            None => None,
        };
        let prefix = wish.prefix.clone();
        let scope = Scope { from, to, bucket, prefix, copies: wish.copies, bucket_key: wish.bucket_key };
        // How much of a bucket is sealed in which way is not for everybody who has a key.
        if !self.rooms.may_count_bucket(cx, &scope) {
            return Err(RewrapError::NoSuchBucket);
        }
        if scope.copies && !scope.is_same_cmk() {
            return Err(RewrapError::Invalid("under another key there is no older copy to refresh"));
        }
        self.permit(user, &scope).await?;
        for cmk in scope.cmks() {
            let Some(newest) = self.rooms.keys.current_version(cmk) else {
                let why = "a key cannot be used now: it is disabled, pending deletion, or waits for its material";
                return Err(RewrapError::Invalid(why));
            };
            if scope.source() == Some(cmk) && wish.version.is_some_and(|version| version == 0 || version > newest) {
                return Err(RewrapError::Invalid("the key has no such version"));
            }
        }
        Ok(scope)
    }

    async fn resolve(&self, user: &KeyUser, key: &str, action: Action) -> Result<CmkId, RewrapError> {
        match self.rooms.keys.resolve(user, key, action) {
            Ok(cmk) => Ok(cmk),
            Err(error) => Err(self.rooms.keys.refused(user, action, key, error).await.into()),
        }
    }

    /// A refusal is on record before it is answered.
    async fn permit(&self, user: &KeyUser, scope: &Scope) -> Result<(), RewrapError> {
        let Err((action, error)) = self.rooms.may_start(user, scope) else { return Ok(()) };
        let key = scope.main_cmk().map(CmkId::to_arn).unwrap_or_default();
        Err(self.rooms.keys.refused(user, action, &key, error).await.into())
    }

    /// One job at a time for a CMK: two would undo each other's work, or do it twice.
    async fn refuse_second(&self, scope: &Scope, except: Option<JobId>) -> Result<(), RewrapError> {
        for other in self.ledger.all().await? {
            let meets = scope.cmks().any(|cmk| other.record.scope.cmks().any(|of| of.uid == cmk.uid));
            if meets && other.record.state == JobState::Running && Some(other.id) != except {
                return Err(RewrapError::Busy(other.id));
            }
        }
        Ok(())
    }

    async fn put_on_record(
        &self,
        user: &KeyUser,
        operation: &'static str,
        id: JobId,
        scope: &Scope,
    ) -> Result<(), RewrapError> {
        let Some(cmk) = scope.main_cmk() else { return Ok(()) };
        let mut details = details(scope);
        details.push(("job", id.to_string()));
        Ok(self.rooms.keys.record_job(Some(user), operation, cmk, None, details).await?)
    }
}

impl Drop for RewrapService {
    /// What was not closed is cut off: it goes on at the next start from the last cursor that was written.
    fn drop(&mut self) {
        for runner in self.runners.get_mut().values() {
            runner.task.abort();
        }
    }
}

/// What is on record of a scope beside its CMK.
fn details(scope: &Scope) -> Vec<(&'static str, String)> {
    let to = scope.to.as_ref().map(|to| ("to", to.to_arn()));
    let bucket = scope.bucket.as_ref().map(|(_, name)| ("bucket", name.to_string()));
    let prefix = Some(("prefix", scope.prefix.clone())).filter(|(_, prefix)| !prefix.is_empty());
    [to, bucket, prefix].into_iter().flatten().collect()
}

/// A job for who acts in it.
fn acting(job: &Entry) -> Job {
    Job { id: job.id, record: job.record.clone(), withheld: false }
}
