//! The ACL that a request's headers give: a ready-made one, or grants (obs-api §5.1, §6.1). Who is meant is looked up by the
//! operation, after rights were asked for.

use crate::dialect::HeaderView;
use crate::errors::{Refusal, WireFault};
use model::AccountId;
use objects::Fail;
use objects::api::{AclChoice, GrantChoice, GranteeChoice};
use policy::{CannedAcl, ConditionKey, GRANTS_MAX, Grantee, Permission};

/// URIs of groups, as S3 writes them.
pub(super) const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
pub(super) const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
pub(super) const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";

/// The headers of grants, behind their prefix: what each permits and whether it is handed on to objects.
const GRANTS: [(&str, Permission, bool); 7] = [
    ("read", Permission::Read, false),
    ("write", Permission::Write, false),
    ("read-acp", Permission::ReadAcp, false),
    ("write-acp", Permission::WriteAcp, false),
    ("full-control", Permission::FullControl, false),
    ("read-delivered", Permission::Read, true),
    ("full-control-delivered", Permission::FullControl, true),
];

/// What an ACL is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    Bucket,
    Object,
}

/// The condition key that a grant's header speaks for. Whether the grant is handed on to objects makes no difference: who
/// forbids a grant forbids the wider one as well.
pub(super) fn key_of(kind: &str) -> Option<ConditionKey> {
    let (_, permission, _) = GRANTS.iter().find(|(known, ..)| *known == kind)?;
    Some(match permission {
        Permission::Read => ConditionKey::GrantRead,
        Permission::Write => ConditionKey::GrantWrite,
        Permission::ReadAcp => ConditionKey::GrantReadAcp,
        Permission::WriteAcp => ConditionKey::GrantWriteAcp,
        Permission::FullControl => ConditionKey::GrantFullControl,
    })
}

/// Reads the ACL of the headers, if they give one. Each header may stand once: policies compare a value as a whole. What
/// is handed on to objects is OBS's alone, and said of buckets alone.
pub(super) fn of_headers(view: &HeaderView<'_>, on: On) -> Result<Option<AclChoice>, Refusal> {
    let names = view.names();
    let may_deliver = view.dialect().speaks_to_obs_clients();
    let canned = match view.one(names.acl)? {
        None => None,
        Some(name) => Some(
            CannedAcl::parse(name)
                .filter(|canned| may_deliver || !is_delivered(*canned))
                .ok_or_else(|| WireFault::argument(names.acl, "There is no canned ACL of this name."))?,
        ),
    };
    let known = |kind: &str| GRANTS.iter().any(|(name, _, delivered)| *name == kind && (may_deliver || !delivered));
    if let Some((kind, _)) = view.with_prefix(names.grant_prefix).find(|(kind, _)| !known(kind)) {
        let name = format!("{}{kind}", names.grant_prefix);
        return Err(WireFault::argument(name, "There is no grant of this name.").into());
    }
    let mut grants = Vec::new();
    let mut named = false;
    for (kind, permission, delivered) in GRANTS {
        let header = format!("{}{kind}", names.grant_prefix);
        let Some(text) = view.one(&header)? else { continue };
        if delivered && on == On::Object {
            return Err(WireFault::argument(header, "Only a bucket's grants are delivered to its objects.").into());
        }
        named = true;
        for grantee in text.split(',') {
            if grants.len() == GRANTS_MAX {
                return Err(Fail::MalformedAcl("An ACL has at most 100 grants.").into());
            }
            let grantee = grantee_of(grantee).ok_or_else(|| malformed(view, kind))??;
            grants.push(GrantChoice { grantee, permission, delivered });
        }
    }
    match (canned, named) {
        (Some(_), true) => {
            Err(WireFault::InvalidRequest("Specifying both Canned ACLs and Header Grants is not allowed").into())
        }
        (Some(canned), false) => Ok(Some(AclChoice::Canned(canned))),
        (None, true) => Ok(Some(AclChoice::Explicit(grants))),
        (None, false) => Ok(None),
    }
}

fn is_delivered(canned: CannedAcl) -> bool {
    matches!(canned, CannedAcl::PublicReadDelivered | CannedAcl::PublicReadWriteDelivered)
}

fn malformed(view: &HeaderView<'_>, kind: &str) -> Refusal {
    let name = format!("{}{kind}", view.names().grant_prefix);
    WireFault::argument(name, "Grantees are written id=…, uri=… or emailAddress=…, separated by commas.").into()
}

/// `id="…"`, `uri="…"`, `emailAddress="…"`; the quotes may be left out. `None`: not of this form.
fn grantee_of(text: &str) -> Option<Result<GranteeChoice, Fail>> {
    let blanks = [' ', '\t'];
    let (kind, value) = text.trim_matches(blanks).split_once('=')?;
    let value = value.trim_matches(blanks);
    let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    if value.is_empty() || value.contains('"') {
        return None;
    }
    match kind.trim_matches(blanks).to_ascii_lowercase().as_str() {
        "id" => Some(account(value)),
        "uri" => Some(group(value)),
        "emailaddress" => Some(Ok(GranteeChoice::Email(value.to_owned()))),
        _ => None,
    }
}

