//! Managed policies and their versions. Built-in ones can be read and attached, not changed.

use crate::edit::Edit;
use crate::entity::{Account, Attachments, Group, ManagedPolicy, PolicyRef, PolicyVersion, Role, User};
use crate::state::{Kind, State};
use crate::users::check_description;
use crate::{Directory, IamError, POLICY_VERSIONS_MAX, Requester, builtin, names};
use model::{AccountId, EntityName, EntityPath, PolicyUid, Timestamp};
use policy::{Action, Grammar, Policy};
use std::sync::Arc;

/// Most managed policies of an account (AWS).
const POLICIES_MAX: usize = 1500;

impl Directory {
    /// CreatePolicy.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::MalformedPolicy`], [`IamError::AlreadyExists`], [`IamError::InvalidInput`],
    /// [`IamError::LimitExceeded`].
    pub async fn create_policy(
        &self,
        rq: Requester<'_>,
        name: EntityName,
        path: EntityPath,
        description: String,
        document: &str,
    ) -> Result<Arc<ManagedPolicy>, IamError> {
        const ACTION: Action = Action::IamCreatePolicy;
        let account = self.shared.own_account(&rq, ACTION)?;
        self.shared.permit(&rq, ACTION, &account, &format!("policy{path}{name}"), &[])?;
        check_description(&description)?;
        let (policy, shared) = (parse(document)?, Arc::clone(&self.shared));
        self.shared
            .change(move |state, edits| {
                state.name_free(&account.id, Kind::Policy, name.as_str(), None)?;
                if state.uids(&account.id, Kind::Policy).count() >= POLICIES_MAX {
                    return Err(IamError::LimitExceeded("policies"));
                }
                let (uid, created) = (PolicyUid::from_bytes(shared.draw()), shared.now());
                let policy = Arc::new(ManagedPolicy {
                    reference: PolicyRef::Managed(uid),
                    uid,
                    account: Some(account.id.clone()),
                    name,
                    path,
                    description,
                    created,
                    updated: created,
                    versions: vec![PolicyVersion { number: 1, created, policy }],
                    default_version: 1,
                });
                edits.push(Edit::Policy(uid, Some(Arc::clone(&policy))));
                Ok(policy)
            })
            .await
    }

    /// GetPolicy, with its versions.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`].
    pub async fn get_policy(&self, rq: Requester<'_>, policy: PolicyRef) -> Result<Arc<ManagedPolicy>, IamError> {
        Ok(self.permitted_policy(&rq, Action::IamGetPolicy, policy)?.1)
    }

    /// ListPolicies: the account's own in order of names, then the built-in ones.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`].
    pub async fn list_policies(&self, rq: Requester<'_>) -> Result<Vec<Arc<ManagedPolicy>>, IamError> {
        let account = self.shared.own_account(&rq, Action::IamListPolicies)?;
        self.shared.permit(&rq, Action::IamListPolicies, &account, "policy/", &[])?;
        Ok(self.shared.state().policies_of(&account.id).chain(builtin::all()).cloned().collect())
    }

