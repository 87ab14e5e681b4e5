//! The routes of the admin API. This table is all there is.

use crate::query::percent_decode;
use http::Method;

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    CreateAccount,
    ListAccounts,
    GetAccount,
    UpdateAccount,
    DeleteAccount,
    UpdateUser,
    RevokeUserSessions,
    RevokeRoleSessions,
    RotateTokenKey,
    Explain,
    Inventory,
    KeyImpact,
    KeyUsage,
    RequestUsage,
    StorageUsage,
    BucketKeyUsage,
    ChangeRootKey,
    BackUpKeys,
    StartRewrap,
    ListRewraps,
    GetRewrap,
    StopRewrap,
    ResumeRewrap,
}

/// Method, path below `/admin/v1/`, operation. `*` stands for a name, percent-encoded; there is at most one.
pub(super) const ROUTES: &[(&str, &str, Operation)] = &[
    ("POST", "accounts", Operation::CreateAccount),
    ("GET", "accounts", Operation::ListAccounts),
    ("GET", "accounts/*", Operation::GetAccount),
    ("PATCH", "accounts/*", Operation::UpdateAccount),
    ("DELETE", "accounts/*", Operation::DeleteAccount),
    ("PATCH", "users/*", Operation::UpdateUser),
    ("POST", "users/*/revoke-sessions", Operation::RevokeUserSessions),
    ("POST", "roles/*/revoke-sessions", Operation::RevokeRoleSessions),
    ("POST", "token-key/rotate", Operation::RotateTokenKey),
    ("POST", "explain", Operation::Explain),
    ("GET", "buckets/*/inventory", Operation::Inventory),
    ("GET", "kms/keys/*/impact", Operation::KeyImpact),
    ("GET", "kms/usage", Operation::KeyUsage),
    ("GET", "usage/requests", Operation::RequestUsage),
    ("GET", "usage/storage", Operation::StorageUsage),
    ("GET", "usage/bucket-keys", Operation::BucketKeyUsage),
    ("POST", "kms/root/rewrap", Operation::ChangeRootKey),
    ("POST", "kms/backup", Operation::BackUpKeys),
    ("POST", "rewrap", Operation::StartRewrap),
    ("GET", "rewrap", Operation::ListRewraps),
    ("GET", "rewrap/*", Operation::GetRewrap),
    ("POST", "rewrap/*/stop", Operation::StopRewrap),
    ("POST", "rewrap/*/resume", Operation::ResumeRewrap),
];

const PREFIX: &str = "/admin/v1/";

/// A route that was found, and the name in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) operation: Operation,
    /// Empty for a route without a name.
    pub(super) named: String,
}

/// Why none was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoute {
    /// No route has this path.
    Path,
    /// There are routes of this path, for other methods.
    Method,
}

impl Route {
    /// The route of a request.
    pub(super) fn find(method: &Method, path: &str) -> Result<Self, NoRoute> {
        let path = path.strip_prefix(PREFIX).ok_or(NoRoute::Path)?;
        let mut found = NoRoute::Path;
        for (of, pattern, operation) in ROUTES {
            let Some(named) = matched(pattern, path) else { continue };
            if method.as_str() == *of {
                return Ok(Self { operation: *operation, named });
            }
            found = NoRoute::Method;
        }
        Err(found)
    }
}

/// The name in a path that fits the pattern; an empty one where the pattern has none.
fn matched(pattern: &str, path: &str) -> Option<String> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut named = String::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(named),
            (Some("*"), Some(text)) => {
                let decoded = percent_decode(text, false).ok()?.into_owned();
                named = String::from_utf8(decoded).ok().filter(|name| !name.is_empty())?;
            }
            (Some(word), Some(text)) if word == text => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: &str, path: &str) -> Result<(Operation, String), NoRoute> {
        Route::find(&method.parse().unwrap(), path).map(|route| (route.operation, route.named))
    }

    #[test]
    fn routes_are_found_by_method_and_whole_path() {
        assert_eq!(find("POST", "/admin/v1/accounts"), Ok((Operation::CreateAccount, String::new())));
        assert_eq!(find("GET", "/admin/v1/accounts/a%20b"), Ok((Operation::GetAccount, "a b".to_owned())));
        assert_eq!(find("GET", "/admin/v1/accounts/a%2Fb"), Ok((Operation::GetAccount, "a/b".to_owned())));
        let revoke = find("POST", "/admin/v1/roles/deploy/revoke-sessions");
        assert_eq!(revoke, Ok((Operation::RevokeRoleSessions, "deploy".to_owned())));
        for path in
            ["accounts/", "accounts//", "accounts/a/b", "account", "", "accounts/%ff", "accounts/%", "../v1/accounts"]
        {
            assert_eq!(find("GET", &format!("/admin/v1/{path}")), Err(NoRoute::Path), "{path}");
        }
        assert_eq!(find("PUT", "/admin/v1/accounts"), Err(NoRoute::Method));
        assert_eq!(find("POST", "/admin/v1/accounts/a"), Err(NoRoute::Method));
    }
}
