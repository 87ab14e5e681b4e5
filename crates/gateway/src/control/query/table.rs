//! The table of operations: each with the parameters it takes and what serves it. A parameter that is not in its row is
//! refused: ignored, a mistyped boundary would give a user without one.

use super::Api;
use super::call::{Call, Done};
use super::entity::Kind;
use super::fault::{Code, Fault};
use super::{
    access_keys, account, attached, boundaries, form, groups, inline, login_profiles, policies, roles, sts, users,
};
use crate::xml::XmlWriter;
use bytes::Bytes;

macro_rules! operations {
    ($($api:ident $name:ident ($($parameter:ident)*) $shape:ident => $serve:path $(, $kind:ident)?;)*) => {
        /// An operation of either API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Operation { $($name,)* }

        impl Operation {
            /// Every operation.
            #[cfg(test)]
            pub(super) const ALL: &'static [Operation] = &[$(Operation::$name,)*];

            /// The operation of this name.
            pub(super) fn find(api: Api, name: &str) -> Option<Self> {
                match (api, name) {
                    $((Api::$api, stringify!($name)) => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The API it belongs to.
            pub(super) const fn api(self) -> Api {
                match self { $(Self::$name => Api::$api,)* }
            }

            /// Its name.
            #[cfg(test)]
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The parameters it takes besides `Action` and `Version`.
            pub(super) const fn parameters(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$(stringify!($parameter),)*],)* }
            }

            /// The names of the reply's root and of the result in it; operations without output have none.
            const fn elements(self) -> (&'static str, Option<&'static str>) {
                match self {
                    $(Self::$name => (
                        concat!(stringify!($name), "Response"),
                        operations!(@$shape $name),
                    ),)*
                }
            }

            async fn run(self, call: &Call<'_>, out: &mut XmlWriter) -> Done {
                match self { $(Self::$name => $serve(call, out $(, Kind::$kind)?).await,)* }
            }
        }
    };
    (@result $name:ident) => { Some(concat!(stringify!($name), "Result")) };
    (@nothing $name:ident) => { None };
}

