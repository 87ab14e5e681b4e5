//! Policies on users, groups and roles: attached, or their own.

use crate::authorize::Fact;
use crate::edit::Edit;
use crate::entity::{Account, Attachments, Entity, Group, ManagedPolicy, PolicyRef, Role};
use crate::record::UserEntry;
use crate::state::Holder;
use crate::{Directory, IamError, Requester, policies};
use model::EntityName;
use policy::{Action, ConditionKey, Policy};
use std::sync::Arc;

/// Most managed policies attached to one identity (AWS: 10, raised to 20 on request).
const ATTACHED_MAX: usize = 20;
/// Most inline policies of one identity.
const INLINE_MAX: usize = 20;
/// All inline policies of one identity together, in bytes.
const INLINE_BYTES_MAX: usize = 40 * 1024;

impl Holder {
    pub(crate) fn attachments(&self) -> &Attachments {
        match self {
            Self::User(entry) => &entry.user.attachments,
            Self::Group(group) => &group.attachments,
            Self::Role(role) => &role.attachments,
        }
    }

    pub(crate) fn boundary(&self) -> Option<PolicyRef> {
        match self {
            Self::User(entry) => entry.user.boundary,
            Self::Group(_) => None,
            Self::Role(role) => role.boundary,
        }
    }

    fn with(&self, attachments: Attachments) -> Edit {
        match self {
            Self::User(entry) => {
                let mut entry = UserEntry::clone(entry);
                Arc::make_mut(&mut entry.user).attachments = attachments;
                Edit::user(entry)
            }
            Self::Group(group) => Edit::Group(group.uid, Some(Arc::new(Group { attachments, ..Group::clone(group) }))),
            Self::Role(role) => Edit::Role(role.uid, Some(Arc::new(Role { attachments, ..Role::clone(role) }))),
        }
    }
}

/// The action for this kind of entity.
fn by_kind(entity: &Entity, user: Action, group: Action, role: Action) -> Action {
    match entity {
        Entity::User(_) => user,
        Entity::Group(_) => group,
        Entity::Role(_) => role,
    }
}

impl Directory {
    /// AttachUserPolicy and its kin. A policy that is attached already stays so.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`] for the entity or the policy, [`IamError::LimitExceeded`].
    pub async fn attach_policy(&self, rq: Requester<'_>, to: Entity, policy: PolicyRef) -> Result<(), IamError> {
        use Action::{IamAttachGroupPolicy, IamAttachRolePolicy, IamAttachUserPolicy};
        let action = by_kind(&to, IamAttachUserPolicy, IamAttachGroupPolicy, IamAttachRolePolicy);
        let (account, holder) = self.permitted_holder(&rq, action, &to, Some(policy))?;
        let to = holder.entity();
        self.shared
            .change(move |state, edits| {
                let holder = state.holder(&account.id, &to).get()?;
                let policy = state.policy(&account.id, policy).get()?.reference;
                let mut attachments = holder.attachments().clone();
                if !attachments.managed.insert(policy) {
                    return Ok(());
                }
                if attachments.managed.len() > ATTACHED_MAX {
                    return Err(IamError::LimitExceeded("attached policies"));
                }
                edits.push(holder.with(attachments));
                Ok(())
            })
            .await
    }

    /// DetachUserPolicy and its kin.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`]; [`IamError::NoSuchEntity`] for the entity, or a policy that is not attached to it.
    pub async fn detach_policy(&self, rq: Requester<'_>, from: Entity, policy: PolicyRef) -> Result<(), IamError> {
        use Action::{IamDetachGroupPolicy, IamDetachRolePolicy, IamDetachUserPolicy};
        let action = by_kind(&from, IamDetachUserPolicy, IamDetachGroupPolicy, IamDetachRolePolicy);
        let (account, holder) = self.permitted_holder(&rq, action, &from, Some(policy))?;
        let from = holder.entity();
        self.shared
            .change(move |state, edits| {
                let holder = state.holder(&account.id, &from).get()?;
                let mut attachments = holder.attachments().clone();
                let found = state.policy(&account.id, policy).get()?;
                if !attachments.managed.remove(&found.reference) {
                    return Err(IamError::NoSuchEntity("attached policy", found.name.to_string()));
                }
                edits.push(holder.with(attachments));
                Ok(())
            })
            .await
    }

    /// ListAttachedUserPolicies and its kin.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`].
    pub async fn attached_policies(&self, rq: Requester<'_>, of: Entity) -> Result<Vec<Arc<ManagedPolicy>>, IamError> {
        use Action::{IamListAttachedGroupPolicies, IamListAttachedRolePolicies, IamListAttachedUserPolicies};
        let action =
            by_kind(&of, IamListAttachedUserPolicies, IamListAttachedGroupPolicies, IamListAttachedRolePolicies);
        let (account, holder) = self.permitted_holder(&rq, action, &of, None)?;
        let state = self.shared.state();
        let managed = holder.attachments().managed.iter();
        Ok(managed.filter_map(|reference| state.policy(&account.id, *reference).found).collect())
    }