    /// Changes name, description and document at once (Huawei): a new default version that replaces the oldest.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::MalformedPolicy`],
    /// [`IamError::AlreadyExists`], [`IamError::InvalidInput`].
    pub async fn update_policy(
        &self,
        rq: Requester<'_>,
        policy: PolicyRef,
        name: Option<EntityName>,
        description: Option<String>,
        document: Option<String>,
    ) -> Result<Arc<ManagedPolicy>, IamError> {
        const ACTION: Action = Action::IamCreatePolicyVersion;
        let (account, found) = self.permitted_policy(&rq, ACTION, policy)?;
        if let Some(name) = &name {
            self.shared.permit_as(&rq, ACTION, &account, &format!("policy{}{name}", found.path), "*", &[])?;
        }
        description.as_deref().map(check_description).transpose()?;
        // A new document is a new default version, and takes the place of another when there are five.
        let evicts = document.is_some() && found.versions.len() >= POLICY_VERSIONS_MAX;
        if document.is_some() {
            self.permitted_policy(&rq, Action::IamSetDefaultPolicyVersion, policy)?;
        }
        if evicts {
            self.permitted_policy(&rq, Action::IamDeletePolicyVersion, policy)?;
        }
        let document = document.as_deref().map(parse).transpose()?;
        let now = self.shared.now();
        self.change_policy(account.id.clone(), policy, move |state, policy| {
            if let Some(name) = &name {
                state.name_free(&account.id, Kind::Policy, name.as_str(), Some(policy.uid.as_bytes()))?;
            }
            policy.name = name.unwrap_or_else(|| policy.name.clone());
            policy.description = description.unwrap_or_else(|| policy.description.clone());
            if let Some(document) = document {
                if policy.versions.len() >= POLICY_VERSIONS_MAX {
                    if !evicts {
                        return Err(IamError::Conflict);
                    }
                    let oldest = policy.versions.iter().position(|version| version.number != policy.default_version);
                    oldest.map(|oldest| policy.versions.remove(oldest));
                }
                add_version(policy, document, true, now)?;
            }
            Ok(())
        })
        .await
    }

    /// DeletePolicy: it must be attached to nothing and have one version; `force` lifts both (Huawei) for whoever may also
    /// detach it everywhere and delete versions, except that a boundary stays: without it its identities could do more.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::DeleteConflict`].
    pub async fn delete_policy(&self, rq: Requester<'_>, policy: PolicyRef, force: bool) -> Result<(), IamError> {
        let (account, found) = self.permitted_policy(&rq, Action::IamDeletePolicy, policy)?;
        own(&found)?;
        let seen = Uses::of(&self.shared.state(), &account.id, policy);
        let versions = found.versions.len();
        if force {
            self.permitted_detaching(&rq, policy, &seen)?;
            if versions > 1 {
                self.permitted_policy(&rq, Action::IamDeletePolicyVersion, policy)?;
            }
        }
        self.shared
            .change(move |state, edits| {
                let found = state.policy(&account.id, policy).get()?;
                let uses = Uses::of(state, &account.id, policy);
                if force && (uses.uids() != seen.uids() || (found.versions.len() > 1 && versions == 1)) {
                    return Err(IamError::Conflict);
                }
                if uses.bounds {
                    return Err(IamError::DeleteConflict("identities it is the boundary of"));
                }
                let attached = !uses.users.is_empty() || !uses.groups.is_empty() || !uses.roles.is_empty();
                if attached && !force {
                    return Err(IamError::DeleteConflict("attachments"));
                }
                if !force && found.versions.len() > 1 {
                    return Err(IamError::DeleteConflict("versions that are not the default"));
                }
                let without = |attachments: &mut Attachments| attachments.managed.remove(&policy);
                for user in uses.users {
                    let Some(entry) = state.users.get(&user.uid) else { continue };
                    let mut entry = crate::record::UserEntry::clone(entry);
                    without(&mut Arc::make_mut(&mut entry.user).attachments);
                    edits.push(Edit::user(entry));
                }
                for mut group in uses.groups {
                    without(&mut Arc::make_mut(&mut group).attachments);
                    edits.push(Edit::Group(group.uid, Some(group)));
                }
                for mut role in uses.roles {
                    without(&mut Arc::make_mut(&mut role).attachments);
                    edits.push(Edit::Role(role.uid, Some(role)));
                }
                edits.push(Edit::Policy(found.uid, None));
                Ok(())
            })
            .await
    }

