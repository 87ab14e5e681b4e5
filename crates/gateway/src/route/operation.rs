//! The table of operations.

use super::Place;
use super::sub_resources::SUB_RESOURCES;
use crate::query::Query;
use http::Method;

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a request does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Operation { $($(#[$doc])* $name,)* }

        impl Operation {
            /// Every operation.
            pub const ALL: &'static [Operation] = &[$(Operation::$name,)*];

            /// The operation's name, as metrics and logs show it.
            pub const fn name(self) -> &'static str {
                match self { $(Operation::$name => stringify!($name),)* }
            }
        }
    };
}

operations! {
    /// List the account's buckets.
    ListBuckets,
    /// OBS's negotiation, unsigned.
    ApiVersion,
    /// Create a bucket.
    CreateBucket,
    /// Ask whether a bucket exists and where.
    HeadBucket,
    /// Delete an empty bucket.
    DeleteBucket,
    /// Read a bucket's region.
    GetBucketLocation,
    /// Read a bucket's versioning state.
    GetBucketVersioning,
    /// Read a bucket's default encryption.
    GetBucketEncryption,
    /// Set a bucket's default encryption.
    PutBucketEncryption,
    /// Remove a bucket's default encryption.
    DeleteBucketEncryption,
    /// Read a bucket's ACL.
    GetBucketAcl,
    /// Set a bucket's ACL.
    PutBucketAcl,
    /// Read a bucket's policy.
    GetBucketPolicy,
    /// Set a bucket's policy.
    PutBucketPolicy,
    /// Remove a bucket's policy.
    DeleteBucketPolicy,
    /// Ask whether a bucket's policy is public.
    GetBucketPolicyStatus,
    /// Ask whether a bucket is public, by policy or ACL (OBS).
    GetBucketPublicStatus,
    /// Read a bucket's block on public access.
    GetPublicAccessBlock,
    /// Set a bucket's block on public access.
    PutPublicAccessBlock,
    /// Remove a bucket's block on public access.
    DeletePublicAccessBlock,
    /// Read who owns a bucket's objects.
    GetBucketOwnershipControls,
    /// Set who owns a bucket's objects.
    PutBucketOwnershipControls,
    /// Leave to the server's default who owns a bucket's objects.
    DeleteBucketOwnershipControls,
    /// List objects, version 1 or 2.
    ListObjects,
    /// List the versions of objects.
    ListObjectVersions,
    /// List unfinished multipart uploads.
    ListMultipartUploads,
    /// Delete several objects.
    DeleteObjects,
    /// Write an object.
    PutObject,
    /// Write an object by a browser's form.
    PostObject,
    /// Copy an object.
    CopyObject,
    /// Read an object.
    GetObject,
    /// Read an object's headers.
    HeadObject,
    /// Read what is known of an object beside its body (S3).
    GetObjectAttributes,
    /// Delete an object.
    DeleteObject,
    /// Read an object's ACL.
    GetObjectAcl,
    /// Set an object's ACL.
    PutObjectAcl,
    /// Read an object's tags.
    GetObjectTagging,
    /// Set an object's tags.
    PutObjectTagging,
    /// Remove an object's tags.
    DeleteObjectTagging,
    /// Wrap an object's keys anew in place (S3).
    UpdateObjectEncryption,
    /// Begin a multipart upload.
    CreateMultipartUpload,
    /// Write a part.
    UploadPart,
    /// Copy a part.
    UploadPartCopy,
    /// List the parts of an upload.
    ListParts,
    /// Finish a multipart upload.
    CompleteMultipartUpload,
    /// Abort a multipart upload.
    AbortMultipartUpload,
}

/// No operation answers the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoOperation {
    /// Known to the protocols and not offered by this server: the sub-resource (501).
    NotOffered(String),
    /// The method means nothing here (405).
    Method,
    /// `partNumber` without `uploadId` or the reverse (400).
    HalfAPart,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Service,
    Bucket,
    Object,
}

