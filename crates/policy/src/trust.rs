//! Who may assume a role.

use crate::evaluate::{Silence, judge_assume};
use crate::explain::{Explanation, explain_assume};
use crate::facts::Context;
use crate::{AccessRequest, Action, Authorized, Conditions, Denied, Policy, Principal, Resource};
use model::RoleUid;

/// A wish to assume a role (Huawei: agency).
#[derive(Clone, Copy, Debug)]
pub struct AssumeRequest<'a> {
    /// The role's trust policy. One that cannot be read stands here as [`Policy::unreadable`].
    pub trust: &'a Policy,
    /// The role: [`Resource::Iam`] with `role/path/name`. Anything else is denied.
    pub role: Resource<'a>,
    /// The role's uid, which Huawei's policies name agencies by.
    pub role_uid: Option<RoleUid>,
    /// Who wishes to.
    pub principal: &'a Principal,
    /// What the request supplied; `sts:ExternalId` and `sts:RoleSessionName` are among the values.
    pub conditions: &'a Conditions,
}

/// Decides whether the principal may assume the role, for the action `sts:AssumeRole`. The role must trust the principal.
/// A role that trusts the principal by name in the role's own account asks for nothing else; where it trusts the account,
/// or is of another account, the principal's own policies must allow it too. A root identity needs none.
///
/// # Errors
/// [`Denied`] when it may not.
pub fn may_assume(request: &AssumeRequest<'_>) -> Result<Authorized, Denied> {
    let cx = request.context().ok_or(Denied)?;
    if judge_assume(&cx, request.trust, &mut Silence).allowed { Ok(Authorized::new(&cx.request)) } else { Err(Denied) }
}

impl<'a> AssumeRequest<'a> {
    /// Why [`may_assume`] decides as it does. `None` where `role` is not a role.
    pub fn explain(&self) -> Option<Explanation> {
        self.context().map(|cx| explain_assume(&cx, self.trust))
    }

    fn context(&self) -> Option<Context<'a>> {
        let Resource::Iam { account, entity, .. } = self.role else { return None };
        if !entity.starts_with("role/") {
            return None;
        }
        let request = AccessRequest {
            principal: self.principal,
            action: Action::StsAssumeRole,
            resource: self.role,
            owner: Some(account),
            bucket: None,
            object_acl: None,
            cmk: None,
            conditions: self.conditions,
            facts: &[],
        };
        Some(Context::new(&request, self.role_uid))
    }
}
