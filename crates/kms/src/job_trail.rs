//! What jobs over many objects put on record of themselves: that one was begun, stopped or ended. What they do with keys is
//! on record use by use.

use crate::trail::Act;
use crate::{CmkId, KeyService, KeyUser, KmsError};
use std::future::Future;

impl KeyService {
    /// Puts a step of a job's life on record, as a change about the CMK. `user`: who asked for it, or acts in it; `None`
    /// where that identity is not there any more. `details` never hold a secret.
    ///
    /// # Errors
    /// [`KmsError::AuditUnavailable`]; nothing is to be begun then.
    pub async fn record_job(
        &self,
        user: Option<&KeyUser>,
        operation: &'static str,
        cmk: &CmkId,
        error: Option<&KmsError>,
        details: Vec<(&'static str, String)>,
    ) -> Result<(), KmsError> {
        let act =
            details.into_iter().fold(Act::changing(operation).on(cmk), |act, (name, value)| act.detail(name, value));
        match user {
            Some(user) => Ok(self.audit.record(self.event(user, &act, error)).await?),
            None => self.recorded_job("rewrap", cmk, act, error).await.map(drop),
        }
    }

    /// Counts for a job that is asked about and not begun: a request of the user's account, against its rate, and on record
    /// with its outcome before the answer is given. Asks no right. `details` never hold a secret.
    ///
    /// # Errors
    /// Those of the count; [`KmsError::Throttled`]; [`KmsError::AuditUnavailable`].
    pub async fn count_for_job<T>(
        &self,
        user: &KeyUser,
        operation: &'static str,
        cmk: &CmkId,
        details: Vec<(&'static str, String)>,
        count: impl Future<Output = Result<T, KmsError>> + Send,
    ) -> Result<T, KmsError> {
        let act = Act::reading(operation).on(cmk);
        let act = details.into_iter().fold(act, |act, (name, value)| act.detail(name, value));
        self.perform(user, act, count).await
    }
}
