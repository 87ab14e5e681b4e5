//! ACLs of buckets and objects, by headers or as a document in either vocabulary (obs-api §5.6): OBS's grantees are `ID` and
//! `Canned`, S3's have a type.

use super::grants::On;
use super::{Call, arguments, grants};
use crate::dialect::Dialect;
use crate::errors::{Refusal, WireFault};
use crate::reply::Reply;
use crate::xml::{Element, XmlWriter};
use bytes::Bytes;
use http::StatusCode;
use model::AccountId;
use objects::Fail;
use objects::api::{AclChoice, AclOutcome, GrantChoice, GranteeChoice, PutAcl};
use policy::{Action, GRANTS_MAX, Grant, Grantee, Permission};

const ROOT: &str = "AccessControlPolicy";

/// OBS's words for groups. The protocol names the first alone; the others have no word of their own there.
const CANNED_GRANTEES: [(&str, Grantee); 3] = [
    ("Everyone", Grantee::AllUsers),
    ("AuthenticatedUsers", Grantee::AuthenticatedUsers),
    ("LogDelivery", Grantee::LogDelivery),
];

const PERMISSIONS: [(&str, Permission); 5] = [
    ("READ", Permission::Read),
    ("WRITE", Permission::Write),
    ("READ_ACP", Permission::ReadAcp),
    ("WRITE_ACP", Permission::WriteAcp),
    ("FULL_CONTROL", Permission::FullControl),
];

pub(super) async fn get_bucket(call: Call<'_>) -> Result<Reply, Refusal> {
    let outcome = call.gateway.objects.get_bucket_acl(&call.cx, call.bucket()?).await?;
    Ok(Reply::xml(StatusCode::OK, write(call.dialect, &outcome, On::Bucket)))
}

pub(super) async fn get_object(call: Call<'_>) -> Result<Reply, Refusal> {
    let version = match arguments::version(&call.query) {
        Ok(version) => version,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let (bucket, name) = call.object()?;
    let outcome = call.gateway.objects.get_object_acl(&call.cx, bucket, name, version).await?;
    Ok(Reply::xml(StatusCode::OK, write(call.dialect, &outcome, On::Object)))
}

pub(super) async fn put_bucket(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let bucket = call.bucket()?.clone();
    call.gateway.objects.authorize_on_bucket(&call.cx, &bucket, Action::PutBucketAcl).await?;
    let request = lower(&mut call, On::Bucket).await?;
    call.gateway.objects.put_bucket_acl(&call.cx, &bucket, request).await?;
    Ok(Reply::ok())
}

pub(super) async fn put_object(mut call: Call<'_>) -> Result<Reply, Refusal> {
    let version = match arguments::version(&call.query) {
        Ok(version) => version,
        Err(refusal) => return Err(call.refuse(refusal).await),
    };
    let (bucket, name) = call.object()?;
    let (bucket, name) = (bucket.clone(), name.clone());
    let action = if version.is_some() { Action::PutObjectVersionAcl } else { Action::PutObjectAcl };
    call.gateway.objects.authorize_on_object(&call.cx, &bucket, &name, version, action).await?;
    let request = lower(&mut call, On::Object).await?;
    call.gateway.objects.put_object_acl(&call.cx, &bucket, &name, version, request).await?;
    Ok(Reply::ok())
}

/// The headers or the document: one of them, since the other would be dropped.
async fn lower(call: &mut Call<'_>, on: On) -> Result<PutAcl, Refusal> {
    let headers = grants::of_headers(&call.view, on)?;
    let document = call.document(call.gateway.config.limits.document_bytes_max, true).await?;
    match headers {
        Some(_) if !document.bytes.is_empty() => {
            Err(WireFault::InvalidRequest("An ACL is given by headers or by a document, not by both.").into())
        }
        Some(acl) => Ok(PutAcl { owner: None, acl }),
        None if document.bytes.is_empty() => Err(WireFault::MissingAcl.into()),
        None => {
            let root = document.parse(&[ROOT]).map_err(|_| malformed("The ACL is not well-formed."))?;
            read(call.dialect, &root)
        }
    }
}

fn malformed(why: &'static str) -> Refusal {
    Fail::MalformedAcl(why).into()
}

/// Reads a document. Elements that mean nothing to us would be grants we do not know: they are refused.
fn read(dialect: &'static Dialect, root: &Element) -> Result<PutAcl, Refusal> {
    let one = |parent: &'_ Element, name: &str| -> Result<Option<String>, Refusal> {
        let element = parent.one(name).map_err(|_| malformed("An element stands twice."))?;
        Ok(element.map(|element| element.word().to_owned()))
    };
    let owner = match root.one("Owner").map_err(|_| malformed("There are two owners."))? {
        None => None,
        Some(owner) => match one(owner, "ID")? {
            None => return Err(malformed("The owner has no ID.")),
            Some(id) => Some(AccountId::parse(&id).ok_or(Fail::UnknownGrantee)?),
        },
    };
    let list = root.one("AccessControlList").ok().flatten().ok_or_else(|| malformed("There is no list of grants."))?;
    let mut all = Vec::new();
    for element in list.children() {
        if element.name() != "Grant" {
            return Err(malformed("The list holds something else than grants."));
        }
        if all.len() == GRANTS_MAX {
            return Err(malformed("An ACL has at most 100 grants."));
        }
        let grantee = element.one("Grantee").ok().flatten().ok_or_else(|| malformed("A grant names one grantee."))?;
        let permission = one(element, "Permission")?.unwrap_or_default();
        let permission = PERMISSIONS
            .iter()
            .find_map(|(word, permits)| (*word == permission).then_some(*permits))
            .ok_or_else(|| malformed("A permission is READ, WRITE, READ_ACP, WRITE_ACP or FULL_CONTROL."))?;
        let delivered = match one(element, "Delivered")?.as_deref() {
            None | Some("false" | "") => false,
            Some("true") if dialect.speaks_to_obs_clients() => true,
            Some("true") => return Err(malformed("Grants are delivered in the OBS dialect only.")),
            Some(_) => return Err(malformed("Delivered is true or false.")),
        };
        all.push(GrantChoice { grantee: read_grantee(grantee)?, permission, delivered });
    }
    Ok(PutAcl { owner, acl: AclChoice::Explicit(all) })
}

