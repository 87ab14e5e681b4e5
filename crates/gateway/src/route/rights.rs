//! What each operation asks the authoriser. An operation without its row does not compile; the table that follows from it,
//! `docs/dialects/authorisation.md`, is compared with what the evaluator decides.

use super::Operation;
use policy::Action;

/// What a right is a right to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touches {
    /// The service as a whole.
    Service,
    /// A bucket that is being made: its owner will be the requester's account, and it has no rules yet.
    NewBucket,
    /// The bucket.
    Bucket,
    /// The bucket, for requesters of its owner's account only, whatever its policy says.
    OwnBucket,
    /// The object.
    Object,
    /// The object a copy reads.
    Source,
}

impl Touches {
    /// The word in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::NewBucket => "new bucket",
            Self::Bucket => "bucket",
            Self::OwnBucket => "bucket of the own account",
            Self::Object => "object",
            Self::Source => "source",
        }
    }
}

/// One question to the authoriser.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    /// The action.
    pub action: Action,
    /// To what.
    pub touches: Touches,
    /// When it is asked beside or instead of the others; empty: always.
    pub when: &'static str,
}

const fn always(action: Action, touches: Touches) -> Right {
    Right { action, touches, when: "" }
}

const fn when(action: Action, touches: Touches, when: &'static str) -> Right {
    Right { action, touches, when }
}

const BY_VERSION: &str = "instead, with versionId";
const WITH_ACL: &str = "with an ACL";
const WITH_TAGS: &str = "with tags";
const WITH_ETAG: &str = "with If-Match";

