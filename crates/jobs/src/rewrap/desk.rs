//! Where jobs are begun and ended: what is asked for about them, to its end.
//!
//! INVARIANT: a job at work has its runner here, and one at a time begins a job or writes that one was stopped. The
//! directory of the data is one process's, so nobody else starts any. So a row that says that its job runs, while no runner
//! has it and nobody begins one, is of a job that broke off: its row could not be written, or its task failed. To everybody
//! it is as one that paused.

use super::RewrapError;
use super::asked::details;
use super::ledger::{Entry, Ledger};
use super::record::{Counts, JobRecord, JobState, Phase, Starter, Totals};
use super::rights::{Standing, context_of};
use super::run::Run;
use super::runners::Runners;
use super::scope::Scope;
use super::service::{Job, Rooms};
use kms::KeyUser;
use model::{Entropy, JobId};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::StoreFault;
use tokio::sync::{Mutex, MutexGuard};

/// Why a job that broke off does not go on.
const BROKE_OFF: &str = "it broke off, and that could not be written: resume it";

pub(super) struct Desk {
    pub(super) rooms: Arc<Rooms>,
    pub(super) ledger: Ledger,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) runners: Runners,
    /// Who begins a job, or writes that one was stopped, holds it. Nobody waits for a job's end with it in their hands.
    pub(super) turn: Mutex<()>,
}

impl Desk {
    pub(super) async fn go_on(&self) -> Result<usize, StoreFault> {
        let _turn = self.turn.lock().await;
        let at_work = self.runners.at_work().unwrap_or_default();
        let mut jobs = self.ledger.all().await?;
        jobs.retain(|job| job.record.state == JobState::Running);
        // Of two over one CMK the first broke off while the second was begun.
        jobs.sort_by_key(|job| (!at_work.contains(&job.id), std::cmp::Reverse(job.record.updated)));
        let (mut scopes, mut begun): (Vec<Scope>, usize) = (Vec::new(), 0);
        for job in jobs {
            if scopes.iter().any(|scope| scope.meets(&job.record.scope)) {
                tracing::warn!(job = %job.id, "a rewrap job that broke off waits to be resumed");
                continue;
            }
            scopes.push(job.record.scope.clone());
            if !at_work.contains(&job.id) {
                tracing::info!(job = %job.id, "going on with a rewrap job");
                self.run(job);
                begun += 1;
            }
        }
        Ok(begun)
    }

    pub(super) async fn start(
        &self,
        user: &KeyUser,
        scope: Scope,
        starter: Starter,
        rate: u32,
    ) -> Result<Job, RewrapError> {
        let _turn = self.turn.lock().await;
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
            rate,
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
        Ok(self.run(self.ledger.enter(id, record).await?))
    }

    pub(super) async fn stop(&self, user: &KeyUser, id: JobId) -> Result<Job, RewrapError> {
        let (standing, job) = self.admitted(user, id).await?;
        if !matches!(job.record.state, JobState::Running | JobState::Paused | JobState::Refused) {
            return Err(RewrapError::WrongState(job.record.state.name()));
        }
        self.put_on_record(user, "StopRewrapJob", id, &job.record.scope).await?;
        let _turn = loop {
            let turn = self.turn.lock().await;
            let Some(at_work) = self.runners.tell_to_stop(id) else { break turn };
            drop(turn);
            at_work.ended().await;
        };
        // It may have come to its end meanwhile.
        let mut job = self.ledger.load(id).await?.ok_or(RewrapError::NoSuchJob)?;
        if job.record.state != JobState::Done {
            (job.record.state, job.record.updated) = (JobState::Stopped, self.rooms.clock.now());
            self.ledger.save(&mut job).await?;
        }
        Ok(self.rooms.told(user, standing, id, &job.record))
    }

