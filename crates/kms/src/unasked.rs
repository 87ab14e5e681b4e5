//! What an API refuses by itself is on record too (kms-iam-api §6.4).

use crate::trail::Act;
use crate::{KeyService, KeyUser, KmsError};
use audit::{Event, Outcome};
use policy::Action;

/// The operation of a request that names none of this service's.
const UNKNOWN: &str = "Unknown";
/// As much of the name of an unknown operation as is kept, in characters.
const NAME_CHARS_MAX: usize = 64;

impl KeyService {
    /// Puts on record what an API refused of an authenticated request before any operation of this service was asked: a
    /// body that is not understood, a ciphertext that is none, what is not offered. It counts against the caller's own rate of refusals.
    /// `operation`: by AWS's name; of one that is none of this service's the name goes to the event's details. `error`: a
    /// short name of the refusal.
    ///
    /// # Errors
    /// [`KmsError::Throttled`], [`KmsError::AuditUnavailable`]: to be answered in place of the refusal.
    pub async fn refused_unasked(&self, user: &KeyUser, operation: &str, error: &'static str) -> Result<(), KmsError> {
        let is_meant = |action: &Action| action.name().starts_with("kms:") && Act::of(*action).operation == operation;
        let act = match Action::ALL.iter().copied().find(is_meant) {
            Some(action) => Act::of(action),
            None => {
                let name: String = operation.chars().take(NAME_CHARS_MAX).collect();
                Act::reading(UNKNOWN).detail("operation", name)
            }
        };
        let rate = self.within_refusals(user, &act);
        let error = rate.as_ref().err().map_or(error, KmsError::name);
        let event = Event { outcome: Outcome::Failed, error: Some(error), ..self.event(user, &act, None) };
        self.audit.record(event).await?;
        let counted = Err::<(), _>(rate.clone().err().unwrap_or(KmsError::Validation(String::new())));
        self.count(user, &act, &counted);
        rate
    }
}
