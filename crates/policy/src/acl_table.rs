//! What the permissions of ACLs let do (obs-api §8.7), and which grant of an ACL holds for a principal.

use crate::principals::Hold;
use crate::{Acl, Action, Grantee, Permission, Principal};

/// Where a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AclOf {
    /// On the bucket, for the bucket.
    Bucket,
    /// On the object.
    Object,
    /// On the bucket, delivered to its objects.
    Delivered,
}

/// Whether the permission lets do the action.
pub(crate) fn permits(permission: Permission, of: AclOf, action: Action) -> bool {
    use Action as A;
    let wanted = match of {
        AclOf::Bucket => match action {
            A::HeadBucket | A::ListBucket | A::ListBucketVersions | A::ListBucketMultipartUploads => Permission::Read,
            A::PutObject | A::DeleteObject | A::DeleteObjectVersion => Permission::Write,
            A::GetBucketAcl => Permission::ReadAcp,
            A::PutBucketAcl => Permission::WriteAcp,
            _ => return false,
        },
        AclOf::Object | AclOf::Delivered => match action {
            A::GetObject | A::GetObjectVersion => Permission::Read,
            A::GetObjectAcl | A::GetObjectVersionAcl => Permission::ReadAcp,
            A::PutObjectAcl | A::PutObjectVersionAcl => Permission::WriteAcp,
            _ => return false,
        },
    };
    permission == wanted || permission == Permission::FullControl
}

/// The best grant of an ACL for the principal: one to a group counts by itself, one to the principal's account needs the
/// account's word for its identities. Returns its index as well.
pub(crate) fn granted(
    acl: &Acl,
    of: AclOf,
    action: Action,
    principal: &Principal,
    groups_count: bool,
) -> Option<(usize, Hold)> {
    let mut best = None;
    for (i, grant) in acl.grants.iter().enumerate() {
        if !permits(grant.permission, of, action) || (of == AclOf::Delivered && !grant.delivered) {
            continue;
        }
        match &grant.grantee {
            Grantee::AllUsers if groups_count => return Some((i, Hold::Direct)),
            Grantee::AuthenticatedUsers if groups_count && !principal.is_anonymous() => return Some((i, Hold::Direct)),
            Grantee::Account(account) if principal.account() == Some(account) => {
                best = best.or(Some((i, Hold::Account)))
            }
            _ => {}
        }
    }
    best
}