/// An account by its id.
pub(super) fn account(id: &str) -> Result<GranteeChoice, Fail> {
    AccountId::parse(id).map(|id| GranteeChoice::Known(Grantee::Account(id))).ok_or(Fail::UnknownGrantee)
}

/// A group by its URI.
pub(super) fn group(uri: &str) -> Result<GranteeChoice, Fail> {
    Ok(GranteeChoice::Known(match uri {
        ALL_USERS => Grantee::AllUsers,
        AUTHENTICATED_USERS => Grantee::AuthenticatedUsers,
        LOG_DELIVERY => Grantee::LogDelivery,
        _ => return Err(Fail::InvalidArgument { name: "uri", message: "Invalid group uri".to_owned() }),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::query::Query;
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn read(dialect: &'static Dialect, lines: &[(&str, &str)]) -> Result<Option<AclChoice>, Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        of_headers(&HeaderView::new(dialect, &map, &Query::default(), false).unwrap(), On::Bucket)
    }

    fn id(text: &str) -> GranteeChoice {
        GranteeChoice::Known(Grantee::Account(AccountId::parse(text).unwrap()))
    }

    #[test]
    fn canned_acls() {
        assert_eq!(read(Dialect::S3, &[]).unwrap(), None);
        let canned = |dialect, name, value| read(dialect, &[(name, value)]).unwrap();
        assert_eq!(canned(Dialect::S3, "x-amz-acl", "public-read"), Some(AclChoice::Canned(CannedAcl::PublicRead)));
        assert_eq!(
            canned(Dialect::OBS, "x-obs-acl", "public-read-delivered"),
            Some(AclChoice::Canned(CannedAcl::PublicReadDelivered))
        );
        for bad in ["", "Public-Read", "everything", "\u{a0}public-read", "public-read-delivered"] {
            assert!(read(Dialect::S3, &[("x-amz-acl", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn grants_as_clients_write_them() {
        let a = "0123456789abcdef0123456789abcdef";
        let lines = [
            ("x-amz-grant-read", format!("id=\"{a}\", uri=\"{ALL_USERS}\"")),
            ("x-amz-grant-write-acp", "emailAddress=\"a@example.com\"".to_owned()),
        ];
        let lines: Vec<(&str, &str)> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let Some(AclChoice::Explicit(grants)) = read(Dialect::S3, &lines).unwrap() else { panic!("grants") };
        let of = |grantee, permission| GrantChoice { grantee, permission, delivered: false };
        assert_eq!(
            grants,
            [
                of(id(a), Permission::Read),
                of(GranteeChoice::Known(Grantee::AllUsers), Permission::Read),
                of(GranteeChoice::Email("a@example.com".into()), Permission::WriteAcp),
            ]
        );
        let delivered = read(Dialect::OBS, &[("x-obs-grant-full-control-delivered", &format!("id={a},id={a}"))]);
        let Some(AclChoice::Explicit(grants)) = delivered.unwrap() else { panic!("grants") };
        assert!(grants.len() == 2 && grants.iter().all(|g| g.delivered && g.permission == Permission::FullControl));
    }

    #[test]
    fn delivered_grants_are_of_obs_and_of_buckets() {
        let value = format!("uri={ALL_USERS}");
        for kind in ["read-delivered", "full-control-delivered"] {
            let of = |dialect: &'static Dialect, on| {
                let mut map = HeaderMap::new();
                let name = format!("{}{kind}", dialect.names.grant_prefix);
                map.insert(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(&value).unwrap());
                of_headers(&HeaderView::new(dialect, &map, &Query::default(), false).unwrap(), on)
            };
            for dialect in [Dialect::OBS, Dialect::S3_OF_OBS_CLIENTS] {
                assert!(of(dialect, On::Bucket).is_ok(), "{kind}");
                let refused = of(dialect, On::Object);
                assert!(matches!(refused, Err(Refusal::Wire(WireFault::InvalidArgument { .. }))), "{kind}");
            }
            assert!(of(Dialect::S3, On::Bucket).is_err() && of(Dialect::S3, On::Object).is_err(), "{kind}");
        }
    }

    #[test]
    fn a_grant_header_stands_once() {
        let a = "id=0123456789abcdef0123456789abcdef";
        let lines = [("x-amz-grant-read", a), ("x-amz-grant-read", a)];
        assert!(read(Dialect::S3, &lines[..1]).is_ok());
        assert!(
            matches!(read(Dialect::S3, &lines), Err(Refusal::Wire(_))),
            "a second value is one policies may not see"
        );
    }

    #[test]
    fn what_grants_nothing_to_nobody_is_refused() {
        for value in ["", "id=", "a", "id=\"a", "name=x", "uri=http://elsewhere/", "id=../x", ",id=a"] {
            assert!(read(Dialect::S3, &[("x-amz-grant-read", value)]).is_err(), "{value}");
        }
        assert!(read(Dialect::S3, &[("x-amz-grant-everything", "id=a")]).is_err());
        let many = vec!["id=a"; 101].join(",");
        assert!(matches!(
            read(Dialect::S3, &[("x-amz-grant-read", &many)]),
            Err(Refusal::Fail(Fail::MalformedAcl(_) | Fail::UnknownGrantee))
        ));
        let both = read(Dialect::S3, &[("x-amz-acl", "private"), ("x-amz-grant-read", "uri=x")]);
        assert!(both.is_err());
    }
}