    /// PutUserPolicy and its kin.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::MalformedPolicy`], [`IamError::LimitExceeded`].
    pub async fn put_inline_policy(
        &self,
        rq: Requester<'_>,
        to: Entity,
        name: EntityName,
        document: &str,
    ) -> Result<(), IamError> {
        use Action::{IamPutGroupPolicy, IamPutRolePolicy, IamPutUserPolicy};
        let action = by_kind(&to, IamPutUserPolicy, IamPutGroupPolicy, IamPutRolePolicy);
        let (account, holder) = self.permitted_holder(&rq, action, &to, None)?;
        let to = holder.entity();
        let policy = policies::parse(document)?;
        self.shared
            .change(move |state, edits| {
                let holder = state.holder(&account.id, &to).get()?;
                let mut attachments = holder.attachments().clone();
                attachments.inline.insert(name, policy);
                let bytes: usize = attachments.inline.values().map(|policy| policy.text().len()).sum();
                if attachments.inline.len() > INLINE_MAX {
                    return Err(IamError::LimitExceeded("inline policies"));
                }
                if bytes > INLINE_BYTES_MAX {
                    return Err(IamError::LimitExceeded("bytes of inline policies"));
                }
                edits.push(holder.with(attachments));
                Ok(())
            })
            .await
    }

    /// GetUserPolicy and its kin.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`]; [`IamError::NoSuchEntity`] for the entity or the policy.
    pub async fn get_inline_policy(
        &self,
        rq: Requester<'_>,
        of: Entity,
        name: EntityName,
    ) -> Result<Arc<Policy>, IamError> {
        use Action::{IamGetGroupPolicy, IamGetRolePolicy, IamGetUserPolicy};
        let action = by_kind(&of, IamGetUserPolicy, IamGetGroupPolicy, IamGetRolePolicy);
        let (_, holder) = self.permitted_holder(&rq, action, &of, None)?;
        let found = holder.attachments().inline.get(&name).cloned();
        found.ok_or_else(|| IamError::NoSuchEntity("inline policy", name.to_string()))
    }

    /// ListUserPolicies and its kin.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`].
    pub async fn list_inline_policies(&self, rq: Requester<'_>, of: Entity) -> Result<Vec<EntityName>, IamError> {
        use Action::{IamListGroupPolicies, IamListRolePolicies, IamListUserPolicies};
        let action = by_kind(&of, IamListUserPolicies, IamListGroupPolicies, IamListRolePolicies);
        let (_, holder) = self.permitted_holder(&rq, action, &of, None)?;
        Ok(holder.attachments().inline.keys().cloned().collect())
    }

    /// DeleteUserPolicy and its kin.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`]; [`IamError::NoSuchEntity`] for the entity or the policy.
    pub async fn delete_inline_policy(&self, rq: Requester<'_>, of: Entity, name: EntityName) -> Result<(), IamError> {
        use Action::{IamDeleteGroupPolicy, IamDeleteRolePolicy, IamDeleteUserPolicy};
        let action = by_kind(&of, IamDeleteUserPolicy, IamDeleteGroupPolicy, IamDeleteRolePolicy);
        let (account, holder) = self.permitted_holder(&rq, action, &of, None)?;
        let of = holder.entity();
        self.shared
            .change(move |state, edits| {
                let holder = state.holder(&account.id, &of).get()?;
                let mut attachments = holder.attachments().clone();
                if attachments.inline.remove(&name).is_none() {
                    return Err(IamError::NoSuchEntity("inline policy", name.to_string()));
                }
                edits.push(holder.with(attachments));
                Ok(())
            })
            .await
    }

    /// The entity, once the requester may do this to it. Conditions see the policy that is attached or detached, and the
    /// entity's boundary.
    pub(crate) fn permitted_holder(
        &self,
        rq: &Requester<'_>,
        action: Action,
        entity: &Entity,
        policy: Option<PolicyRef>,
    ) -> Result<(Arc<Account>, Arc<Holder>), IamError> {
        let account = self.shared.own_account(rq, action)?;
        let found = self.shared.state().holder(&account.id, entity);
        let boundary = found.found.as_ref().and_then(|holder| holder.boundary());
        let boundary = boundary.map(|boundary| self.arn_of(&account, boundary));
        let policy = policy.map(|policy| self.arn_of(&account, policy));
        let mut facts: Vec<Fact<'_>> = Vec::new();
        facts.extend(boundary.iter().map(|arn| (ConditionKey::PermissionsBoundary, &**arn)));
        facts.extend(policy.iter().map(|arn| (ConditionKey::PolicyArn, &**arn)));
        self.shared.permit_found(rq, action, &account, &found, &facts)?;
        Ok((account, found.get()?))
    }
}
