//! A job from where it stands to its end, page by page. What is written between two pages is all that a later start needs.

use super::count::Counted;
use super::ledger::{Entry, Ledger, NotSaved};
use super::record::{Failure, JobState, Phase};
use super::rights::Actor;
use super::scope::Scope;
use super::service::Rooms;
use super::steps::{Buckets, Outcome};
use super::walk::{Item, Page, What};
use super::{FAILURES_NAMED_MAX, PAGE_MILLIS_MAX, PAGE_ROWS_MAX, PASSES_MAX, STEPS_AT_ONCE};
use futures_util::{StreamExt, stream};
use kms::CmkId;
use std::sync::Arc;
use store::StoreFault;
use tokio::sync::watch;

/// Tries in a row that found the KMS or the store without an answer, before a job pauses.
const TRIES_MAX: u32 = 10;
/// Before the first try again, in milliseconds; then twice as long each time.
const WAIT_MILLIS: u64 = 500;
const WAIT_MILLIS_MAX: u64 = 30_000;

/// Why a job does not go on.
enum Halt {
    /// It was told to.
    Told,
    /// Somebody else wrote its row, which says what is.
    Overtaken,
    /// It comes to this state, for this reason.
    State(JobState, &'static str),
    /// Somebody does not answer: tried again after a while.
    Busy(&'static str),
}

impl From<StoreFault> for Halt {
    fn from(fault: StoreFault) -> Self {
        tracing::warn!(%fault, "a rewrap job waits for the store");
        Self::Busy("the store does not answer")
    }
}

impl From<NotSaved> for Halt {
    fn from(error: NotSaved) -> Self {
        match error {
            NotSaved::Overtaken => Self::Overtaken,
            NotSaved::Fault(fault) => fault.into(),
        }
    }
}

/// A job under way.
pub(super) struct Run {
    rooms: Arc<Rooms>,
    ledger: Ledger,
    job: Entry,
    stop: watch::Receiver<bool>,
    /// The end that is on record already: its row may have to be written more than once.
    recorded: Option<JobState>,
}

impl Run {
    pub(super) fn new(rooms: Arc<Rooms>, ledger: Ledger, job: Entry, stop: watch::Receiver<bool>) -> Self {
        Self { rooms, ledger, job, stop, recorded: None }
    }

    /// Runs until the job ends, halts or is told to.
    pub(super) async fn run_to_end(mut self) {
        let mut tries = 0;
        loop {
            let stood = self.job.record.cursor.clone();
            match self.turn().await {
                Ok(true) => tries = 0,
                Ok(false) => return,
                Err(Halt::Told | Halt::Overtaken) => return,
                Err(Halt::State(state, reason)) => return self.halt(state, reason).await,
                Err(Halt::Busy(reason)) if tries >= TRIES_MAX => return self.halt(JobState::Paused, reason).await,
                Err(Halt::Busy(_)) => {
                    // Some way was made before it: whoever did not answer has answered since.
                    if self.job.record.cursor != stood {
                        tries = 0;
                    }
                    let wait = WAIT_MILLIS.saturating_mul(1 << tries.min(10)).min(WAIT_MILLIS_MAX);
                    tries += 1;
                    if self.pause(wait).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// One page, or one count. `false`: the job is at its end.
    async fn turn(&mut self) -> Result<bool, Halt> {
        if *self.stop.borrow() {
            return Err(Halt::Told);
        }
        match self.job.record.phase {
            Phase::Count => {
                let _actor = self.admitted()?;
                let (totals, before) = self.count().await?;
                let record = &mut self.job.record;
                (record.totals, record.before) = (totals, before);
                (record.phase, record.pass) = (Phase::Walk, 1);
                self.save().await?;
            }
            Phase::Walk => self.walk().await?,
            Phase::Sweep => self.sweep().await?,
            Phase::Evidence => {
                // Of a CMK that cannot be used no version is the newest.
                let _actor = self.admitted()?;
                let (left, after) = self.count().await?;
                let now = self.rooms.clock.now();
                let stood = self.job.record.clone();
                let record = &mut self.job.record;
                (record.left, record.after) = (left, Some((now, after)));
                let newest = record.scope.source().and_then(|cmk| self.rooms.keys.current_version(cmk));
                record.newest = newest.unwrap_or_default();
                (record.state, record.ended) = (JobState::Done, Some(now));
                // On record first: a job that is done does not come by here again.
                self.put_on_record().await;
                if let Err(halt) = self.save().await {
                    self.job.record = stood;
                    return Err(halt);
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn walk(&mut self) -> Result<(), Halt> {
        let actor = self.admitted()?;
        let scope = self.job.record.scope.clone();
        let page = self.rooms.page(&scope, &self.job.record.cursor, self.page_rows()).await?;
        let more = page.more.clone();
        self.do_page(actor, &scope, page).await?;
        match more {
            Some(cursor) => self.job.record.cursor = cursor,
            None => self.end_pass().await?,
        }
        self.save().await
    }

    /// Another pass, if there is more to do than was refused or failed: what was written while this one was under way.
    async fn end_pass(&mut self) -> Result<(), Halt> {
        let (left, _) = self.count().await?;
        let record = &mut self.job.record;
        let scope = &record.scope;
        let stuck = record.counts.refused.saturating_add(record.counts.failed);
        record.cursor.clear();
        if left.objects + left.uploads + left.bucket_keys > stuck && record.pass < PASSES_MAX {
            record.pass += 1;
            (record.counts.refused, record.counts.failed) = (0, 0);
            record.failures.clear();
        } else {
            let stays = scope.is_same_cmk() || scope.source().is_none();
            record.phase = if stays { Phase::Evidence } else { Phase::Sweep };
        }
        Ok(())
    }

    /// What is to be done now, when it is this job's turn to count.
    async fn count(&mut self) -> Result<Counted, Halt> {
        let (rooms, scope) = (Arc::clone(&self.rooms), self.job.record.scope.clone());
        let turn = tokio::select! {
            turn = rooms.keys.turn_of_job() => turn.map_err(|_| Halt::Busy("the key service is closing"))?,
            _ = self.stop.wait_for(|told| *told) => return Err(Halt::Told),
        };
        rooms.count(&scope, turn, self.stop.clone()).await?.ok_or(Halt::Told)
    }

    async fn sweep(&mut self) -> Result<(), Halt> {
        let actor = self.admitted()?;
        let scope = self.job.record.scope.clone();
        let Some(cmk) = scope.source().map(|cmk| cmk.uid) else { return Ok(()) };
        let page = self.rooms.bucket_keys_page(cmk, &scope, &self.job.record.cursor, self.page_rows()).await?;
        let more = page.more.clone();
        self.do_page(actor, &scope, page).await?;
        match more {
            Some(cursor) => self.job.record.cursor = cursor,
            None => {
                self.job.record.cursor.clear();
                self.job.record.phase = Phase::Evidence;
            }
        }
        self.save().await
    }

    /// Does a page, some of it at a time, and counts what came of it in order: the cursor is never past what is not done.
    async fn do_page(&mut self, actor: Actor, scope: &Scope, page: Page) -> Result<(), Halt> {
        let began = self.rooms.clock.now();
        let (mut saved, mut done) = (began, 0_u64);
        let buckets = Arc::new(self.rooms.objects.buckets_by_uid());
        // Who it acts as is looked up again while a page is under way; each step begins as who it is then.
        let (acts, acting) = watch::channel(Arc::new(actor));
        let (rooms, known, scope) = (Arc::clone(&self.rooms), Arc::clone(&buckets), Arc::new(scope.clone()));
        let steps = page.items.into_iter().map(move |item| {
            let (rooms, scope, buckets) = (Arc::clone(&rooms), Arc::clone(&scope), Arc::clone(&known));
            let actor = Arc::clone(&acting.borrow());
            async move {
                let outcome = rooms.step(&actor, &scope, &buckets, &item).await;
                (item, outcome)
            }
        });
        let mut steps = Box::pin(stream::iter(steps).buffered(STEPS_AT_ONCE));
        while let Some((item, outcome)) = steps.next().await {
            if let Outcome::Busy(why) = outcome {
                self.save().await?;
                return Err(Halt::Busy(why));
            }
            if matches!(outcome, Outcome::Refused | Outcome::Failed(_)) {
                // Is it this one, or the job as a whole?
                if let Err(halt) = self.admitted() {
                    self.save().await?;
                    return Err(halt);
                }
            }
            self.note(&item, outcome, &buckets);
            self.job.record.cursor = item.cursor;
            done += 1;
            let now = self.rooms.clock.now();
            let told = *self.stop.borrow();
            let due = now.millis_since(saved) >= PAGE_MILLIS_MAX;
            if told || due {
                self.save().await?;
                saved = now;
            }
            if told {
                return Err(Halt::Told);
            }
            if due {
                acts.send_replace(Arc::new(self.admitted()?));
            }
        }
        drop(steps);
        let rate = u64::from(self.job.record.rate);
        if let Some(due) = (done * 1000).checked_div(rate) {
            let spent = self.rooms.clock.now().millis_since(began);
            if due > spent {
                // Written before, not after: a stop in between loses nothing.
                self.save().await?;
                self.pause(due - spent).await?;
            }
        }
        Ok(())
    }

    fn note(&mut self, item: &Item, outcome: Outcome, buckets: &Buckets) {
        let record = &mut self.job.record;
        let counts = &mut record.counts;
        match outcome {
            Outcome::Object => {
                counts.objects += 1;
                counts.bytes = counts.bytes.saturating_add(item.bytes);
            }
            Outcome::Upload => counts.uploads += 1,
            Outcome::BucketKey => counts.bucket_keys += 1,
            Outcome::Copy => counts.copies += 1,
            Outcome::Removed => counts.removed += 1,
            // A bucket key that is still needed, or gone, is what a sweep expects to find.
            Outcome::Unchanged | Outcome::Gone if matches!(item.what, What::Sweep(_)) => {}
            Outcome::Unchanged => counts.unchanged += 1,
            Outcome::Gone => counts.gone += 1,
            // Not named: whoever may not touch an object need not learn its name.
            Outcome::Refused => counts.refused += 1,
            Outcome::Failed(error) => {
                counts.failed += 1;
                if record.failures.len() < FAILURES_NAMED_MAX {
                    let bucket = buckets.get(&item.bucket).filter(|(_, owner)| *owner == record.starter.account);
                    let (bucket, name) = match (bucket, &item.what) {
                        (Some((bucket, _)), What::BucketKey(id) | What::Sweep(id)) => (bucket.to_string(), id.to_hex()),
                        // What is no name, no right was asked to.
                        (Some((bucket, _)), _) => {
                            let name = item.object_name().map(|name| name.to_string());
                            (bucket.to_string(), name.unwrap_or_default())
                        }
                        (None, _) => Default::default(),
                    };
                    record.failures.push(Failure { bucket, name, error: error.to_owned() });
                }
            }
            Outcome::Busy(_) => {}
        }
    }

    /// Who the job acts as, if that identity is in force and may still have such a job, and the CMKs can be used.
    fn admitted(&self) -> Result<Actor, Halt> {
        let record = &self.job.record;
        let gone =
            Halt::State(JobState::Refused, "the access key it was started with, or whose it was, is gone or disabled");
        let actor = self.rooms.actor(self.job.id, record).ok_or(gone)?;
        if !record.scope.cmks().all(|cmk| self.rooms.keys.current_version(cmk).is_some()) {
            let reason = "a key cannot be used: it is disabled, pending deletion, or waits for its material";
            return Err(Halt::State(JobState::Paused, reason));
        }
        if self.rooms.may_rewrap(&actor.user, &record.scope).is_err() {
            return Err(Halt::State(JobState::Refused, "the identity it was started by may not use the keys any more"));
        }
        Ok(actor)
    }

    fn page_rows(&self) -> usize {
        let two_seconds = self.job.record.rate.saturating_mul(2) as usize;
        if two_seconds == 0 { PAGE_ROWS_MAX } else { two_seconds.min(PAGE_ROWS_MAX) }
    }

    /// Waits, unless it is told to stop meanwhile.
    async fn pause(&mut self, millis: u64) -> Result<(), Halt> {
        let rooms = Arc::clone(&self.rooms);
        tokio::select! {
            () = rooms.pause.pause(millis) => Ok(()),
            // Whoever could tell is gone: so is the server.
            _ = self.stop.wait_for(|told| *told) => Err(Halt::Told),
        }
    }

    async fn save(&mut self) -> Result<(), Halt> {
        self.job.record.updated = self.rooms.clock.now();
        loop {
            match self.ledger.save(&mut self.job).await {
                Err(NotSaved::Overtaken) => {}
                saved => return Ok(saved?),
            }
            // Nobody else writes the row of a job at work. A commit of our own whose answer was lost, here or before a
            // restart, may have been applied late: it says less than what is known now.
            match self.ledger.load(self.job.id).await? {
                Some(found) if found.record.state == JobState::Running => self.job.row = found.row,
                _ => return Err(Halt::Overtaken),
            }
        }
    }

    async fn halt(mut self, state: JobState, reason: &'static str) {
        tracing::warn!(job = %self.job.id, state = state.name(), reason, "a rewrap job does not go on");
        (self.job.record.state, self.job.record.reason) = (state, reason.to_owned());
        self.put_on_record().await;
        // A row that goes on saying that the job runs is taken for what it is: nobody runs it.
        if let Err(Halt::Busy(why)) = self.save().await {
            tracing::error!(job = %self.job.id, why, "that a rewrap job does not go on could not be written");
        }
    }

    /// Puts the end on record, once. A log that cannot be written changes nothing of what was done: each use of a key was on
    /// record before the key was handed out.
    async fn put_on_record(&mut self) {
        if self.recorded.replace(self.job.record.state) == Some(self.job.record.state) {
            return;
        }
        let record = &self.job.record;
        let Some(cmk) = record.scope.main_cmk() else { return };
        let actor = self.rooms.actor(self.job.id, record);
        let details = vec![
            ("job", self.job.id.to_string()),
            ("state", record.state.name().to_owned()),
            ("objects", record.counts.objects.to_string()),
            ("uploads", record.counts.uploads.to_string()),
            ("bucket_keys", record.counts.bucket_keys.to_string()),
            ("refused", record.counts.refused.to_string()),
            ("failed", record.counts.failed.to_string()),
        ];
        let user = actor.as_ref().map(|actor| &actor.user);
        if let Err(error) = self.rooms.keys.record_job(user, "EndRewrapJob", cmk, None, details).await {
            tracing::error!(%error, cmk = CmkId::to_arn(cmk), "the end of a rewrap job is not on record");
        }
    }
}