operations! {
    Iam CreateUser (UserName Path PermissionsBoundary Tags) result => users::create;
    Iam GetUser (UserName) result => users::get;
    Iam ListUsers (PathPrefix Marker MaxItems) result => users::list;
    Iam UpdateUser (UserName NewPath NewUserName) nothing => users::update;
    Iam DeleteUser (UserName) nothing => users::delete;
    Iam ListUserTags (UserName Marker MaxItems) result => users::list_tags;
    Iam CreateLoginProfile (UserName Password PasswordResetRequired) result => login_profiles::create;
    Iam GetLoginProfile (UserName) result => login_profiles::get;
    Iam UpdateLoginProfile (UserName Password PasswordResetRequired) nothing => login_profiles::update;
    Iam DeleteLoginProfile (UserName) nothing => login_profiles::delete;

    Iam CreateAccessKey (UserName) result => access_keys::create;
    Iam ListAccessKeys (UserName Marker MaxItems) result => access_keys::list;
    Iam UpdateAccessKey (UserName AccessKeyId Status) nothing => access_keys::update;
    Iam DeleteAccessKey (UserName AccessKeyId) nothing => access_keys::delete;
    Iam GetAccessKeyLastUsed (AccessKeyId) result => access_keys::last_used;

    Iam CreateGroup (GroupName Path) result => groups::create;
    Iam GetGroup (GroupName Marker MaxItems) result => groups::get;
    Iam ListGroups (PathPrefix Marker MaxItems) result => groups::list;
    Iam UpdateGroup (GroupName NewPath NewGroupName) nothing => groups::update;
    Iam DeleteGroup (GroupName) nothing => groups::delete;
    Iam AddUserToGroup (GroupName UserName) nothing => groups::add_user;
    Iam RemoveUserFromGroup (GroupName UserName) nothing => groups::remove_user;
    Iam ListGroupsForUser (UserName Marker MaxItems) result => groups::of_user;

    Iam CreateRole (
        RoleName Path AssumeRolePolicyDocument Description MaxSessionDuration PermissionsBoundary Tags
    ) result => roles::create;
    Iam GetRole (RoleName) result => roles::get;
    Iam ListRoles (PathPrefix Marker MaxItems) result => roles::list;
    Iam UpdateRole (RoleName Description MaxSessionDuration) result => roles::update;
    Iam UpdateRoleDescription (RoleName Description) result => roles::update_description;
    Iam UpdateAssumeRolePolicy (RoleName PolicyDocument) nothing => roles::update_trust;
    Iam DeleteRole (RoleName) nothing => roles::delete;
    Iam ListRoleTags (RoleName Marker MaxItems) result => roles::list_tags;

    Iam CreatePolicy (PolicyName Path PolicyDocument Description Tags) result => policies::create;
    Iam GetPolicy (PolicyArn) result => policies::get;
    Iam ListPolicies (Scope OnlyAttached PathPrefix PolicyUsageFilter Marker MaxItems) result => policies::list;
    Iam DeletePolicy (PolicyArn) nothing => policies::delete;
    Iam CreatePolicyVersion (PolicyArn PolicyDocument SetAsDefault) result => policies::create_version;
    Iam GetPolicyVersion (PolicyArn VersionId) result => policies::get_version;
    Iam ListPolicyVersions (PolicyArn Marker MaxItems) result => policies::list_versions;
    Iam DeletePolicyVersion (PolicyArn VersionId) nothing => policies::delete_version;
    Iam SetDefaultPolicyVersion (PolicyArn VersionId) nothing => policies::set_default_version;
    Iam ListEntitiesForPolicy (
        PolicyArn EntityFilter PathPrefix PolicyUsageFilter Marker MaxItems
    ) result => policies::entities;
    Iam ListPolicyTags (PolicyArn Marker MaxItems) result => policies::list_tags;

    Iam PutUserPolicy (UserName PolicyName PolicyDocument) nothing => inline::put, User;
    Iam GetUserPolicy (UserName PolicyName) result => inline::get, User;
    Iam ListUserPolicies (UserName Marker MaxItems) result => inline::list, User;
    Iam DeleteUserPolicy (UserName PolicyName) nothing => inline::delete, User;
    Iam PutGroupPolicy (GroupName PolicyName PolicyDocument) nothing => inline::put, Group;
    Iam GetGroupPolicy (GroupName PolicyName) result => inline::get, Group;
    Iam ListGroupPolicies (GroupName Marker MaxItems) result => inline::list, Group;
    Iam DeleteGroupPolicy (GroupName PolicyName) nothing => inline::delete, Group;
    Iam PutRolePolicy (RoleName PolicyName PolicyDocument) nothing => inline::put, Role;
    Iam GetRolePolicy (RoleName PolicyName) result => inline::get, Role;
    Iam ListRolePolicies (RoleName Marker MaxItems) result => inline::list, Role;
    Iam DeleteRolePolicy (RoleName PolicyName) nothing => inline::delete, Role;

    Iam AttachUserPolicy (UserName PolicyArn) nothing => attached::attach, User;
    Iam DetachUserPolicy (UserName PolicyArn) nothing => attached::detach, User;
    Iam ListAttachedUserPolicies (UserName PathPrefix Marker MaxItems) result => attached::list, User;
    Iam AttachGroupPolicy (GroupName PolicyArn) nothing => attached::attach, Group;
    Iam DetachGroupPolicy (GroupName PolicyArn) nothing => attached::detach, Group;
    Iam ListAttachedGroupPolicies (GroupName PathPrefix Marker MaxItems) result => attached::list, Group;
    Iam AttachRolePolicy (RoleName PolicyArn) nothing => attached::attach, Role;
    Iam DetachRolePolicy (RoleName PolicyArn) nothing => attached::detach, Role;
    Iam ListAttachedRolePolicies (RoleName PathPrefix Marker MaxItems) result => attached::list, Role;

    Iam PutUserPermissionsBoundary (UserName PermissionsBoundary) nothing => boundaries::put, User;
    Iam DeleteUserPermissionsBoundary (UserName) nothing => boundaries::delete, User;
    Iam PutRolePermissionsBoundary (RoleName PermissionsBoundary) nothing => boundaries::put, Role;
    Iam DeleteRolePermissionsBoundary (RoleName) nothing => boundaries::delete, Role;

    Iam GetAccountSummary () result => account::summary;
    Iam ListAccountAliases (Marker MaxItems) result => account::aliases;
    Iam ListMFADevices (UserName Marker MaxItems) result => account::mfa_devices;
    Iam ListOpenIDConnectProviders () result => account::openid_providers;

    Sts GetCallerIdentity () result => sts::caller_identity;
    Sts AssumeRole (
        RoleArn RoleSessionName DurationSeconds Policy PolicyArns ExternalId Tags TransitiveTagKeys SerialNumber
        TokenCode SourceIdentity ProvidedContexts
    ) result => sts::assume_role;
    Sts GetSessionToken (DurationSeconds SerialNumber TokenCode) result => sts::session_token;
    Sts GetAccessKeyInfo (AccessKeyId) result => sts::access_key_info;
}

impl Operation {
    /// Serves one request and writes the reply's document.
    pub(super) async fn serve(self, call: &Call<'_>, request_id: &str) -> Result<Bytes, Fault> {
        self.check_parameters(call.form)?;
        let (root, result) = self.elements();
        let mut out = XmlWriter::new(root, Some(self.api().namespace()));
        if let Some(result) = result {
            out.open(result);
        }
        self.run(call, &mut out).await?;
        if result.is_some() {
            out.close();
        }
        out.open("ResponseMetadata");
        out.leaf("RequestId", request_id);
        Ok(out.finish())
    }

    fn check_parameters(self, form: &form::Form) -> Result<(), Fault> {
        let known = |name: &str| matches!(name, "Action" | "Version") || self.parameters().contains(&name);
        match form.names().find(|name| !known(name)) {
            None => Ok(()),
            Some(stranger) => Err(Fault::new(
                Code::InvalidQueryParameter,
                format!("The parameter {} is not one of this operation.", form::shown(stranger)),
            )),
        }
    }
}
