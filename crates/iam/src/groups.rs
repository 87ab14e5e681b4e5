//! Groups of users. A member's policies are its own and those of its groups; who is a member stands with the users.

use crate::edit::Edit;
use crate::entity::{Account, Attachments, Group, Named, User};
use crate::state::{Holder, Kind};
use crate::users::check_description;
use crate::{Directory, IamError, Requester};
use model::{EntityName, EntityPath, GroupUid, UserUid};
use policy::Action;
use std::sync::Arc;

/// Most groups of an account (AWS: 300, raised on request).
const GROUPS_MAX: usize = 500;
/// Most groups of a user (AWS).
const GROUPS_PER_USER_MAX: usize = 10;

impl Directory {
    /// CreateGroup.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::AlreadyExists`], [`IamError::InvalidInput`], [`IamError::LimitExceeded`].
    pub async fn create_group(
        &self,
        rq: Requester<'_>,
        name: EntityName,
        path: EntityPath,
        description: String,
    ) -> Result<Arc<Group>, IamError> {
        const ACTION: Action = Action::IamCreateGroup;
        let account = self.shared.own_account(&rq, ACTION)?;
        self.shared.permit(&rq, ACTION, &account, &format!("group{path}{name}"), &[])?;
        check_description(&description)?;
        let shared = Arc::clone(&self.shared);
        self.shared
            .change(move |state, edits| {
                state.name_free(&account.id, Kind::Group, name.as_str(), None)?;
                if state.uids(&account.id, Kind::Group).count() >= GROUPS_MAX {
                    return Err(IamError::LimitExceeded("groups"));
                }
                let group = Arc::new(Group {
                    uid: GroupUid::from_bytes(shared.draw()),
                    account: account.id.clone(),
                    name,
                    path,
                    description,
                    created: shared.now(),
                    attachments: Attachments::default(),
                });
                edits.push(Edit::Group(group.uid, Some(Arc::clone(&group))));
                Ok(group)
            })
            .await
    }

    /// GetGroup: the group and its members, in order of their names.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`].
    pub async fn get_group(
        &self,
        rq: Requester<'_>,
        group: Named<GroupUid>,
    ) -> Result<(Arc<Group>, Vec<Arc<User>>), IamError> {
        let (account, group) = self.permitted_group(&rq, Action::IamGetGroup, &group)?;
        let state = self.shared.state();
        let members = state.users_of(&account.id).filter(|entry| entry.user.groups.contains(&group.uid));
        let members = members.map(|entry| Arc::clone(&entry.user)).collect();
        Ok((group, members))
    }

    /// ListGroups, in order of names.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`].
    pub async fn list_groups(&self, rq: Requester<'_>) -> Result<Vec<Arc<Group>>, IamError> {
        let account = self.shared.own_account(&rq, Action::IamListGroups)?;
        self.shared.permit(&rq, Action::IamListGroups, &account, "group/", &[])?;
        Ok(self.shared.state().groups_of(&account.id).cloned().collect())
    }

    /// UpdateGroup.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::AlreadyExists`], [`IamError::InvalidInput`].
    pub async fn update_group(
        &self,
        rq: Requester<'_>,
        group: Named<GroupUid>,
        name: Option<EntityName>,
        path: Option<EntityPath>,
        description: Option<String>,
    ) -> Result<Arc<Group>, IamError> {
        const ACTION: Action = Action::IamUpdateGroup;
        let (account, group) = self.permitted_group(&rq, ACTION, &group)?;
        if name.is_some() || path.is_some() {
            let (path, name) = (path.as_ref().unwrap_or(&group.path), name.as_ref().unwrap_or(&group.name));
            self.shared.permit_as(&rq, ACTION, &account, &format!("group{path}{name}"), "*", &[])?;
        }
        description.as_deref().map(check_description).transpose()?;
        let uid = group.uid;
        self.shared
            .change(move |state, edits| {
                let mut group = Group::clone(&*state.group(&account.id, &Named::Uid(uid)).get()?);
                if let Some(name) = &name {
                    state.name_free(&account.id, Kind::Group, name.as_str(), Some(uid.as_bytes()))?;
                }
                group.name = name.unwrap_or(group.name);
                group.path = path.unwrap_or(group.path);
                group.description = description.unwrap_or(group.description);
                let group = Arc::new(group);
                edits.push(Edit::Group(uid, Some(Arc::clone(&group))));
                Ok(group)
            })
            .await
    }

