//! Access control lists, ownership of objects, and the block on public access: what stands beside a bucket's policy.

use model::AccountId;

/// What a grant permits (obs-api §8.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// List the bucket; read the object.
    Read,
    /// Write and delete objects of the bucket. Means nothing on an object.
    Write,
    /// Read the ACL.
    ReadAcp,
    /// Write the ACL.
    WriteAcp,
    /// All four.
    FullControl,
}

/// To whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Grantee {
    /// An account.
    Account(AccountId),
    /// Everyone, the anonymous included (`AllUsers`, OBS `Everyone`).
    AllUsers,
    /// Whoever signed (`AuthenticatedUsers`).
    AuthenticatedUsers,
    /// The service that delivers logs. Nobody signs as it.
    LogDelivery,
}

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// To whom.
    pub grantee: Grantee,
    /// What.
    pub permission: Permission,
    /// OBS: a bucket's grant that counts for its objects as well.
    pub delivered: bool,
}

/// Most grants of one ACL (obs-api §5.6).
pub const GRANTS_MAX: usize = 100;

/// An access control list. The owner stands with the resource, not here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl {
    /// At most [`GRANTS_MAX`].
    pub grants: Vec<Grant>,
}

/// The ready-made ACLs of both protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CannedAcl {
    /// `private`
    Private,
    /// `public-read`
    PublicRead,
    /// `public-read-write`
    PublicReadWrite,
    /// `authenticated-read`
    AuthenticatedRead,
    /// `bucket-owner-read`, on objects
    BucketOwnerRead,
    /// `bucket-owner-full-control`, on objects
    BucketOwnerFullControl,
    /// `log-delivery-write`, on buckets
    LogDeliveryWrite,
    /// `public-read-delivered`, OBS, on buckets
    PublicReadDelivered,
    /// `public-read-write-delivered`, OBS, on buckets
    PublicReadWriteDelivered,
}

impl CannedAcl {
    /// By its name in the header.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "private" => Self::Private,
            "public-read" => Self::PublicRead,
            "public-read-write" => Self::PublicReadWrite,
            "authenticated-read" => Self::AuthenticatedRead,
            "bucket-owner-read" => Self::BucketOwnerRead,
            "bucket-owner-full-control" => Self::BucketOwnerFullControl,
            "log-delivery-write" => Self::LogDeliveryWrite,
            "public-read-delivered" => Self::PublicReadDelivered,
            "public-read-write-delivered" => Self::PublicReadWriteDelivered,
            _ => return None,
        })
    }

    /// The grants it stands for. `owner` owns the bucket or object, `bucket_owner` the bucket it is in.
    pub fn expand(self, owner: &AccountId, bucket_owner: &AccountId) -> Acl {
        let grant = |grantee, permission, delivered| Grant { grantee, permission, delivered };
        let mut grants = vec![grant(Grantee::Account(owner.clone()), Permission::FullControl, false)];
        let all = Grantee::AllUsers;
        match self {
            Self::Private => {}
            Self::PublicRead => grants.push(grant(all, Permission::Read, false)),
            Self::PublicReadDelivered => grants.push(grant(all, Permission::Read, true)),
            Self::PublicReadWrite | Self::PublicReadWriteDelivered => {
                let delivered = self == Self::PublicReadWriteDelivered;
                grants.push(grant(all.clone(), Permission::Read, delivered));
                grants.push(grant(all, Permission::Write, delivered));
            }
            Self::AuthenticatedRead => grants.push(grant(Grantee::AuthenticatedUsers, Permission::Read, false)),
            Self::BucketOwnerRead | Self::BucketOwnerFullControl if owner == bucket_owner => {}
            Self::BucketOwnerRead => {
                grants.push(grant(Grantee::Account(bucket_owner.clone()), Permission::Read, false));
            }
            Self::BucketOwnerFullControl => {
                grants.push(grant(Grantee::Account(bucket_owner.clone()), Permission::FullControl, false));
            }
            Self::LogDeliveryWrite => {
                grants.push(grant(Grantee::LogDelivery, Permission::Write, false));
                grants.push(grant(Grantee::LogDelivery, Permission::ReadAcp, false));
            }
        }
        Acl { grants }
    }
}

/// S3's block on public access; each switch by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublicAccessBlock {
    /// Refuse to set ACLs that grant to everyone.
    pub block_public_acls: bool,
    /// Ignore grants to everyone.
    pub ignore_public_acls: bool,
    /// Refuse to set a policy that is public.
    pub block_public_policy: bool,
    /// While the policy is public, let it grant to the owner's account only.
    pub restrict_public_buckets: bool,
}

/// Who owns the objects of a bucket, and whether ACLs count (S3 object ownership).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ownership {
    /// Whoever writes an object owns it. OBS knows only this.
    #[default]
    ObjectWriter,
    /// The bucket owner owns what is written with `bucket-owner-full-control`.
    BucketOwnerPreferred,
    /// The bucket owner owns everything; ACLs are switched off.
    BucketOwnerEnforced,
}
