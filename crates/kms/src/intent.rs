//! What is put on record of a change before it is made: a change that cannot be written down changes nothing
//! (kms-iam-api §6.4).
//!
//! INVARIANT: no change is committed, and no provider is asked to make or lose material, before its intent is on the log.
//! Whoever changes the catalogue hands the ledger an [`Intent`], which it announces before it commits; whoever asks a
//! provider first announces it first. What is refused before, or changes nothing, has no intent on the log.

use crate::trail::Act;
use crate::{KeyService, KeyUser, KmsError};
use audit::{AuditTrail, Event, Outcome};
use std::sync::Arc;

/// A change that is meant to be made: of one operation, on the log at most once.
pub struct Intent {
    audit: Arc<dyn AuditTrail>,
    /// `None` once it is on the log.
    event: Option<Event>,
}

impl Intent {
    /// Sees to it that the intent is on the log, as the operation's event with the outcome `begun`.
    ///
    /// # Errors
    /// [`KmsError::AuditUnavailable`]; nothing may be changed then.
    pub async fn announce(&mut self) -> Result<(), KmsError> {
        let Some(event) = &self.event else { return Ok(()) };
        self.audit.record(event.clone()).await?;
        self.event = None;
        Ok(())
    }
}

impl KeyService {
    /// The intent of an operation that changes something.
    pub(crate) fn intent(&self, user: &KeyUser, act: &Act<'_>) -> Intent {
        let event = Event { outcome: Outcome::Begun, ..self.event(user, act, None) };
        Intent { audit: Arc::clone(&self.audit), event: Some(event) }
    }

    /// The intent of what is on the log already.
    pub(crate) fn announced(&self) -> Intent {
        Intent { audit: Arc::clone(&self.audit), event: None }
    }

    /// As [`KeyService::perform`], of an operation that changes something: its work is given its intent.
    pub(crate) async fn perform_change<T, F>(
        &self,
        user: &KeyUser,
        act: Act<'_>,
        work: impl FnOnce(Intent) -> F,
    ) -> Result<T, KmsError>
    where
        F: Future<Output = Result<T, KmsError>> + Send,
    {
        let intent = self.intent(user, &act);
        self.perform(user, act, work(intent)).await
    }
}