fn read_grantee(grantee: &Element) -> Result<GranteeChoice, Refusal> {
    let mut found = None;
    for element in grantee.children() {
        let choice = match element.name() {
            "DisplayName" => continue,
            "ID" => grants::account(element.word())?,
            "URI" => grants::group(element.word())?,
            "EmailAddress" => GranteeChoice::Email(element.word().to_owned()),
            "Canned" => {
                let known = CANNED_GRANTEES.iter().find(|(word, _)| *word == element.word());
                let (_, grantee) = known.ok_or_else(|| malformed("There is no such canned grantee."))?;
                GranteeChoice::Known(grantee.clone())
            }
            _ => return Err(malformed("A grantee is an ID, a URI, an EmailAddress or Canned.")),
        };
        if found.replace(choice).is_some() {
            return Err(malformed("A grant names one grantee."));
        }
    }
    found.ok_or_else(|| malformed("A grant names one grantee."))
}

/// The document, in the dialect's words.
fn write(dialect: &'static Dialect, outcome: &AclOutcome, on: On) -> Bytes {
    let mut out = XmlWriter::new(ROOT, Some(dialect.namespace));
    out.open("Owner");
    write_account(&mut out, dialect, outcome, &outcome.owner);
    out.close();
    if dialect.is_obs() && on == On::Object {
        out.value("Delivered", false);
    }
    out.open("AccessControlList");
    // Groups first: clients that sort the grants by name take those without one where they stand.
    let (groups, accounts): (Vec<_>, Vec<_>) =
        outcome.acl.grants.iter().partition(|grant| !matches!(grant.grantee, Grantee::Account(_)));
    for grant in groups.into_iter().chain(accounts) {
        out.open("Grant");
        write_grantee(&mut out, dialect, outcome, grant);
        let word = PERMISSIONS.iter().find(|(_, permission)| *permission == grant.permission).map(|(word, _)| *word);
        out.leaf("Permission", word.unwrap_or_default());
        if dialect.is_obs() && on == On::Bucket {
            out.value("Delivered", grant.delivered);
        }
        out.close();
    }
    out.finish()
}

fn write_grantee(out: &mut XmlWriter, dialect: &'static Dialect, outcome: &AclOutcome, grant: &Grant) {
    let group = match &grant.grantee {
        Grantee::Account(account) => {
            if dialect.is_obs() {
                out.open("Grantee");
            } else {
                out.open_typed("Grantee", "CanonicalUser");
            }
            write_account(out, dialect, outcome, account);
            out.close();
            return;
        }
        Grantee::AllUsers => grants::ALL_USERS,
        Grantee::AuthenticatedUsers => grants::AUTHENTICATED_USERS,
        Grantee::LogDelivery => grants::LOG_DELIVERY,
    };
    if dialect.is_obs() {
        let word = CANNED_GRANTEES.iter().find(|(_, grantee)| *grantee == grant.grantee).map(|(word, _)| *word);
        out.open("Grantee");
        out.leaf("Canned", word.unwrap_or_default());
    } else {
        out.open_typed("Grantee", "Group");
        out.leaf("URI", group);
    }
    out.close();
}

