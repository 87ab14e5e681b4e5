//! What requests say about access: ACLs, policies, public access, ownership and tags.

use model::{AccountId, VersionId};
use policy::{Acl, BucketRules, CannedAcl, Grantee, Ownership, Permission};
use std::sync::Arc;

/// What the operator decides about access for all buckets.
#[derive(Clone, Copy, Debug, Default)]
pub struct AccessConfig {
    /// The ownership of buckets that set none.
    pub default_ownership: Ownership,
    /// Every bucket is treated as if its block on public access were wholly on.
    pub block_public_access: bool,
}

/// What this room asks of the directory of accounts. Works in memory.
pub trait AccountNames: Send + Sync + 'static {
    /// Whether there is such an account. Grants to others are refused.
    fn exists(&self, account: &AccountId) -> bool;

    /// The account's name as lists of grants show it.
    fn display_name(&self, account: &AccountId) -> Option<String>;

    /// The account with this e-mail address.
    fn by_email(&self, email: &str) -> Option<AccountId>;
}

/// Knows no names and takes every account for one that exists: for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnyAccount;

impl AccountNames for AnyAccount {
    fn exists(&self, _: &AccountId) -> bool {
        true
    }

    fn display_name(&self, _: &AccountId) -> Option<String> {
        None
    }

    fn by_email(&self, _: &str) -> Option<AccountId> {
        None
    }
}

/// The ACL that a request gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AclChoice {
    /// A ready-made one.
    Canned(CannedAcl),
    /// These grants and no others: from headers or a document.
    Explicit(Vec<GrantChoice>),
}

/// A grant as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantChoice {
    /// To whom.
    pub grantee: GranteeChoice,
    /// What.
    pub permission: Permission,
    /// OBS: a bucket's grant that counts for its objects as well. Ignored on objects.
    pub delivered: bool,
}

/// A grantee as a request names it. Who it is is looked up after the requester's right was checked, so that nobody else
/// learns which accounts exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GranteeChoice {
    /// An account or a group.
    Known(Grantee),
    /// The account with this e-mail address.
    Email(String),
}

/// PutBucketAcl and PutObjectAcl.
#[derive(Clone, Debug)]
pub struct PutAcl {
    /// The owner as the document names it. It cannot be changed: another one is refused.
    pub owner: Option<AccountId>,
    /// The new ACL.
    pub acl: AclChoice,
}

/// GetBucketAcl's and GetObjectAcl's answer.
#[derive(Clone, Debug)]
pub struct AclOutcome {
    /// Who owns the bucket or object.
    pub owner: AccountId,
    /// The ACL in force.
    pub acl: Acl,
    /// Names of the accounts that occur in it, as far as they have any.
    pub names: Vec<(AccountId, String)>,
}

impl AclOutcome {
    /// The name of an account that occurs here.
    pub fn name_of(&self, account: &AccountId) -> Option<&str> {
        self.names.iter().find(|(id, _)| id == account).map(|(_, name)| name.as_str())
    }
}

/// PutBucketPolicy.
#[derive(Clone, Debug)]
pub struct PutBucketPolicy {
    /// The document, kept to the byte.
    pub text: String,
    /// Whether the policy may also take from the owner's root identity the right to read, set and remove the policy.
    pub confirm_remove_self: bool,
}

/// Object tags: pairs of key and value, in the order given.
pub type Tags = Vec<(String, String)>;

/// Most tags of an object.
pub const OBJECT_TAGS_MAX: usize = 10;
/// Longest key of an object tag, in characters.
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// Longest value of an object tag, in characters.
pub const TAG_VALUE_CHARS_MAX: usize = 256;

/// The tags of a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CopyTags {
    /// What the dialect does by itself ([`DialectRules::copy_tags_by_default`](super::DialectRules)).
    #[default]
    Default,
    /// The source's.
    Copy,
    /// These.
    Replace(Tags),
}

/// GetObjectTagging's answer.
#[derive(Clone, Debug)]
pub struct TagsOutcome {
    /// The tags.
    pub tags: Tags,
    /// The version; `None` while versioning was never enabled on the bucket.
    pub version: Option<VersionId>,
}

/// What a decision about a bucket or an object depends on, for explanations.
#[derive(Clone, Debug)]
pub struct AccessInputs {
    /// The bucket's rules.
    pub rules: Arc<BucketRules>,
    /// The object, if one was named and exists.
    pub object: Option<ObjectAccess>,
}

/// What an object says about who may touch it.
#[derive(Clone, Debug)]
pub struct ObjectAccess {
    /// Its owner.
    pub owner: AccountId,
    /// Its ACL; `None`: only its owner's account.
    pub acl: Option<Acl>,
    /// Its tags.
    pub tags: Tags,
}