/// One line of the table: where, how, with exactly which sub-resources, and which others may stand beside them.
struct Row(Level, Method, &'static [&'static str], &'static [&'static str], Operation);

const TABLE: &[Row] = {
    use Level::{Bucket, Object, Service};
    use Operation as O;
    &[
        Row(Service, Method::GET, &[], &[], O::ListBuckets),
        Row(Service, Method::HEAD, &["apiversion"], &[], O::ApiVersion),
        Row(Bucket, Method::HEAD, &["apiversion"], &[], O::ApiVersion),
        Row(Bucket, Method::PUT, &[], &[], O::CreateBucket),
        Row(Bucket, Method::HEAD, &[], &[], O::HeadBucket),
        Row(Bucket, Method::DELETE, &[], &[], O::DeleteBucket),
        Row(Bucket, Method::GET, &[], &[], O::ListObjects),
        Row(Bucket, Method::GET, &["versions"], &[], O::ListObjectVersions),
        Row(Bucket, Method::GET, &["location"], &[], O::GetBucketLocation),
        Row(Bucket, Method::GET, &["versioning"], &[], O::GetBucketVersioning),
        Row(Bucket, Method::GET, &["encryption"], &[], O::GetBucketEncryption),
        Row(Bucket, Method::PUT, &["encryption"], &[], O::PutBucketEncryption),
        Row(Bucket, Method::DELETE, &["encryption"], &[], O::DeleteBucketEncryption),
        Row(Bucket, Method::GET, &["acl"], &[], O::GetBucketAcl),
        Row(Bucket, Method::PUT, &["acl"], &[], O::PutBucketAcl),
        Row(Bucket, Method::GET, &["policy"], &[], O::GetBucketPolicy),
        Row(Bucket, Method::PUT, &["policy"], &[], O::PutBucketPolicy),
        Row(Bucket, Method::DELETE, &["policy"], &[], O::DeleteBucketPolicy),
        Row(Bucket, Method::GET, &["policyStatus"], &[], O::GetBucketPolicyStatus),
        Row(Bucket, Method::GET, &["bucketStatus"], &[], O::GetBucketPublicStatus),
        Row(Bucket, Method::GET, &["publicAccessBlock"], &[], O::GetPublicAccessBlock),
        Row(Bucket, Method::PUT, &["publicAccessBlock"], &[], O::PutPublicAccessBlock),
        Row(Bucket, Method::DELETE, &["publicAccessBlock"], &[], O::DeletePublicAccessBlock),
        Row(Bucket, Method::GET, &["ownershipControls"], &[], O::GetBucketOwnershipControls),
        Row(Bucket, Method::PUT, &["ownershipControls"], &[], O::PutBucketOwnershipControls),
        Row(Bucket, Method::DELETE, &["ownershipControls"], &[], O::DeleteBucketOwnershipControls),
        Row(Bucket, Method::GET, &["uploads"], &[], O::ListMultipartUploads),
        Row(Bucket, Method::POST, &["delete"], &[], O::DeleteObjects),
        Row(Bucket, Method::POST, &[], &[], O::PostObject),
        Row(Object, Method::PUT, &[], &[], O::PutObject),
        Row(Object, Method::GET, &[], &["versionId", "partNumber"], O::GetObject),
        Row(Object, Method::HEAD, &[], &["versionId", "partNumber"], O::HeadObject),
        Row(Object, Method::GET, &["attributes"], &["versionId"], O::GetObjectAttributes),
        Row(Object, Method::DELETE, &[], &["versionId"], O::DeleteObject),
        Row(Object, Method::GET, &["acl"], &["versionId"], O::GetObjectAcl),
        Row(Object, Method::PUT, &["acl"], &["versionId"], O::PutObjectAcl),
        Row(Object, Method::GET, &["tagging"], &["versionId"], O::GetObjectTagging),
        Row(Object, Method::PUT, &["tagging"], &["versionId"], O::PutObjectTagging),
        Row(Object, Method::DELETE, &["tagging"], &["versionId"], O::DeleteObjectTagging),
        Row(Object, Method::PUT, &["encryption"], &["versionId"], O::UpdateObjectEncryption),
        Row(Object, Method::POST, &["uploads"], &[], O::CreateMultipartUpload),
        Row(Object, Method::PUT, &["partNumber", "uploadId"], &[], O::UploadPart),
        Row(Object, Method::GET, &["uploadId"], &[], O::ListParts),
        Row(Object, Method::POST, &["uploadId"], &[], O::CompleteMultipartUpload),
        Row(Object, Method::DELETE, &["uploadId"], &[], O::AbortMultipartUpload),
    ]
};

