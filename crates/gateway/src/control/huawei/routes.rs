//! Every route of the Huawei APIs, in one table: method, path, who may come in, how refusals are written, handler. What
//! is not here does not exist; which right each handler needs, the directory asks for (docs/huawei-iam-api.md).
//!
//! INVARIANT: at most one route fits a request. A path is read as its signature reads it: decoded once, a slash at the
//! end or none.

use super::assignments::{self, Scope, Subject};
use super::call::Call;
use super::fault::{Fault, Style};
use super::v5::attachments::{self, To};
use super::{agencies, credentials, groups, places, projects, roles, security_tokens, tokens, users, v5};
use crate::auth::target::decode;
use crate::reply::Reply;
use futures_util::future::BoxFuture;

/// Who may come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Whoever shows a credential.
    Authenticated,
    /// Anybody: the body shows a credential.
    Open,
}

type Handler = for<'c> fn(&'c Call<'_>) -> BoxFuture<'c, Result<Reply, Fault>>;

/// A row of the table.
pub(super) struct Route {
    pub(super) method: &'static str,
    /// `{}` stands for one part.
    pub(super) path: &'static str,
    pub(super) access: Access,
    pub(super) style: Style,
    pub(super) handler: Handler,
}

impl Route {
    /// The route of a request, and what stands for its `{}`s.
    pub(super) fn find(method: &str, raw_path: &str) -> Option<(&'static Self, Vec<String>)> {
        let path = as_signed(raw_path)?;
        ROUTES.iter().find_map(|route| {
            let fits = route.method == method;
            fits.then(|| parameters(route.path, &path)).flatten().map(|parameters| (route, parameters))
        })
    }
}

/// A path as its signature reads it: decoded once, without the slash at its end. `None` if it is no text.
pub(in super::super) fn as_signed(raw_path: &str) -> Option<String> {
    let mut path = String::from_utf8(decode(raw_path, false).into_owned()).ok()?;
    if path.ends_with('/') {
        path.pop();
    }
    Some(path)
}

/// The parts of `path` where the pattern has `{}`; `None` if it does not fit.
pub(in super::super) fn parameters(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut expected, mut parts) = (pattern.split('/'), path.split('/'));
    let mut found = Vec::new();
    loop {
        match (expected.next(), parts.next()) {
            (None, None) => return Some(found),
            (Some("{}"), Some(part)) if !part.is_empty() => found.push(part.to_owned()),
            (Some(word), Some(part)) if word == part => {}
            _ => return None,
        }
    }
}

macro_rules! routes {
    ($($method:ident $path:literal $access:ident $style:ident
        $family:ident $(:: $inner:ident)* ($($argument:expr),*);)*) => {
        /// The table.
        pub(super) static ROUTES: &[Route] = &[$(Route {
            method: stringify!($method),
            path: $path,
            access: Access::$access,
            style: Style::$style,
            handler: |call| Box::pin($family $(:: $inner)* (call $(, $argument)*)),
        },)*];
    };
}