    /// DeleteGroup; `force` takes memberships and policies along, which asks for the rights to remove them.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::DeleteConflict`].
    pub async fn delete_group(&self, rq: Requester<'_>, group: Named<GroupUid>, force: bool) -> Result<(), IamError> {
        let (account, group) = self.permitted_group(&rq, Action::IamDeleteGroup, &group)?;
        let uid = group.uid;
        let seen = Holder::Group(group);
        let taken = force.then(|| self.permitted_removal(&rq, &account.id, &seen)).transpose()?;
        self.shared
            .change(move |state, edits| {
                let group = state.group(&account.id, &Named::Uid(uid)).get()?;
                seen.unchanged(state, &account.id, &Holder::Group(Arc::clone(&group)), taken.as_ref())?;
                let members: Vec<_> = state.users_of(&account.id).filter(|e| e.user.groups.contains(&uid)).collect();
                let holds = [
                    (!members.is_empty(), "users"),
                    (!group.attachments.inline.is_empty(), "inline policies"),
                    (!group.attachments.managed.is_empty(), "attached policies"),
                ];
                if let Some((_, what)) = holds.iter().find(|(held, _)| *held && !force) {
                    return Err(IamError::DeleteConflict(what));
                }
                for member in members {
                    let mut member = crate::record::UserEntry::clone(member);
                    Arc::make_mut(&mut member.user).groups.remove(&uid);
                    edits.push(Edit::user(member));
                }
                edits.push(Edit::Group(uid, None));
                Ok(())
            })
            .await
    }

    /// AddUserToGroup. A user that is a member already stays one.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::LimitExceeded`].
    pub async fn add_user_to_group(
        &self,
        rq: Requester<'_>,
        group: Named<GroupUid>,
        user: Named<UserUid>,
    ) -> Result<(), IamError> {
        let (account, group) = self.permitted_group(&rq, Action::IamAddUserToGroup, &group)?;
        let uid = group.uid;
        self.shared
            .change(move |state, edits| {
                state.group(&account.id, &Named::Uid(uid)).get()?;
                let entry = state.user(&account.id, &user).get()?;
                if entry.user.groups.contains(&uid) {
                    return Ok(());
                }
                if entry.user.groups.len() >= GROUPS_PER_USER_MAX {
                    return Err(IamError::LimitExceeded("groups of a user"));
                }
                let mut entry = crate::record::UserEntry::clone(&entry);
                Arc::make_mut(&mut entry.user).groups.insert(uid);
                edits.push(Edit::user(entry));
                Ok(())
            })
            .await
    }

    /// RemoveUserFromGroup.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`]; [`IamError::NoSuchEntity`] for the group, the user or the membership.
    pub async fn remove_user_from_group(
        &self,
        rq: Requester<'_>,
        group: Named<GroupUid>,
        user: Named<UserUid>,
    ) -> Result<(), IamError> {
        let (account, group) = self.permitted_group(&rq, Action::IamRemoveUserFromGroup, &group)?;
        let uid = group.uid;
        self.shared
            .change(move |state, edits| {
                let entry = state.user(&account.id, &user).get()?;
                let mut entry = crate::record::UserEntry::clone(&entry);
                if !Arc::make_mut(&mut entry.user).groups.remove(&uid) {
                    return Err(IamError::NoSuchEntity("membership of the user", entry.user.name.to_string()));
                }
                edits.push(Edit::user(entry));
                Ok(())
            })
            .await
    }

    /// ListGroupsForUser, in order of names.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`].
    pub async fn groups_of_user(&self, rq: Requester<'_>, user: Named<UserUid>) -> Result<Vec<Arc<Group>>, IamError> {
        let (account, entry) = self.permitted_user(&rq, Action::IamListGroupsForUser, &user)?;
        let state = self.shared.state();
        Ok(state.groups_of(&account.id).filter(|group| entry.user.groups.contains(&group.uid)).cloned().collect())
    }

    fn permitted_group(
        &self,
        rq: &Requester<'_>,
        action: Action,
        group: &Named<GroupUid>,
    ) -> Result<(Arc<Account>, Arc<Group>), IamError> {
        let account = self.shared.own_account(rq, action)?;
        let found = self.shared.state().group(&account.id, group);
        self.shared.permit_found(rq, action, &account, &found, &[])?;
        Ok((account, found.get()?))
    }
}
