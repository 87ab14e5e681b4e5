//! From the ACL that a request gives to the one that is stored: who is meant, who owns, and what the bucket takes.

use crate::Fail;
use crate::api::{AclChoice, AclOutcome, GrantChoice, GranteeChoice, RequestContext, Tags};
use crate::api::{OBJECT_TAGS_MAX, TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX};
use crate::authorize::request_tags;
use crate::registry::Bucket;
use crate::service::ObjectService;
use model::{AccountId, ObjectName};
use policy::{
    Acl, Action, BucketRules, CannedAcl, GRANTS_MAX, Grant, Grantee, Ownership, Permission, PublicAccessBlock,
};

/// Whom a new object belongs to and what goes with it.
pub(crate) struct NewObject {
    pub(crate) owner: AccountId,
    pub(crate) acl: Option<Acl>,
    pub(crate) tags: Tags,
}

/// Whose ACL is given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Bucket,
    Object,
}

impl ObjectService {
    /// Asks everything that writing a new object takes: PutObject, and PutObjectAcl and PutObjectTagging where the request
    /// gives an ACL or tags.
    pub(crate) fn admit_write(
        &self,
        cx: &RequestContext,
        bucket: &Bucket,
        name: &ObjectName,
        acl: Option<&AclChoice>,
        tags: Tags,
    ) -> Result<NewObject, Fail> {
        let facts = request_tags(&tags);
        let proof = self.authorize_name(cx, Action::PutObject, bucket, name, &facts)?;
        if !tags.is_empty() {
            let _proof = self.authorize_name(cx, Action::PutObjectTagging, bucket, name, &facts)?;
        }
        drop(facts);
        let rules = &bucket.rules;
        // Nobody to give the object to: what the anonymous write belongs to the bucket's owner.
        let writer = proof.principal().account().unwrap_or(&rules.owner);
        let handed_over = acl == Some(&AclChoice::Canned(CannedAcl::BucketOwnerFullControl));
        let owner = match rules.ownership {
            Ownership::ObjectWriter => writer,
            Ownership::BucketOwnerPreferred if handed_over => &rules.owner,
            Ownership::BucketOwnerPreferred => writer,
            Ownership::BucketOwnerEnforced => &rules.owner,
        }
        .clone();
        let acl = match acl {
            None => None,
            Some(choice) => {
                // Whoever writes an object may say its ACL in the same breath, if their own account lets them. The
                // anonymous have none, and what they write is the bucket owner's: they may where the bucket's ACL lets
                // everybody write. A policy that lets them write says itself whether they may say ACLs.
                let by_acl = cx.principal.is_anonymous() && everybody_writes_by_acl(rules);
                let in_the_same_breath = by_acl.then(|| Acl {
                    grants: vec![Grant {
                        grantee: Grantee::AllUsers,
                        permission: Permission::WriteAcp,
                        delivered: false,
                    }],
                });
                let acl = in_the_same_breath.as_ref();
                let _proof = self.authorize_owned(cx, Action::PutObjectAcl, bucket, name, writer, acl, &[])?;
                self.resolve(choice, On::Object, &owner, rules)?
            }
        };
        check_tags(&tags)?;
        Ok(NewObject { owner, acl, tags })
    }

    /// The ACL that a choice stands for, as it is stored: `None` is the owner's grant alone. Refuses what the bucket does
    /// not take.
    pub(crate) fn resolve(
        &self,
        choice: &AclChoice,
        on: On,
        owner: &AccountId,
        rules: &BucketRules,
    ) -> Result<Option<Acl>, Fail> {
        let acl = match choice {
            AclChoice::Canned(canned) => {
                let elsewhere = match canned {
                    CannedAcl::LogDeliveryWrite
                    | CannedAcl::PublicReadDelivered
                    | CannedAcl::PublicReadWriteDelivered => on == On::Object,
                    _ => false,
                };
                if elsewhere {
                    let message = "This canned ACL is for buckets only.".to_owned();
                    return Err(Fail::InvalidArgument { name: "acl", message });
                }
                canned.expand(owner, &rules.owner)
            }
            AclChoice::Explicit(grants) if grants.len() > GRANTS_MAX => {
                return Err(Fail::MalformedAcl("An ACL has at most 100 grants."));
            }
            AclChoice::Explicit(grants) => {
                Acl { grants: grants.iter().map(|grant| self.resolve_grant(grant, on)).collect::<Result<_, Fail>>()? }
            }
        };
        if rules.ownership == Ownership::BucketOwnerEnforced {
            return if is_owners_alone(&acl, &rules.owner) { Ok(None) } else { Err(Fail::AclNotSupported) };
        }
        if rules.block.block_public_acls && acl.is_public() {
            return Err(Fail::AccessDenied);
        }
        Ok(if is_owners_alone(&acl, owner) { None } else { Some(acl) })
    }

