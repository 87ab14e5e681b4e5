//! Projects (Huawei): names that requests are scoped to. CMKs belong to one, and keep it from
//! being deleted; nothing else does.

use crate::edit::Edit;
use crate::entity::{Account, Project};
use crate::state::{Kind, State};
use crate::users::check_description;
use crate::{Directory, IamError, Requester};
use model::{AccountId, ProjectUid};
use policy::Action;
use std::sync::Arc;

/// Most projects of an account.
const PROJECTS_MAX: usize = 100;
/// Longest name in characters (Huawei).
const NAME_CHARS_MAX: usize = 64;

impl Directory {
    /// Makes a project.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::AlreadyExists`], [`IamError::InvalidInput`], [`IamError::LimitExceeded`].
    pub async fn create_project(
        &self,
        rq: Requester<'_>,
        name: String,
        description: String,
    ) -> Result<Arc<Project>, IamError> {
        const ACTION: Action = Action::IamCreateProject;
        let account = self.shared.own_account(&rq, ACTION)?;
        self.shared.permit(&rq, ACTION, &account, &format!("project/{name}"), &[])?;
        check_name(&name)?;
        check_description(&description)?;
        let shared = Arc::clone(&self.shared);
        self.shared
            .change(move |state, edits| {
                state.name_free(&account.id, Kind::Project, &name, None)?;
                if state.uids(&account.id, Kind::Project).count() >= PROJECTS_MAX {
                    return Err(IamError::LimitExceeded("projects"));
                }
                let project = Arc::new(Project {
                    uid: ProjectUid::from_bytes(shared.draw()),
                    account: account.id.clone(),
                    name,
                    description,
                    created: shared.now(),
                    enabled: true,
                });
                edits.push(Edit::Project(project.uid, Some(Arc::clone(&project))));
                Ok(project)
            })
            .await
    }

    /// The account's projects in order of names. Everybody may ask for those of their own account: SDKs do before anything
    /// else.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`] for whoever is of no account.
    pub async fn list_projects(&self, rq: Requester<'_>) -> Result<Vec<Arc<Project>>, IamError> {
        let account = self.shared.own_account(&rq, Action::IamListProjects)?;
        Ok(self.shared.state().projects_of(&account.id).cloned().collect())
    }

    /// The account's default project: the one named as the region. Asks for no right: CMKs that were made in no project
    /// are of it.
    pub fn default_project(&self, account: &AccountId) -> Option<ProjectUid> {
        let state = self.shared.state();
        state.projects_of(account).find(|project| project.name == self.shared.region.as_str()).map(|found| found.uid)
    }

    /// Changes a project.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::AlreadyExists`]; [`IamError::InvalidInput`],
    /// also for renaming or disabling the default project.
    pub async fn update_project(
        &self,
        rq: Requester<'_>,
        project: ProjectUid,
        name: Option<String>,
        description: Option<String>,
        enabled: Option<bool>,
    ) -> Result<Arc<Project>, IamError> {
        let account = self.permitted_project(&rq, Action::IamUpdateProject, project)?;
        name.as_deref().map(check_name).transpose()?;
        description.as_deref().map(check_description).transpose()?;
        let shared = Arc::clone(&self.shared);
        self.shared
            .change(move |state, edits| {
                let mut changed = Project::clone(&*find(state, &account.id, project)?);
                if let Some(name) = &name {
                    state.name_free(&account.id, Kind::Project, name, Some(project.as_bytes()))?;
                }
                let renamed = name.as_ref().is_some_and(|name| *name != changed.name);
                if changed.name == shared.region.as_str() && (renamed || enabled == Some(false)) {
                    return Err(default_stays());
                }
                changed.name = name.unwrap_or(changed.name);
                changed.description = description.unwrap_or(changed.description);
                changed.enabled = enabled.unwrap_or(changed.enabled);
                let changed = Arc::new(changed);
                edits.push(Edit::Project(project, Some(Arc::clone(&changed))));
                Ok(changed)
            })
            .await
    }

    /// Deletes a project; not the default one, and none that still `has` something, which is asked once the right is
    /// there: the account, the project, and what it still has.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::InvalidInput`], [`IamError::DeleteConflict`].
    pub async fn delete_project(
        &self,
        rq: Requester<'_>,
        project: ProjectUid,
        has: impl FnOnce(&AccountId, ProjectUid) -> Option<&'static str> + Send + 'static,
    ) -> Result<(), IamError> {
        let account = self.permitted_project(&rq, Action::IamDeleteProject, project)?;
        let shared = Arc::clone(&self.shared);
        self.shared
            .change(move |state, edits| {
                if find(state, &account.id, project)?.name == shared.region.as_str() {
                    return Err(default_stays());
                }
                if let Some(what) = has(&account.id, project) {
                    return Err(IamError::DeleteConflict(what));
                }
                edits.push(Edit::Project(project, None));
                Ok(())
            })
            .await
    }

    fn permitted_project(
        &self,
        rq: &Requester<'_>,
        action: Action,
        project: ProjectUid,
    ) -> Result<Arc<Account>, IamError> {
        let account = self.shared.own_account(rq, action)?;
        let found = find(&self.shared.state(), &account.id, project);
        let entity = found.as_ref().map_or_else(|_| project.to_hex(), |found| found.name.clone());
        let asked = format!("project/{}", project.to_hex());
        self.shared.permit_as(rq, action, &account, &format!("project/{entity}"), &asked, &[])?;
        found.map(|_| account)
    }
}

fn find(state: &State, account: &AccountId, project: ProjectUid) -> Result<Arc<Project>, IamError> {
    let found = state.projects.get(&project).filter(|found| found.account == *account).cloned();
    found.ok_or_else(|| IamError::NoSuchEntity("project", project.to_hex()))
}

fn default_stays() -> IamError {
    IamError::InvalidInput("project", "the default project stays as it is".to_owned())
}

/// Names of Huawei's projects: letters, digits, `_` and `-`.
fn check_name(name: &str) -> Result<(), IamError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(());
    }
    Err(IamError::InvalidInput("name", "a project's name has 1 to 64 letters, digits, `_` or `-`".to_owned()))
}