fn write_account(out: &mut XmlWriter, dialect: &'static Dialect, outcome: &AclOutcome, account: &AccountId) {
    out.leaf("ID", account.as_str());
    if dialect.owner_display_name {
        out.leaf("DisplayName", outcome.name_of(account).unwrap_or(account.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::XmlLimits;
    use policy::Acl;

    const A: &str = "0123456789abcdef0123456789abcdef";

    fn parse(grants: &str) -> Result<PutAcl, Refusal> {
        let text = format!(
            "<AccessControlPolicy><Owner><ID>{A}</ID></Owner><AccessControlList>{grants}</AccessControlList>\
             </AccessControlPolicy>"
        );
        read(Dialect::OBS, &Element::parse(text.as_bytes(), &XmlLimits::default()).unwrap())
    }

    fn account() -> AccountId {
        AccountId::parse(A).unwrap()
    }

    fn outcome() -> AclOutcome {
        let grant = |grantee, permission, delivered| Grant { grantee, permission, delivered };
        AclOutcome {
            owner: account(),
            acl: Acl {
                grants: vec![
                    grant(Grantee::Account(account()), Permission::FullControl, false),
                    grant(Grantee::AllUsers, Permission::Read, true),
                    grant(Grantee::AuthenticatedUsers, Permission::WriteAcp, false),
                ],
            },
            names: vec![(account(), "alice".into())],
        }
    }

    #[test]
    fn what_is_written_is_read_in_either_vocabulary() {
        for dialect in [Dialect::S3, Dialect::OBS] {
            for on in [On::Bucket, On::Object] {
                let bytes = write(dialect, &outcome(), on);
                let put = read(dialect, &Element::parse(&bytes, &XmlLimits::default()).unwrap()).unwrap();
                assert_eq!(put.owner, Some(account()));
                let AclChoice::Explicit(grants) = put.acl else { panic!("grants") };
                let mut expected = outcome().acl.grants;
                // The account's grant was the first; groups are written before accounts.
                expected.rotate_left(1);
                assert_eq!(grants.len(), expected.len());
                for (choice, grant) in grants.iter().zip(&expected) {
                    assert_eq!(choice.grantee, GranteeChoice::Known(grant.grantee.clone()));
                    assert_eq!(choice.permission, grant.permission);
                    assert_eq!(choice.delivered, grant.delivered && dialect.is_obs() && on == On::Bucket);
                }
            }
        }
    }

    #[test]
    fn the_words_of_each_dialect() {
        let text = |dialect, on| String::from_utf8(write(dialect, &outcome(), on).to_vec()).unwrap();
        let s3 = text(Dialect::S3, On::Bucket);
        assert!(s3.contains(&format!("<Owner><ID>{A}</ID><DisplayName>alice</DisplayName></Owner>")), "{s3}");
        assert!(s3.contains(
            "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"Group\"><URI>http://acs.\
             amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission></Grant>"
        ));
        assert!(!s3.contains("Delivered"));
        let obs = text(Dialect::OBS, On::Bucket);
        let delivering = Element::parse(obs.as_bytes(), &XmlLimits::default()).unwrap();
        assert!(read(Dialect::S3_OF_OBS_CLIENTS, &delivering).is_ok());
        assert!(matches!(read(Dialect::S3, &delivering), Err(Refusal::Fail(Fail::MalformedAcl(_)))));
        assert!(
            obs.contains("<Grantee><Canned>Everyone</Canned></Grantee><Permission>READ</Permission><Delivered>true")
        );
        assert!(!obs.contains("DisplayName") && !obs.contains("xsi"), "{obs}");
        assert!(text(Dialect::OBS, On::Object).contains("</Owner><Delivered>false</Delivered><AccessControlList>"));
    }

    #[test]
    fn grantees_of_both_vocabularies() {
        let grantee = |xml: &str| {
            let put = parse(&format!("<Grant><Grantee>{xml}</Grantee><Permission>READ</Permission></Grant>"))?;
            let AclChoice::Explicit(mut grants) = put.acl else { panic!("grants") };
            Ok::<_, Refusal>(grants.remove(0).grantee)
        };
        assert_eq!(grantee("<Canned>Everyone</Canned>").unwrap(), GranteeChoice::Known(Grantee::AllUsers));
        assert_eq!(
            grantee(&format!("<URI>{}</URI>", grants::AUTHENTICATED_USERS)).unwrap(),
            GranteeChoice::Known(Grantee::AuthenticatedUsers)
        );
        assert_eq!(grantee("<EmailAddress>a@b</EmailAddress>").unwrap(), GranteeChoice::Email("a@b".into()));
        for bad in [
            "",
            "<Canned>Nobody</Canned>",
            "<URI>http://elsewhere/</URI>",
            "<Canned>Everyone</Canned><Canned>Everyone</Canned>",
            "<Everyone/>",
            "<ID>a b</ID>",
        ] {
            assert!(grantee(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn malformed_documents() {
        let everyone = "<Grantee><Canned>Everyone</Canned></Grantee>";
        for bad in [
            format!("<Grant>{everyone}</Grant>"),
            format!("<Grant>{everyone}<Permission>read</Permission></Grant>"),
            format!("<Grant>{everyone}{everyone}<Permission>READ</Permission></Grant>"),
            format!("<Grant>{everyone}<Permission>READ</Permission><Delivered>yes</Delivered></Grant>"),
            "<Grant><Permission>READ</Permission></Grant>".to_owned(),
            "<Deny/>".to_owned(),
            format!("<Grant>{everyone}<Permission>READ</Permission></Grant>").repeat(101),
        ] {
            assert!(matches!(parse(&bad), Err(Refusal::Fail(Fail::MalformedAcl(_)))), "{bad}");
        }
        assert!(matches!(parse("").unwrap().acl, AclChoice::Explicit(grants) if grants.is_empty()));
    }
}