impl Operation {
    /// What the operation asks, in this order.
    pub fn rights(self) -> &'static [Right] {
        use Action as A;
        use Touches as T;
        macro_rules! rights {
            ($($right:expr),* $(,)?) => { const { &[$($right),*] } };
        }
        match self {
            Self::ListBuckets => rights![always(A::ListAllMyBuckets, T::Service)],
            // An OBS client asks before it signs (obs-api §1.3).
            Self::ApiVersion => rights![],
            Self::CreateBucket => rights![
                always(A::CreateBucket, T::NewBucket),
                when(A::PutEncryptionConfiguration, T::NewBucket, "with encryption headers"),
                when(A::PutBucketOwnershipControls, T::NewBucket, "with an ownership"),
                when(A::PutBucketAcl, T::NewBucket, WITH_ACL),
            ],
            Self::HeadBucket => rights![always(A::HeadBucket, T::Bucket)],
            Self::DeleteBucket => rights![always(A::DeleteBucket, T::Bucket)],
            Self::GetBucketLocation => rights![always(A::GetBucketLocation, T::Bucket)],
            Self::GetBucketVersioning => rights![always(A::GetBucketVersioning, T::Bucket)],
            Self::GetBucketEncryption => rights![always(A::GetEncryptionConfiguration, T::Bucket)],
            Self::PutBucketEncryption | Self::DeleteBucketEncryption => {
                rights![always(A::PutEncryptionConfiguration, T::Bucket)]
            }
            Self::GetBucketAcl => rights![always(A::GetBucketAcl, T::Bucket)],
            Self::PutBucketAcl => rights![always(A::PutBucketAcl, T::Bucket)],
            Self::GetBucketPolicy => rights![always(A::GetBucketPolicy, T::OwnBucket)],
            Self::PutBucketPolicy => rights![always(A::PutBucketPolicy, T::OwnBucket)],
            Self::DeleteBucketPolicy => rights![always(A::DeleteBucketPolicy, T::OwnBucket)],
            Self::GetBucketPolicyStatus => rights![always(A::GetBucketPolicyStatus, T::Bucket)],
            Self::GetBucketPublicStatus => rights![always(A::GetBucketPublicStatus, T::Bucket)],
            Self::GetPublicAccessBlock => rights![always(A::GetBucketPublicAccessBlock, T::Bucket)],
            Self::PutPublicAccessBlock => rights![always(A::PutBucketPublicAccessBlock, T::Bucket)],
            Self::DeletePublicAccessBlock => rights![always(A::DeleteBucketPublicAccessBlock, T::Bucket)],
            Self::GetBucketOwnershipControls => rights![always(A::GetBucketOwnershipControls, T::Bucket)],
            Self::PutBucketOwnershipControls | Self::DeleteBucketOwnershipControls => {
                rights![always(A::PutBucketOwnershipControls, T::Bucket)]
            }
            Self::ListObjects => rights![always(A::ListBucket, T::Bucket)],
            Self::ListObjectVersions => rights![always(A::ListBucketVersions, T::Bucket)],
            Self::ListMultipartUploads => rights![always(A::ListBucketMultipartUploads, T::Bucket)],
            Self::DeleteObjects => rights![
                always(A::DeleteObject, T::Object),
                when(A::DeleteObjectVersion, T::Object, "instead, where a version is named"),
            ],
            Self::PutObject => rights![
                always(A::PutObject, T::Object),
                when(A::PutObjectTagging, T::Object, WITH_TAGS),
                when(A::PutObjectAcl, T::Object, WITH_ACL),
                when(A::GetObject, T::Object, WITH_ETAG),
            ],
            Self::PostObject | Self::CreateMultipartUpload => rights![
                always(A::PutObject, T::Object),
                when(A::PutObjectTagging, T::Object, WITH_TAGS),
                when(A::PutObjectAcl, T::Object, WITH_ACL),
            ],
            Self::CopyObject => rights![
                always(A::PutObject, T::Object),
                when(A::PutObjectTagging, T::Object, WITH_TAGS),
                when(A::PutObjectAcl, T::Object, WITH_ACL),
                when(A::GetObject, T::Object, WITH_ETAG),
                always(A::GetObject, T::Source),
                when(A::GetObjectVersion, T::Source, "instead, with a version of the source"),
                when(A::GetObjectTagging, T::Source, "where its tags are copied"),
            ],
            Self::GetObject | Self::HeadObject => {
                rights![always(A::GetObject, T::Object), when(A::GetObjectVersion, T::Object, BY_VERSION)]
            }
            Self::GetObjectAttributes => rights![
                always(A::GetObject, T::Object),
                when(A::GetObjectVersion, T::Object, BY_VERSION),
                always(A::GetObjectAttributes, T::Object),
                when(A::GetObjectVersionAttributes, T::Object, BY_VERSION),
            ],
            Self::DeleteObject => {
                rights![always(A::DeleteObject, T::Object), when(A::DeleteObjectVersion, T::Object, BY_VERSION)]
            }
            Self::GetObjectAcl => {
                rights![always(A::GetObjectAcl, T::Object), when(A::GetObjectVersionAcl, T::Object, BY_VERSION)]
            }
            Self::PutObjectAcl => {
                rights![always(A::PutObjectAcl, T::Object), when(A::PutObjectVersionAcl, T::Object, BY_VERSION)]
            }
            Self::GetObjectTagging => {
                rights![always(A::GetObjectTagging, T::Object), when(A::GetObjectVersionTagging, T::Object, BY_VERSION)]
            }
            Self::PutObjectTagging => {
                rights![always(A::PutObjectTagging, T::Object), when(A::PutObjectVersionTagging, T::Object, BY_VERSION)]
            }
            Self::DeleteObjectTagging => rights![
                always(A::DeleteObjectTagging, T::Object),
                when(A::DeleteObjectVersionTagging, T::Object, BY_VERSION),
            ],
            Self::UpdateObjectEncryption => rights![always(A::UpdateObjectEncryption, T::Object)],
            Self::UploadPart => rights![always(A::PutObject, T::Object)],
            Self::CompleteMultipartUpload => {
                rights![always(A::PutObject, T::Object), when(A::GetObject, T::Object, WITH_ETAG)]
            }
            Self::UploadPartCopy => rights![
                always(A::PutObject, T::Object),
                always(A::GetObject, T::Source),
                when(A::GetObjectVersion, T::Source, "instead, with a version of the source"),
            ],
            Self::ListParts => rights![always(A::ListMultipartUploadParts, T::Object)],
            Self::AbortMultipartUpload => rights![always(A::AbortMultipartUpload, T::Object)],
        }
    }
}

#[cfg(test)]
mod tests;
