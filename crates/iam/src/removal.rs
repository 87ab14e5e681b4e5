//! What goes along when something is deleted with all it has: each part is asked for as if it were removed alone. Were it
//! not, the right to delete a policy or a group would be the right to lift a Deny that it brought.

use crate::authorize::denied;
use crate::entity::{Entity, KeyOwner, Named, PolicyRef};
use crate::policies::Uses;
use crate::state::{Holder, State};
use crate::{Directory, IamError, Requester};
use model::{AccessKeyId, AccountId, UserUid};
use policy::Action;
use std::sync::Arc;

impl Holder {
    /// The entity by its uid: what was permitted is what is changed, also if another takes over the name meanwhile.
    pub(crate) fn entity(&self) -> Entity {
        match self {
            Self::User(entry) => Entity::User(Named::Uid(entry.user.uid)),
            Self::Group(group) => Entity::Group(Named::Uid(group.uid)),
            Self::Role(role) => Entity::Role(Named::Uid(role.uid)),
        }
    }

    /// Refuses to take along what was not there when the right was asked for. `taken`: what a forced deletion takes.
    pub(crate) fn unchanged(
        &self,
        state: &State,
        account: &AccountId,
        now: &Self,
        taken: Option<&Taken>,
    ) -> Result<(), IamError> {
        let Some(taken) = taken else { return Ok(()) };
        let same = match (self, now) {
            (Self::User(a), Self::User(b)) => Arc::ptr_eq(a, b),
            (Self::Group(a), Self::Group(b)) => Arc::ptr_eq(a, b),
            (Self::Role(a), Self::Role(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        if same && Taken::of(state, account, now) == *taken { Ok(()) } else { Err(IamError::Conflict) }
    }
}

/// What a deletion that was permitted takes along besides what its entity's record says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) keys: Vec<AccessKeyId>,
    pub(crate) members: Vec<UserUid>,
}

impl Taken {
    pub(crate) fn of(state: &State, account: &AccountId, holder: &Holder) -> Self {
        match holder {
            Holder::User(entry) => {
                let keys = state.keys_of(account, KeyOwner::User(entry.user.uid));
                Self { keys: keys.iter().map(|key| key.record.info.id.clone()).collect(), members: Vec::new() }
            }
            Holder::Group(group) => {
                let members = state.users_of(account).filter(|entry| entry.user.groups.contains(&group.uid));
                Self { keys: Vec::new(), members: members.map(|entry| entry.user.uid).collect() }
            }
            Holder::Role(_) => Self::default(),
        }
    }
}

impl Directory {
    /// Asks for the right to take everything along that this holder has. What that is, the change must find unchanged.
    pub(crate) fn permitted_removal(
        &self,
        rq: &Requester<'_>,
        account: &AccountId,
        holder: &Holder,
    ) -> Result<Taken, IamError> {
        use Action::{IamDeleteGroupPolicy, IamDeleteRolePolicy, IamDeleteUserPolicy};
        let entity = holder.entity();
        for policy in &holder.attachments().managed {
            self.permitted_along(rq, detach(&entity), &entity, Some(*policy))?;
        }
        if !holder.attachments().inline.is_empty() {
            let action = match &entity {
                Entity::User(_) => IamDeleteUserPolicy,
                Entity::Group(_) => IamDeleteGroupPolicy,
                Entity::Role(_) => IamDeleteRolePolicy,
            };
            self.permitted_along(rq, action, &entity, None)?;
        }
        let taken = Taken::of(&self.shared.state(), account, holder);
        match holder {
            Holder::User(entry) => {
                let has = [
                    (!taken.keys.is_empty(), Action::IamDeleteAccessKey),
                    (entry.password.is_some(), Action::IamDeleteLoginProfile),
                ];
                for (_, action) in has.iter().filter(|(has, _)| *has) {
                    self.permitted_along(rq, *action, &entity, None)?;
                }
                for group in &entry.user.groups {
                    let group = Entity::Group(Named::Uid(*group));
                    self.permitted_along(rq, Action::IamRemoveUserFromGroup, &group, None)?;
                }
            }
            Holder::Group(_) if !taken.members.is_empty() => {
                self.permitted_along(rq, Action::IamRemoveUserFromGroup, &entity, None)?;
            }
            Holder::Group(_) | Holder::Role(_) => {}
        }
        Ok(taken)
    }

    /// Asks for a right to what the requester did not name, and so is not shown in the refusal.
    fn permitted_along(
        &self,
        rq: &Requester<'_>,
        action: Action,
        entity: &Entity,
        policy: Option<PolicyRef>,
    ) -> Result<(), IamError> {
        self.permitted_holder(rq, action, entity, policy).map(|_| ()).map_err(|error| match error {
            IamError::AccessDenied { .. } => denied(rq, action, "*".to_owned()),
            other => other,
        })
    }

    /// Asks for the right to detach a policy from everybody it is attached to.
    pub(crate) fn permitted_detaching(
        &self,
        rq: &Requester<'_>,
        policy: PolicyRef,
        uses: &Uses,
    ) -> Result<(), IamError> {
        let users = uses.users.iter().map(|user| Entity::User(Named::Uid(user.uid)));
        let groups = uses.groups.iter().map(|group| Entity::Group(Named::Uid(group.uid)));
        let roles = uses.roles.iter().map(|role| Entity::Role(Named::Uid(role.uid)));
        for entity in users.chain(groups).chain(roles) {
            self.permitted_along(rq, detach(&entity), &entity, Some(policy))?;
        }
        Ok(())
    }
}

fn detach(entity: &Entity) -> Action {
    match entity {
        Entity::User(_) => Action::IamDetachUserPolicy,
        Entity::Group(_) => Action::IamDetachGroupPolicy,
        Entity::Role(_) => Action::IamDetachRolePolicy,
    }
}