routes! {
    POST "/v3/auth/tokens" Open Keystone tokens::create();
    GET "/v3/auth/tokens" Authenticated Keystone tokens::read();
    HEAD "/v3/auth/tokens" Authenticated Keystone tokens::read();
    DELETE "/v3/auth/tokens" Authenticated Keystone tokens::revoke();
    GET "/v3/auth/projects" Authenticated Keystone projects::list_enterable();
    GET "/v3/auth/domains" Authenticated Keystone places::domains();
    GET "/v3/auth/catalog" Authenticated Keystone places::catalog();
    GET "/v3/regions" Authenticated Keystone places::regions();
    GET "/v3/regions/{}" Authenticated Keystone places::region();

    POST "/v3.0/OS-CREDENTIAL/securitytokens" Open Keystone security_tokens::create();
    POST "/v3.0/OS-CREDENTIAL/credentials" Authenticated Keystone credentials::create();
    GET "/v3.0/OS-CREDENTIAL/credentials" Authenticated Keystone credentials::list();
    GET "/v3.0/OS-CREDENTIAL/credentials/{}" Authenticated Keystone credentials::read();
    PUT "/v3.0/OS-CREDENTIAL/credentials/{}" Authenticated Keystone credentials::update();
    DELETE "/v3.0/OS-CREDENTIAL/credentials/{}" Authenticated Keystone credentials::delete();

    POST "/v3/users" Authenticated Keystone users::create();
    GET "/v3/users" Authenticated Keystone users::list();
    GET "/v3/users/{}" Authenticated Keystone users::read();
    PATCH "/v3/users/{}" Authenticated Keystone users::update();
    DELETE "/v3/users/{}" Authenticated Keystone users::delete();
    POST "/v3/users/{}/password" Authenticated Keystone users::password();
    GET "/v3/users/{}/groups" Authenticated Keystone users::groups();
    GET "/v3/users/{}/projects" Authenticated Keystone users::projects();
    POST "/v3.0/OS-USER/users" Authenticated Iam users::create_wide();
    GET "/v3.0/OS-USER/users/{}" Authenticated Iam users::read_wide();
    PUT "/v3.0/OS-USER/users/{}" Authenticated Iam users::update_wide();

    POST "/v3/groups" Authenticated Keystone groups::create();
    GET "/v3/groups" Authenticated Keystone groups::list();
    GET "/v3/groups/{}" Authenticated Keystone groups::read();
    PATCH "/v3/groups/{}" Authenticated Keystone groups::update();
    DELETE "/v3/groups/{}" Authenticated Keystone groups::delete();
    GET "/v3/groups/{}/users" Authenticated Keystone groups::members();
    PUT "/v3/groups/{}/users/{}" Authenticated Keystone groups::add_member();
    HEAD "/v3/groups/{}/users/{}" Authenticated Keystone groups::is_member();
    DELETE "/v3/groups/{}/users/{}" Authenticated Keystone groups::remove_member();

    POST "/v3.0/OS-ROLE/roles" Authenticated Keystone roles::create();
    GET "/v3.0/OS-ROLE/roles" Authenticated Keystone roles::list_custom();
    GET "/v3.0/OS-ROLE/roles/{}" Authenticated Keystone roles::read_custom();
    PATCH "/v3.0/OS-ROLE/roles/{}" Authenticated Keystone roles::update();
    DELETE "/v3.0/OS-ROLE/roles/{}" Authenticated Keystone roles::delete();
    GET "/v3/roles" Authenticated Keystone roles::list_known();
    GET "/v3/roles/{}" Authenticated Keystone roles::read();

    PUT "/v3/domains/{}/groups/{}/roles/{}" Authenticated Keystone assignments::assign(Scope::Domain, Subject::Group);
    HEAD "/v3/domains/{}/groups/{}/roles/{}" Authenticated Keystone assignments::check(Scope::Domain, Subject::Group);
    DELETE "/v3/domains/{}/groups/{}/roles/{}"
        Authenticated Keystone assignments::revoke(Scope::Domain, Subject::Group);
    GET "/v3/domains/{}/groups/{}/roles" Authenticated Keystone assignments::list(Scope::Domain, Subject::Group);
    PUT "/v3/projects/{}/groups/{}/roles/{}" Authenticated Keystone assignments::assign(Scope::Project, Subject::Group);
    HEAD "/v3/projects/{}/groups/{}/roles/{}" Authenticated Keystone assignments::check(Scope::Project, Subject::Group);
    DELETE "/v3/projects/{}/groups/{}/roles/{}"
        Authenticated Keystone assignments::revoke(Scope::Project, Subject::Group);
    GET "/v3/projects/{}/groups/{}/roles" Authenticated Keystone assignments::list(Scope::Project, Subject::Group);
    PUT "/v3/OS-INHERIT/domains/{}/groups/{}/roles/{}/inherited_to_projects"
        Authenticated Keystone assignments::assign(Scope::Domain, Subject::Group);
    HEAD "/v3/OS-INHERIT/domains/{}/groups/{}/roles/{}/inherited_to_projects"
        Authenticated Keystone assignments::check(Scope::Domain, Subject::Group);
    DELETE "/v3/OS-INHERIT/domains/{}/groups/{}/roles/{}/inherited_to_projects"
        Authenticated Keystone assignments::revoke(Scope::Domain, Subject::Group);
    GET "/v3/OS-INHERIT/domains/{}/groups/{}/roles/inherited_to_projects"
        Authenticated Keystone assignments::list(Scope::Domain, Subject::Group);
    PUT "/v3.0/OS-AGENCY/domains/{}/agencies/{}/roles/{}"
        Authenticated Keystone assignments::assign(Scope::Domain, Subject::Agency);
    HEAD "/v3.0/OS-AGENCY/domains/{}/agencies/{}/roles/{}"
        Authenticated Keystone assignments::check(Scope::Domain, Subject::Agency);
    DELETE "/v3.0/OS-AGENCY/domains/{}/agencies/{}/roles/{}"
        Authenticated Keystone assignments::revoke(Scope::Domain, Subject::Agency);
    GET "/v3.0/OS-AGENCY/domains/{}/agencies/{}/roles"
        Authenticated Keystone assignments::list(Scope::Domain, Subject::Agency);
    PUT "/v3.0/OS-AGENCY/projects/{}/agencies/{}/roles/{}"
        Authenticated Keystone assignments::assign(Scope::Project, Subject::Agency);
    HEAD "/v3.0/OS-AGENCY/projects/{}/agencies/{}/roles/{}"
        Authenticated Keystone assignments::check(Scope::Project, Subject::Agency);
    DELETE "/v3.0/OS-AGENCY/projects/{}/agencies/{}/roles/{}"
        Authenticated Keystone assignments::revoke(Scope::Project, Subject::Agency);
    GET "/v3.0/OS-AGENCY/projects/{}/agencies/{}/roles"
        Authenticated Keystone assignments::list(Scope::Project, Subject::Agency);
    PUT "/v3.0/OS-INHERIT/domains/{}/agencies/{}/roles/{}/inherited_to_projects"
        Authenticated Iam assignments::assign(Scope::Domain, Subject::Agency);
    HEAD "/v3.0/OS-INHERIT/domains/{}/agencies/{}/roles/{}/inherited_to_projects"
        Authenticated Iam assignments::check(Scope::Domain, Subject::Agency);
    DELETE "/v3.0/OS-INHERIT/domains/{}/agencies/{}/roles/{}/inherited_to_projects"
        Authenticated Iam assignments::revoke(Scope::Domain, Subject::Agency);
    GET "/v3.0/OS-INHERIT/domains/{}/agencies/{}/roles/inherited_to_projects"
        Authenticated Iam assignments::list(Scope::Domain, Subject::Agency);

    POST "/v3.0/OS-AGENCY/agencies" Authenticated Keystone agencies::create();
    GET "/v3.0/OS-AGENCY/agencies" Authenticated Keystone agencies::list();
    GET "/v3.0/OS-AGENCY/agencies/{}" Authenticated Keystone agencies::read();
    PUT "/v3.0/OS-AGENCY/agencies/{}" Authenticated Keystone agencies::update();
    DELETE "/v3.0/OS-AGENCY/agencies/{}" Authenticated Keystone agencies::delete();

    POST "/v3/projects" Authenticated Keystone projects::create();
    GET "/v3/projects" Authenticated Keystone projects::list();
    GET "/v3/projects/{}" Authenticated Keystone projects::read();
    PATCH "/v3/projects/{}" Authenticated Keystone projects::update();
    DELETE "/v3/projects/{}" Authenticated Keystone projects::delete();

    GET "/v5/caller-identity" Authenticated V5 v5::sessions::caller_identity();
    POST "/v5/agencies/assume" Authenticated V5 v5::sessions::assume_agency();
    POST "/v5/caller-password" Authenticated V5 v5::users::password();
    POST "/v5/users" Authenticated V5 v5::users::create();
    GET "/v5/users" Authenticated V5 v5::users::list();
    GET "/v5/users/{}" Authenticated V5 v5::users::read();
    PUT "/v5/users/{}" Authenticated V5 v5::users::update();
    DELETE "/v5/users/{}" Authenticated V5 v5::users::delete();
    POST "/v5/users/{}/login-profile" Authenticated V5 v5::login_profiles::create();
    GET "/v5/users/{}/login-profile" Authenticated V5 v5::login_profiles::read();
    PUT "/v5/users/{}/login-profile" Authenticated V5 v5::login_profiles::update();
    DELETE "/v5/users/{}/login-profile" Authenticated V5 v5::login_profiles::delete();
    POST "/v5/users/{}/access-keys" Authenticated V5 v5::access_keys::create();
    GET "/v5/users/{}/access-keys" Authenticated V5 v5::access_keys::list();
    PUT "/v5/users/{}/access-keys/{}" Authenticated V5 v5::access_keys::update();
    DELETE "/v5/users/{}/access-keys/{}" Authenticated V5 v5::access_keys::delete();
    GET "/v5/users/{}/access-keys/{}/last-used" Authenticated V5 v5::access_keys::last_used();
    GET "/v5/users/{}/attached-policies" Authenticated V5 attachments::of(To::User);

    POST "/v5/groups" Authenticated V5 v5::groups::create();
    GET "/v5/groups" Authenticated V5 v5::groups::list();
    GET "/v5/groups/{}" Authenticated V5 v5::groups::read();
    PUT "/v5/groups/{}" Authenticated V5 v5::groups::update();
    DELETE "/v5/groups/{}" Authenticated V5 v5::groups::delete();
    POST "/v5/groups/{}/add-user" Authenticated V5 v5::groups::add_user();
    POST "/v5/groups/{}/remove-user" Authenticated V5 v5::groups::remove_user();
    GET "/v5/groups/{}/attached-policies" Authenticated V5 attachments::of(To::Group);

    POST "/v5/policies" Authenticated V5 v5::policies::create();
    GET "/v5/policies" Authenticated V5 v5::policies::list();
    GET "/v5/policies/{}" Authenticated V5 v5::policies::read();
    PUT "/v5/policies/{}" Authenticated V5 v5::policies::update();
    DELETE "/v5/policies/{}" Authenticated V5 v5::policies::delete();
    POST "/v5/policies/{}/versions" Authenticated V5 v5::versions::create();
    GET "/v5/policies/{}/versions" Authenticated V5 v5::versions::list();
    GET "/v5/policies/{}/versions/{}" Authenticated V5 v5::versions::read();
    DELETE "/v5/policies/{}/versions/{}" Authenticated V5 v5::versions::delete();
    POST "/v5/policies/{}/versions/{}/set-default" Authenticated V5 v5::versions::set_default();
    POST "/v5/policies/{}/attach-user" Authenticated V5 attachments::attach(To::User);
    POST "/v5/policies/{}/attach-group" Authenticated V5 attachments::attach(To::Group);
    POST "/v5/policies/{}/attach-agency" Authenticated V5 attachments::attach(To::Agency);
    POST "/v5/policies/{}/detach-user" Authenticated V5 attachments::detach(To::User);
    POST "/v5/policies/{}/detach-group" Authenticated V5 attachments::detach(To::Group);
    POST "/v5/policies/{}/detach-agency" Authenticated V5 attachments::detach(To::Agency);
    GET "/v5/policies/{}/attached-entities" Authenticated V5 attachments::entities();

    POST "/v5/agencies" Authenticated V5 v5::agencies::create();
    GET "/v5/agencies" Authenticated V5 v5::agencies::list();
    GET "/v5/agencies/{}" Authenticated V5 v5::agencies::read();
    PUT "/v5/agencies/{}" Authenticated V5 v5::agencies::update();
    PUT "/v5/agencies/{}/trust-policy" Authenticated V5 v5::agencies::update_trust();
    DELETE "/v5/agencies/{}" Authenticated V5 v5::agencies::delete();
    GET "/v5/agencies/{}/attached-policies" Authenticated V5 attachments::of(To::Agency);
}