    fn resolve_grant(&self, grant: &GrantChoice, on: On) -> Result<Grant, Fail> {
        let grantee = match &grant.grantee {
            GranteeChoice::Known(Grantee::Account(id)) if !self.accounts.exists(id) => {
                return Err(Fail::UnknownGrantee);
            }
            GranteeChoice::Known(grantee) => grantee.clone(),
            GranteeChoice::Email(email) => {
                Grantee::Account(self.accounts.by_email(email).ok_or(Fail::UnresolvableGrantByEmail)?)
            }
        };
        Ok(Grant { grantee, permission: grant.permission, delivered: grant.delivered && on == On::Bucket })
    }

    /// An ACL as it is shown.
    pub(crate) fn show_acl(&self, owner: &AccountId, acl: Option<&Acl>, rules: &BucketRules) -> AclOutcome {
        let acl = match acl {
            Some(acl) if rules.ownership != Ownership::BucketOwnerEnforced => acl.clone(),
            _ => owners_alone(owner),
        };
        let mut names: Vec<(AccountId, String)> = Vec::new();
        let mentioned = acl.grants.iter().filter_map(|grant| match &grant.grantee {
            Grantee::Account(account) => Some(account),
            _ => None,
        });
        for account in std::iter::once(owner).chain(mentioned) {
            if !names.iter().any(|(known, _)| known == account)
                && let Some(name) = self.accounts.display_name(account)
            {
                names.push((account.clone(), name));
            }
        }
        AclOutcome { owner: owner.clone(), acl, names }
    }
}

/// Whether the bucket's ACL lets the anonymous write objects.
fn everybody_writes_by_acl(rules: &BucketRules) -> bool {
    let writes = |permission| matches!(permission, Permission::Write | Permission::FullControl);
    rules.ownership != Ownership::BucketOwnerEnforced
        && !rules.block.ignore_public_acls
        && rules.acl.grants.iter().any(|grant| grant.grantee == Grantee::AllUsers && writes(grant.permission))
}

/// The ACL that grants everything to the owner and nothing to anybody else.
pub(crate) fn owners_alone(owner: &AccountId) -> Acl {
    CannedAcl::Private.expand(owner, owner)
}

/// Whether an ACL says what having none says.
pub(crate) fn is_owners_alone(acl: &Acl, owner: &AccountId) -> bool {
    let mine = |grant: &Grant| grant.grantee == Grantee::Account(owner.clone());
    matches!(&acl.grants[..], [grant] if mine(grant) && grant.permission == Permission::FullControl)
}

/// A block joined with the server's: what either blocks is blocked.
pub(crate) fn join_block(own: Option<PublicAccessBlock>, server_wide: bool) -> PublicAccessBlock {
    let own = own.unwrap_or_default();
    PublicAccessBlock {
        block_public_acls: own.block_public_acls || server_wide,
        ignore_public_acls: own.ignore_public_acls || server_wide,
        block_public_policy: own.block_public_policy || server_wide,
        restrict_public_buckets: own.restrict_public_buckets || server_wide,
    }
}

/// Refuses tags that are too many, too long or named twice.
pub(crate) fn check_tags(tags: &Tags) -> Result<(), Fail> {
    let refuse = |why: &str| Err(Fail::InvalidTag(why.to_owned()));
    if tags.len() > OBJECT_TAGS_MAX {
        return refuse("Object tags cannot be greater than 10");
    }
    for (index, (key, value)) in tags.iter().enumerate() {
        if key.is_empty() || key.chars().count() > TAG_KEY_CHARS_MAX {
            return refuse("The TagKey you have provided is invalid");
        }
        if value.chars().count() > TAG_VALUE_CHARS_MAX {
            return refuse("The TagValue you have provided is invalid");
        }
        if tags[..index].iter().any(|(other, _)| other == key) {
            return refuse("Cannot provide multiple Tags with the same key");
        }
    }
    Ok(())
}
