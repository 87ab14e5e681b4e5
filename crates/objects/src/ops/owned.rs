//! What an account owns, for whoever is about to delete it.

use crate::service::ObjectService;
use model::AccountId;

impl ObjectService {
    /// Number of buckets of an account. Checks no right: the caller has checked its own.
    pub fn buckets_owned_by(&self, account: &AccountId) -> usize {
        self.registry.all().iter().filter(|bucket| bucket.record.owner == *account).count()
    }
}