    /// CreatePolicyVersion.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`], [`IamError::MalformedPolicy`], [`IamError::LimitExceeded`]
    /// when there are five already.
    pub async fn create_policy_version(
        &self,
        rq: Requester<'_>,
        policy: PolicyRef,
        document: &str,
        set_default: bool,
    ) -> Result<Arc<ManagedPolicy>, IamError> {
        let (account, _) = self.permitted_policy(&rq, Action::IamCreatePolicyVersion, policy)?;
        if set_default {
            self.permitted_policy(&rq, Action::IamSetDefaultPolicyVersion, policy)?;
        }
        let (document, now) = (parse(document)?, self.shared.now());
        self.change_policy(account.id.clone(), policy, move |_, policy| add_version(policy, document, set_default, now))
            .await
    }

    /// DeletePolicyVersion.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`]; [`IamError::DeleteConflict`] for the default version.
    pub async fn delete_policy_version(
        &self,
        rq: Requester<'_>,
        policy: PolicyRef,
        version: u32,
    ) -> Result<(), IamError> {
        let (account, _) = self.permitted_policy(&rq, Action::IamDeletePolicyVersion, policy)?;
        self.change_policy(account.id.clone(), policy, move |_, policy| {
            let at = version_at(policy, version)?;
            if policy.default_version == version {
                return Err(IamError::DeleteConflict("the rank of the default version"));
            }
            policy.versions.remove(at);
            Ok(())
        })
        .await
        .map(|_| ())
    }

    /// SetDefaultPolicyVersion.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`].
    pub async fn set_default_policy_version(
        &self,
        rq: Requester<'_>,
        policy: PolicyRef,
        version: u32,
    ) -> Result<(), IamError> {
        let (account, _) = self.permitted_policy(&rq, Action::IamSetDefaultPolicyVersion, policy)?;
        let now = self.shared.now();
        self.change_policy(account.id.clone(), policy, move |_, policy| {
            version_at(policy, version)?;
            policy.default_version = version;
            policy.updated = now;
            Ok(())
        })
        .await
        .map(|_| ())
    }

    /// ListEntitiesForPolicy: the users, groups and roles it is attached to, each in order of names.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`].
    pub async fn entities_for_policy(
        &self,
        rq: Requester<'_>,
        policy: PolicyRef,
    ) -> Result<(Vec<Arc<User>>, Vec<Arc<Group>>, Vec<Arc<Role>>), IamError> {
        let (account, _) = self.permitted_policy(&rq, Action::IamListEntitiesForPolicy, policy)?;
        let uses = Uses::of(&self.shared.state(), &account.id, policy);
        Ok((uses.users, uses.groups, uses.roles))
    }

    /// The policy an ARN names (`arn:aws:iam::N:policy/path/name`, `arn:aws:iam::aws:policy/NAME`), for the requester's
    /// account; or a policy's uid in hexadecimal digits, or its AWS-style id.
    pub fn policy_named(&self, account: &AccountId, named: &str) -> Option<PolicyRef> {
        let state = self.shared.state();
        let uid = PolicyUid::parse_hex(named).or_else(|| names::policy_from_aws_id(named));
        if let Some(uid) = uid {
            let own = state.policies.get(&uid).filter(|policy| policy.account.as_ref() == Some(account));
            let found = own.or_else(|| builtin::all().iter().find(|policy| policy.uid == uid));
            return found.map(|policy| policy.reference);
        }
        let (number, kind, path, name) = names::parse_arn(named)?;
        if kind != "policy" {
            return None;
        }
        if number == "aws" {
            // AWS files some of its policies under paths; here all stand at the root.
            return builtin::reference(name);
        }
        if state.accounts.get(account)?.account.number.as_str() != number {
            return None;
        }
        state.policy_by_name(account, name).filter(|policy| policy.path == path).map(|policy| policy.reference)
    }

    /// A policy's ARN.
    pub fn policy_arn(&self, policy: &ManagedPolicy) -> String {
        let number = policy.account.as_ref().and_then(|account| self.account(account));
        let number = number.as_ref().map_or("aws", |account| account.number.as_str());
        format!("arn:aws:iam::{number}:policy{}{}", policy.path, policy.name)
    }

