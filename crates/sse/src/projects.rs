//! Projects of keys (obs-api §4.2): who names one beside a CMK must name the CMK's own.

use crate::error::{EncryptionField, SseError};
use crate::service::SseService;
use kms::{CmkId, KeyManager};
use model::{AccountId, ProjectUid};
use std::sync::Arc;

/// What this room asks about projects.
pub trait Projects: Send + Sync + 'static {
    /// The account's default project, which CMKs are of that were made in none.
    fn default_of(&self, account: &AccountId) -> Option<ProjectUid>;
}

impl SseService {
    /// Tells who knows the projects. Until then a CMK of a default project is in none that can be named. To be called
    /// once, before the first request.
    pub fn set_projects(&self, projects: Arc<dyn Projects>) {
        let _ = self.projects.set(projects);
    }

    /// The project of a CMK that its account made, as replies to who used it show it. `None` of a default key, which belongs
    /// to no project (obs-api §4.10).
    pub fn project_of(&self, cmk: &CmkId) -> Option<ProjectUid> {
        let found = self.kms.glimpse(cmk).filter(|found| found.manager == KeyManager::Customer)?;
        found.project.or_else(|| self.projects.get()?.default_of(&cmk.account))
    }

    /// Refuses a project that is not the CMK's. To be asked after the right to use the CMK: nobody else learns of it.
    pub(crate) fn check_project(&self, cmk: &CmkId, wanted: &str) -> Result<(), SseError> {
        let found = self.kms.glimpse(cmk).ok_or(SseError::KeyNotFound)?;
        let own = found.project.or_else(|| self.projects.get()?.default_of(&cmk.account));
        let is = own.is_some() && own == ProjectUid::parse_hex(wanted);
        let message = "the CMK is not of this project";
        if is { Ok(()) } else { Err(SseError::InvalidArgument { field: EncryptionField::KeyProjectId, message }) }
    }
}
