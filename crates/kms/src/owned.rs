//! What an account or a project owns, for whoever is about to delete it.

use crate::{KeyManager, KeyService};
use model::{AccountId, ProjectUid};

impl KeyService {
    /// Number of CMKs an account has made and not deleted; a CMK that waits for its deletion counts. Its default key does
    /// not: nobody can delete that. Checks no right: the caller has checked its own.
    pub fn cmks_owned_by(&self, account: &AccountId) -> usize {
        let now = self.clock.now();
        self.ledger.read(|catalogue| {
            catalogue.of_account(account, now).filter(|(_, cmk)| cmk.manager == KeyManager::Customer).count()
        })
    }

    /// As [`KeyService::cmks_owned_by`], of one project of the account that is not its default one.
    pub fn cmks_of_project(&self, account: &AccountId, project: ProjectUid) -> usize {
        let now = self.clock.now();
        self.ledger.read(|catalogue| {
            catalogue.of_account(account, now).filter(|(_, cmk)| cmk.project == Some(project)).count()
        })
    }
}