    pub(crate) fn permitted_policy(
        &self,
        rq: &Requester<'_>,
        action: Action,
        policy: PolicyRef,
    ) -> Result<(Arc<Account>, Arc<ManagedPolicy>), IamError> {
        let account = self.shared.own_account(rq, action)?;
        let found = self.shared.state().policy(&account.id, policy);
        self.shared.permit_found(rq, action, &account, &found, &[])?;
        Ok((account, found.get()?))
    }

    async fn change_policy(
        &self,
        account: AccountId,
        policy: PolicyRef,
        change: impl FnOnce(&State, &mut ManagedPolicy) -> Result<(), IamError> + Send + 'static,
    ) -> Result<Arc<ManagedPolicy>, IamError> {
        self.shared
            .change(move |state, edits| {
                let found = state.policy(&account, policy).get()?;
                own(&found)?;
                let mut changed = ManagedPolicy::clone(&found);
                change(state, &mut changed)?;
                let changed = Arc::new(changed);
                edits.push(Edit::Policy(changed.uid, Some(Arc::clone(&changed))));
                Ok(changed)
            })
            .await
    }
}

/// Whom a policy is attached to.
pub(crate) struct Uses {
    pub(crate) users: Vec<Arc<User>>,
    pub(crate) groups: Vec<Arc<Group>>,
    pub(crate) roles: Vec<Arc<Role>>,
    /// Whether it is somebody's boundary.
    bounds: bool,
}

impl Uses {
    fn uids(&self) -> Vec<[u8; 16]> {
        let users = self.users.iter().map(|user| *user.uid.as_bytes());
        let groups = self.groups.iter().map(|group| *group.uid.as_bytes());
        users.chain(groups).chain(self.roles.iter().map(|role| *role.uid.as_bytes())).collect()
    }

    fn of(state: &State, account: &AccountId, policy: PolicyRef) -> Self {
        let has = |attachments: &Attachments| attachments.managed.contains(&policy);
        Self {
            users: state.users_of(account).map(|e| &e.user).filter(|user| has(&user.attachments)).cloned().collect(),
            groups: state.groups_of(account).filter(|group| has(&group.attachments)).cloned().collect(),
            roles: state.roles_of(account).filter(|role| has(&role.attachments)).cloned().collect(),
            bounds: state.users_of(account).any(|entry| entry.user.boundary == Some(policy))
                || state.roles_of(account).any(|role| role.boundary == Some(policy)),
        }
    }
}

/// Parses a document that is to stand on identities.
pub(crate) fn parse(document: &str) -> Result<Arc<Policy>, IamError> {
    Policy::parse(document, Grammar::Identity).map(Arc::new).map_err(IamError::MalformedPolicy)
}

fn own(policy: &ManagedPolicy) -> Result<(), IamError> {
    match policy.account {
        Some(_) => Ok(()),
        None => Err(IamError::InvalidInput("PolicyArn", "a built-in policy cannot be changed".to_owned())),
    }
}

fn version_at(policy: &ManagedPolicy, version: u32) -> Result<usize, IamError> {
    let at = policy.versions.iter().position(|known| known.number == version);
    at.ok_or_else(|| IamError::NoSuchEntity("policy version", format!("v{version}")))
}

/// The number of a new version follows the highest there is.
fn add_version(
    policy: &mut ManagedPolicy,
    document: Arc<Policy>,
    set_default: bool,
    now: Timestamp,
) -> Result<(), IamError> {
    if policy.versions.len() >= POLICY_VERSIONS_MAX {
        return Err(IamError::LimitExceeded("versions of a policy"));
    }
    let number = policy.versions.last().map_or(1, |last| last.number.saturating_add(1));
    policy.versions.push(PolicyVersion { number, created: now, policy: document });
    if set_default {
        policy.default_version = number;
        policy.updated = now;
    }
    Ok(())
}