impl Operation {
    /// Finds the operation. `copies`: whether a copy source was sent, which turns a PUT into a copy.
    pub fn find(method: &Method, place: &Place, query: &Query, copies: bool) -> Result<Self, NoOperation> {
        let level = match place {
            Place::Service => Level::Service,
            Place::Bucket(_) => Level::Bucket,
            Place::Object(..) => Level::Object,
        };
        let mut sent: Vec<&str> = query.names().filter(|name| SUB_RESOURCES.contains(name)).collect();
        sent.sort_unstable();
        sent.dedup();
        let fits = |row: &&Row| {
            row.0 == level
                && row.1 == *method
                && row.2.iter().all(|name| sent.contains(name))
                && sent.iter().all(|name| row.2.contains(name) || row.3.contains(name))
        };
        match TABLE.iter().find(fits).map(|row| row.4) {
            Some(Self::PutObject) if copies => Ok(Self::CopyObject),
            Some(Self::UploadPart) if copies => Ok(Self::UploadPartCopy),
            Some(operation) => Ok(operation),
            None if *method == Method::PUT && matches!(sent[..], ["partNumber"] | ["uploadId"]) => {
                Err(NoOperation::HalfAPart)
            }
            None => match sent.iter().find(|name| !matches!(**name, "versionId" | "partNumber")) {
                Some(name) => Err(NoOperation::NotOffered((*name).to_owned())),
                None => match sent.first() {
                    Some(name) => Err(NoOperation::NotOffered((*name).to_owned())),
                    None => Err(NoOperation::Method),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::HostStyle;

    fn find(method: &str, target: &str) -> Result<Operation, NoOperation> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let place = Place::parse(&HostStyle::Path, path).unwrap();
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Operation::find(&method, &place, &Query::parse(query).unwrap(), false)
    }

    #[test]
    fn every_row_is_reached() {
        let reached = [
            find("GET", "/"),
            find("HEAD", "/bkt?apiversion"),
            find("PUT", "/bkt"),
            find("HEAD", "/bkt"),
            find("DELETE", "/bkt"),
            find("GET", "/bkt?list-type=2&prefix=a"),
            find("GET", "/bkt?location"),
            find("GET", "/bkt?versioning"),
            find("GET", "/bkt?encryption"),
            find("PUT", "/bkt?encryption"),
            find("DELETE", "/bkt?encryption"),
            find("GET", "/bkt?acl"),
            find("PUT", "/bkt?acl"),
            find("GET", "/bkt?policy"),
            find("PUT", "/bkt?policy"),
            find("DELETE", "/bkt?policy"),
            find("GET", "/bkt?policyStatus"),
            find("GET", "/bkt?bucketStatus%20"),
            find("GET", "/bkt?publicAccessBlock"),
            find("PUT", "/bkt?publicAccessBlock"),
            find("DELETE", "/bkt?publicAccessBlock"),
            find("GET", "/bkt?ownershipControls"),
            find("PUT", "/bkt?ownershipControls"),
            find("DELETE", "/bkt?ownershipControls"),
            find("GET", "/bkt?uploads"),
            find("GET", "/bkt?versions&prefix=a"),
            find("POST", "/bkt?delete="),
            find("POST", "/bkt?x-id=PostObject"),
            find("PUT", "/bkt/o?x-id=PutObject"),
            find("GET", "/bkt/o?versionId=null&partNumber=1&response-expires=x"),
            find("HEAD", "/bkt/o"),
            find("GET", "/bkt/o?attributes&versionId=null"),
            find("DELETE", "/bkt/o?versionId=null"),
            find("GET", "/bkt/o?acl"),
            find("PUT", "/bkt/o?acl&versionId=null"),
            find("GET", "/bkt/o?tagging"),
            find("PUT", "/bkt/o?tagging&versionId=null"),
            find("DELETE", "/bkt/o?tagging"),
            find("PUT", "/bkt/o?encryption&versionId=null"),
            find("POST", "/bkt/o?uploads"),
            find("PUT", "/bkt/o?partNumber=1&uploadId=x"),
            find("GET", "/bkt/o?uploadId=x"),
            find("POST", "/bkt/o?uploadId=x"),
            find("DELETE", "/bkt/o?uploadId=x"),
        ];
        let mut reached: Vec<_> = reached.into_iter().map(Result::unwrap).collect();
        reached.extend([Operation::CopyObject, Operation::UploadPartCopy]);
        for operation in Operation::ALL {
            assert!(reached.contains(operation), "{}", operation.name());
        }
    }

    #[test]
    fn a_copy_source_turns_a_put_into_a_copy() {
        let place = Place::parse(&HostStyle::Path, "/bkt/o").unwrap();
        let copy = |query: &str| Operation::find(&Method::PUT, &place, &Query::parse(query).unwrap(), true).unwrap();
        assert_eq!(copy(""), Operation::CopyObject);
        assert_eq!(copy("uploadId=x&partNumber=2"), Operation::UploadPartCopy);
    }

    #[test]
    fn whatever_selects_an_operation_is_signed_in_every_scheme() {
        use crate::auth::{Dialect, is_signed_subresource};
        let selecting = TABLE.iter().flat_map(|row| row.2.iter().chain(row.3));
        for name in selecting.filter(|name| **name != "apiversion") {
            for dialect in [Dialect::Obs, Dialect::S3] {
                assert!(is_signed_subresource(dialect, name), "{name}: one signature would cover two operations");
            }
        }
    }

    #[test]
    fn a_sub_resource_that_is_not_offered_never_becomes_a_plain_request() {
        for sub in SUB_RESOURCES {
            for method in ["GET", "PUT", "POST", "DELETE", "HEAD"] {
                for path in ["/", "/bkt", "/bkt/o"] {
                    let found = find(method, &format!("{path}?{sub}"));
                    let plain = find(method, path);
                    if let (Ok(found), Ok(plain)) = (&found, &plain) {
                        let stays =
                            matches!(plain, Operation::GetObject | Operation::HeadObject | Operation::DeleteObject)
                                && matches!(*sub, "versionId" | "partNumber");
                        assert!(stays || found != plain, "{method} {path}?{sub}");
                    }
                }
            }
        }
        assert_eq!(find("PUT", "/bkt/o?retention"), Err(NoOperation::NotOffered("retention".into())));
        assert_eq!(find("GET", "/bkt/o?encryption"), Err(NoOperation::NotOffered("encryption".into())));
        assert_eq!(find("DELETE", "/bkt/o?acl"), Err(NoOperation::NotOffered("acl".into())));
        assert_eq!(find("PUT", "/bkt?tagging"), Err(NoOperation::NotOffered("tagging".into())));
        assert_eq!(find("GET", "/bkt?encryption&acl"), Err(NoOperation::NotOffered("acl".into())));
        assert_eq!(find("PUT", "/bkt/o?partNumber=1"), Err(NoOperation::HalfAPart));
        assert_eq!(find("POST", "/bkt?versionId=null"), Err(NoOperation::NotOffered("versionId".into())));
        assert_eq!(find("POST", "/bkt/o"), Err(NoOperation::Method));
        assert_eq!(find("PATCH", "/bkt/o"), Err(NoOperation::Method));
    }
}
