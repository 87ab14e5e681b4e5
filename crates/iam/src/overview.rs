//! What one dialect shows besides the entities themselves: single versions of policies, login profiles, how often a policy
//! is attached, the sizes of an account.

use crate::entity::{KeyOwner, ManagedPolicy, Named, PolicyRef};
use crate::{Directory, IamError, Requester};
use model::{AccessKeyId, AccountId, EntityName, Timestamp, UserUid};
use policy::Action;
use std::sync::Arc;

/// How many entities an account has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountSummary {
    /// Users.
    pub users: usize,
    /// Groups.
    pub groups: usize,
    /// Roles.
    pub roles: usize,
    /// Managed policies, the built-in ones left out.
    pub policies: usize,
}

impl Directory {
    /// GetPolicyVersion: the policy, of which the caller shows the one version.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`]; [`IamError::NoSuchEntity`] for the policy or the version.
    pub async fn policy_version(
        &self,
        rq: Requester<'_>,
        policy: PolicyRef,
        version: u32,
    ) -> Result<Arc<ManagedPolicy>, IamError> {
        let (_, found) = self.permitted_policy(&rq, Action::IamGetPolicyVersion, policy)?;
        if found.versions.iter().any(|known| known.number == version) {
            return Ok(found);
        }
        Err(IamError::NoSuchEntity("policy version", format!("v{version}")))
    }

    /// ListPolicyVersions: the policy with its versions.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`], [`IamError::NoSuchEntity`].
    pub async fn policy_versions(&self, rq: Requester<'_>, policy: PolicyRef) -> Result<Arc<ManagedPolicy>, IamError> {
        Ok(self.permitted_policy(&rq, Action::IamListPolicyVersions, policy)?.1)
    }

    /// GetLoginProfile: the user's name, and when the password was set.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`]; [`IamError::NoSuchEntity`] for the user or the password.
    pub async fn login_profile(
        &self,
        rq: Requester<'_>,
        user: Named<UserUid>,
    ) -> Result<(EntityName, Timestamp), IamError> {
        let (_, entry) = self.permitted_user(&rq, Action::IamGetLoginProfile, &user)?;
        let name = entry.user.name.clone();
        let set = entry.user.password_set.ok_or_else(|| IamError::NoSuchEntity("login profile", name.to_string()))?;
        Ok((name, set))
    }

    /// GetAccountSummary.
    ///
    /// # Errors
    /// [`IamError::AccessDenied`].
    pub async fn account_summary(&self, rq: Requester<'_>) -> Result<AccountSummary, IamError> {
        let account = self.shared.own_account(&rq, Action::IamGetAccountSummary)?;
        self.shared.permit(&rq, Action::IamGetAccountSummary, &account, "*", &[])?;
        let state = self.shared.state();
        Ok(AccountSummary {
            users: state.users_of(&account.id).count(),
            groups: state.groups_of(&account.id).count(),
            roles: state.roles_of(&account.id).count(),
            policies: state.policies_of(&account.id).count(),
        })
    }

    /// To how many users, groups and roles of the account a policy is attached. Asks for no right: for those who may see
    /// the policy.
    pub fn attachment_count(&self, account: &AccountId, policy: PolicyRef) -> usize {
        let state = self.shared.state();
        let users = state.users_of(account).filter(|entry| entry.user.attachments.managed.contains(&policy)).count();
        let groups = state.groups_of(account).filter(|group| group.attachments.managed.contains(&policy)).count();
        let roles = state.roles_of(account).filter(|role| role.attachments.managed.contains(&policy)).count();
        users + groups + roles
    }

    /// The ARN of a policy of the account or a built-in one. Asks for no right: for those who may see what it stands on.
    pub fn policy_arn_of(&self, account: &AccountId, policy: PolicyRef) -> Option<String> {
        let found = self.shared.state().policy(account, policy).found?;
        Some(self.policy_arn(&found))
    }

    /// Whether an access key belongs to the user of this name, or with `None` to the account's root identity. Asks for no
    /// right: operations that name both the key and the user are about the key of that user or about none.
    pub fn key_is_of(&self, account: &AccountId, id: &AccessKeyId, user: Option<&EntityName>) -> bool {
        let state = self.shared.state();
        let info = state.keys.get(id).map(|entry| &entry.record.info).filter(|info| info.account == *account);
        match (info.map(|info| info.owner), user) {
            (Some(KeyOwner::Root), None) => true,
            (Some(KeyOwner::User(uid)), Some(name)) => {
                let found = state.user(account, &Named::Name(name.clone())).found;
                found.is_some_and(|entry| entry.user.uid == uid)
            }
            _ => false,
        }
    }

    /// The name of a user of the account. Asks for no right: for those who may see what belongs to the user.
    pub fn user_name(&self, account: &AccountId, uid: UserUid) -> Option<EntityName> {
        let found = self.shared.state().user(account, &Named::Uid(uid)).found?;
        Some(found.user.name.clone())
    }
}
