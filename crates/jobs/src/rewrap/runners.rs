//! Jobs at work, each in a task of its own.
//!
//! INVARIANT: the lock is held to look and to tell, never while something is waited for. Whoever stops a job tells it so
//! here and waits outside; until it has ended it is still at work.

use model::JobId;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::task::AbortHandle;

struct Runner {
    stop: watch::Sender<bool>,
    /// Closes when the job is not at work any more, also when its task broke off.
    at_work: watch::Receiver<()>,
    task: AbortHandle,
}

#[derive(Default)]
struct Inner {
    closed: bool,
    runners: BTreeMap<JobId, Runner>,
}

/// A job that was at work when it was looked for.
pub(super) struct AtWork(watch::Receiver<()>);

impl AtWork {
    /// Waits until it is not any more.
    pub(super) async fn ended(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

/// All of this server's jobs that are at work.
#[derive(Default)]
pub(super) struct Runners(Mutex<Inner>);

impl Runners {
    /// Those that have ended are let go.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.runners.retain(|_, runner| runner.at_work.has_changed().is_ok());
        inner
    }

    /// Sets a job to work. Not once the server is closing: the job then goes on at the next start.
    pub(super) fn begin<F>(&self, id: JobId, run: impl FnOnce(watch::Receiver<bool>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut inner = self.lock();
        if inner.closed {
            return;
        }
        let (stop, told) = watch::channel(false);
        let (working, at_work) = watch::channel(());
        let run = run(told);
        let task = tokio::spawn(async move {
            let _working = working;
            run.await;
        });
        inner.runners.insert(id, Runner { stop, at_work, task: task.abort_handle() });
    }

    /// The jobs that are at work; `None` once the server is closing, when what is at work says nothing any more.
    pub(super) fn at_work(&self) -> Option<BTreeSet<JobId>> {
        let inner = self.lock();
        (!inner.closed).then(|| inner.runners.keys().copied().collect())
    }

    pub(super) fn find(&self, id: JobId) -> Option<AtWork> {
        self.lock().runners.get(&id).map(|runner| AtWork(runner.at_work.clone()))
    }

    /// Tells a job to stop where it is.
    pub(super) fn tell_to_stop(&self, id: JobId) -> Option<AtWork> {
        let inner = self.lock();
        let runner = inner.runners.get(&id)?;
        runner.stop.send_replace(true);
        Some(AtWork(runner.at_work.clone()))
    }

    /// Tells all to stop where they are; no other begins.
    pub(super) fn close(&self) -> Vec<AtWork> {
        let mut inner = self.lock();
        inner.closed = true;
        let told = |runner: &Runner| {
            runner.stop.send_replace(true);
            AtWork(runner.at_work.clone())
        };
        inner.runners.values().map(told).collect()
    }

    /// Cuts all off.
    pub(super) fn abort(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        for (_, runner) in std::mem::take(&mut inner.runners) {
            runner.task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> JobId {
        JobId::from_bytes([n; 16])
    }

    #[tokio::test]
    async fn a_job_is_at_work_until_its_task_ends_however_it_ends() {
        let runners = Runners::default();
        let told = |mut stop: watch::Receiver<bool>| async move { drop(stop.wait_for(|told| *told).await) };
        runners.begin(id(1), told);
        runners.begin(id(2), |_| async { panic!("broken off") });
        runners.find(id(2)).map(AtWork::ended).into_iter().next().unwrap().await;
        assert_eq!(runners.at_work(), Some(BTreeSet::from([id(1)])));
        let ending = runners.tell_to_stop(id(1)).unwrap();
        assert!(runners.find(id(1)).is_some(), "told, and at work until it has ended");
        ending.ended().await;
        assert!(runners.find(id(1)).is_none() && runners.tell_to_stop(id(1)).is_none());
    }

    #[tokio::test]
    async fn nothing_begins_once_it_is_closed() {
        let runners = Runners::default();
        runners.begin(id(1), |_| std::future::pending());
        assert_eq!(runners.close().len(), 1);
        runners.begin(id(2), |_| std::future::pending());
        assert_eq!((runners.at_work(), runners.find(id(2)).is_some()), (None, false));
        let cut = runners.find(id(1)).unwrap();
        runners.abort();
        cut.ended().await;
    }
}