    pub(super) async fn resume(&self, user: &KeyUser, id: JobId) -> Result<Job, RewrapError> {
        let turn = self.turn.lock().await;
        let mut job = self.settled(id, &turn).await?.ok_or(RewrapError::NoSuchJob)?;
        if self.rooms.standing(user, &job.record)? == Standing::KeyOwner {
            return Err(RewrapError::NoSuchJob);
        }
        if !job.record.state.is_resumable() {
            return Err(RewrapError::WrongState(job.record.state.name()));
        }
        let starter = self.rooms.starter(user)?;
        if !self.rooms.may_count_bucket(&context_of(user), &job.record.scope) {
            return Err(RewrapError::NoSuchBucket);
        }
        self.rooms.permit(user, &job.record.scope).await?;
        self.refuse_second(&job.record.scope, Some(id)).await?;
        self.put_on_record(user, "ResumeRewrapJob", id, &job.record.scope).await?;
        let record = &mut job.record;
        (record.state, record.starter, record.updated) = (JobState::Running, starter, self.rooms.clock.now());
        record.reason.clear();
        self.ledger.save(&mut job).await?;
        Ok(self.run(job))
    }

    /// Sets a job to work, and shows it to who acts in it.
    fn run(&self, job: Entry) -> Job {
        let shown = Job { id: job.id, record: job.record.clone(), withheld: false };
        let (rooms, ledger) = (Arc::clone(&self.rooms), self.ledger.clone());
        self.runners.begin(job.id, |stop| Run::new(rooms, ledger, job, stop).run_to_end());
        shown
    }

    /// A job, and how the user stands to it.
    pub(super) async fn admitted(&self, user: &KeyUser, id: JobId) -> Result<(Standing, Entry), RewrapError> {
        let job = self.job(id).await?.ok_or(RewrapError::NoSuchJob)?;
        Ok((self.rooms.standing(user, &job.record)?, job))
    }

    /// All jobs as they are.
    pub(super) async fn jobs(&self) -> Result<Vec<Entry>, StoreFault> {
        // Looked at before the rows are read: a job that ends in between has not broken off.
        let at_work = self.runners.at_work();
        let jobs = self.ledger.all().await?;
        if !jobs.iter().any(|job| broke_off(at_work.as_ref(), job)) {
            return Ok(jobs);
        }
        // Or is being begun, or stopped, at this moment.
        let _turn = self.turn.lock().await;
        let at_work = self.runners.at_work();
        let jobs = self.ledger.all().await?;
        Ok(jobs.into_iter().map(|job| as_it_is(at_work.as_ref(), job)).collect())
    }

    async fn job(&self, id: JobId) -> Result<Option<Entry>, StoreFault> {
        let at_work = self.runners.at_work();
        match self.ledger.load(id).await? {
            Some(job) if broke_off(at_work.as_ref(), &job) => self.settled(id, &self.turn.lock().await).await,
            job => Ok(job),
        }
    }

    async fn settled(&self, id: JobId, _turn: &MutexGuard<'_, ()>) -> Result<Option<Entry>, StoreFault> {
        let at_work = self.runners.at_work();
        Ok(self.ledger.load(id).await?.map(|job| as_it_is(at_work.as_ref(), job)))
    }

    /// One job at a time for a CMK: two would undo each other's work, or do it twice.
    async fn refuse_second(&self, scope: &Scope, except: Option<JobId>) -> Result<(), RewrapError> {
        let at_work = self.runners.at_work();
        for other in self.ledger.all().await? {
            let runs = other.record.state == JobState::Running && !broke_off(at_work.as_ref(), &other);
            if runs && Some(other.id) != except && scope.meets(&other.record.scope) {
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

    pub(super) async fn close(&self) {
        for at_work in self.runners.close() {
            at_work.ended().await;
        }
    }

    pub(super) async fn wait(&self, id: JobId) {
        if let Some(at_work) = self.runners.find(id) {
            at_work.ended().await;
        }
    }
}

/// Whether the row says that the job runs, and nobody runs it. While the server closes nobody can tell.
fn broke_off(at_work: Option<&BTreeSet<JobId>>, job: &Entry) -> bool {
    job.record.state == JobState::Running && at_work.is_some_and(|ids| !ids.contains(&job.id))
}

fn as_it_is(at_work: Option<&BTreeSet<JobId>>, mut job: Entry) -> Entry {
    if broke_off(at_work, &job) {
        (job.record.state, job.record.reason) = (JobState::Paused, BROKE_OFF.to_owned());
    }
    job
}
