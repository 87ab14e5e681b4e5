//! Dialects as data: what a request is called on the wire and what its answer is called.
//!
//! A [`Dialect`] is a static table. Past the codec nobody sees a header name: the operations look names up here, lower
//! what they find to neutral values and raise neutral outcomes through the same table. A third dialect is a third
//! table.

mod headers;
mod obs;
mod s3;

pub use headers::{HeaderFault, HeaderView, said};

pub use crate::auth::Dialect as Family;

use http::HeaderMap;
use objects::api::DialectRules;

/// How a CMK is named in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyIdForm {
    /// `region:domain-id:key/uuid`.
    Obs,
    /// `arn:aws:kms:region:number:key/uuid`.
    Arn,
}

/// The document that answers GetBucketLocation (obs-api §10.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocationDocument {
    /// `<Location>region</Location>`.
    Location,
    /// `<LocationConstraint>region</LocationConstraint>`, empty in us-east-1.
    Constraint,
    /// `<CreateBucketConfiguration><LocationConstraint>region</…></…>`: OBS's own reading of S3.
    WrappedConstraint,
}

/// One dialect.
#[derive(Debug)]
pub struct Dialect {
    /// For metrics, logs and the audit: `obs`, `s3`.
    pub name: &'static str,
    /// Which family of words.
    pub family: Family,
    /// Header names.
    pub names: Names,
    /// The word for SSE-KMS in headers and XML.
    pub kms_word: &'static str,
    /// How CMKs are named in answers.
    pub key_id_form: KeyIdForm,
    /// Default namespace of reply documents.
    pub namespace: &'static str,
    /// Whether an owner has a `DisplayName`.
    pub owner_display_name: bool,
    /// GetBucketLocation's document.
    pub location: LocationDocument,
    /// Error code of GetBucketEncryption where nothing is set.
    pub no_encryption_code: &'static str,
    /// What the operations decide by dialect.
    pub rules: DialectRules,
}

impl Dialect {
    /// The OBS dialect.
    pub const OBS: &'static Dialect = &obs::DIALECT;
    /// The S3 dialect, as AWS's clients speak it.
    pub const S3: &'static Dialect = &s3::DIALECT;
    /// The S3 dialect, as OBS's own clients speak it against an address without a name (obs-api §1.3).
    pub const S3_OF_OBS_CLIENTS: &'static Dialect = &s3::DIALECT_OF_OBS_CLIENTS;

    /// The dialect of a signed request.
    pub fn of_family(family: Family, headers: &HeaderMap) -> &'static Dialect {
        match family {
            Family::Obs => Self::OBS,
            Family::S3 if is_obs_client(headers) => Self::S3_OF_OBS_CLIENTS,
            Family::S3 => Self::S3,
        }
    }

    /// The dialect of an unsigned request: S3 if any `x-amz-` header is present, else OBS; an AWS client that sends
    /// neither is told by its name (obs-api §1.3).
    pub fn of_unsigned(headers: &HeaderMap) -> &'static Dialect {
        let amz = headers.keys().any(|name| name.as_str().starts_with("x-amz-")) || is_aws_client(headers);
        Self::of_family(if amz { Family::S3 } else { Family::Obs }, headers)
    }

    /// The table of the other family, whose names a request of this one should not carry.
    pub fn foreign(&self) -> &'static Dialect {
        match self.family {
            Family::Obs => Self::S3,
            Family::S3 => Self::OBS,
        }
    }

    /// Whether OBS's own clients read the answer, in whichever words.
    pub fn speaks_to_obs_clients(&self) -> bool {
        self.key_id_form == KeyIdForm::Obs
    }

    /// Whether this is the OBS family.
    pub fn is_obs(&self) -> bool {
        self.family == Family::Obs
    }
}

fn user_agent(headers: &HeaderMap) -> &str {
    headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn is_obs_client(headers: &HeaderMap) -> bool {
    let agent = user_agent(headers);
    agent.starts_with("obs-sdk-") || agent.starts_with("huaweicloud-")
}

fn is_aws_client(headers: &HeaderMap) -> bool {
    let agent = user_agent(headers);
    ["aws-", "Boto3/", "APN/", "MinIO", "S3Manager", "rclone"].iter().any(|prefix| agent.starts_with(prefix))
}

macro_rules! names {
    ($($(#[$doc:meta])* $field:ident,)*) => {
        /// Header names of one dialect, in lower case.
        #[derive(Debug)]
        pub struct Names {
            $($(#[$doc])* pub $field: &'static str,)*
        }

        impl Names {
            /// Every name, in the same order for every dialect.
            fn all(&self) -> [&'static str; [$(stringify!($field)),*].len()] {
                [$(self.$field,)*]
            }
        }
    };
}

names! {
    /// The prefix of all of the dialect's own headers.
    prefix,
    /// Prefix of user metadata.
    meta_prefix,
    /// Request id in replies.
    request_id,
    /// Second request id in replies.
    id_2,
    /// Error code of a HEAD reply.
    error_code,
    /// Error message of a HEAD reply.
    error_message,
    /// Date, as a header that is signed.
    date,
    /// Payload hash.
    content_sha256,
    /// Session token.
    security_token,
    /// SSE method.
    sse,
    /// CMK.
    sse_key_id,
    /// IAM project of the CMK.
    sse_project_id,
    /// Encryption context.
    sse_context,
    /// Cipher of the data.
    sse_data_encryption,
    /// Bucket key wanted or used.
    sse_bucket_key,
    /// Rotation period of a bucket key, in days.
    sse_bucket_key_rotation,
    /// SSE-C: algorithm.
    customer_algorithm,
    /// SSE-C: key.
    customer_key,
    /// SSE-C: MD5 of the key.
    customer_key_md5,
    /// SSE-C of a copy's source: algorithm.
    source_customer_algorithm,
    /// SSE-C of a copy's source: key.
    source_customer_key,
    /// SSE-C of a copy's source: MD5 of the key.
    source_customer_key_md5,
    /// Source of a copy.
    copy_source,
    /// Byte range of a part copy's source.
    copy_source_range,
    /// Condition on a copy's source.
    copy_source_if_match,
    /// Condition on a copy's source.
    copy_source_if_none_match,
    /// Condition on a copy's source.
    copy_source_if_modified_since,
    /// Condition on a copy's source.
    copy_source_if_unmodified_since,
    /// Version a copy was made from.
    copy_source_version_id,
    /// `COPY` or `REPLACE`.
    metadata_directive,
    /// `COPY` or `REPLACE` for tags.
    tagging_directive,
    /// Version of an object.
    version_id,
    /// Whether a delete marker is concerned.
    delete_marker,
    /// Storage class of an object.
    storage_class,
    /// Default storage class of a bucket.
    bucket_storage_class,
    /// Region of a bucket.
    bucket_region,
    /// Canned ACL.
    acl,
    /// Prefix of explicit ACL entries.
    grant_prefix,
    /// Tags.
    tagging,
    /// Number of an object's tags.
    tagging_count,
    /// Who owns the objects of a new bucket.
    object_ownership,
    /// Whether a policy may take the right to change it from the owner's root identity.
    confirm_remove_self,
    /// Prefix of object lock headers.
    object_lock_prefix,
    /// Object lock of a new bucket.
    bucket_object_lock,
    /// Website redirect.
    website_redirect,
    /// Prefix of checksums.
    checksum_prefix,
    /// Checksum algorithm of an upload or a copy.
    checksum_algorithm,
    /// Checksum type.
    checksum_type,
    /// Whether a read wants the stored checksum.
    checksum_mode,
    /// Checksum algorithm of a body.
    sdk_checksum_algorithm,
    /// Number of parts of an object.
    parts_count,
    /// Size of the object a complete names.
    object_size,
    /// Account the bucket is expected to belong to.
    expected_bucket_owner,
    /// Account a copy's source bucket is expected to belong to.
    source_expected_bucket_owner,
    /// Days until an object is deleted.
    expires,
    /// Where an append begins.
    write_offset,
    /// Called when a write is done.
    callback,
    /// Headers to be returned without a prefix.
    persistent_headers,
    /// Parallel file system.
    file_interface,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_usable_as_headers_and_differ_between_dialects() {
        for dialect in [Dialect::OBS, Dialect::S3, Dialect::S3_OF_OBS_CLIENTS] {
            for name in dialect.names.all() {
                // Panics on upper case or characters that no header name has.
                let parsed = http::HeaderName::from_static(name);
                assert_eq!(parsed.as_str(), name);
            }
        }
        assert_ne!(Dialect::OBS.names.sse, Dialect::S3.names.sse);
        assert_eq!(Dialect::S3.names.sse_key_id, "x-amz-server-side-encryption-aws-kms-key-id");
        assert_eq!(Dialect::OBS.names.sse_key_id, "x-obs-server-side-encryption-kms-key-id");
    }

    #[test]
    fn the_dialect_of_a_request_without_credentials() {
        let with = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, http::HeaderValue::from_static(value));
            Dialect::of_unsigned(&headers).name
        };
        assert_eq!(with("x-amz-date", "x"), "s3");
        assert_eq!(with("user-agent", "aws-cli/2.31 md/x"), "s3");
        assert_eq!(with("x-obs-date", "x"), "obs");
        assert_eq!(with("user-agent", "curl/8"), "obs");
    }

    #[test]
    fn obs_clients_in_s3_words_get_obs_key_ids() {
        let mut headers = HeaderMap::new();
        headers.insert("user-agent", http::HeaderValue::from_static("obs-sdk-python/3.26.6"));
        let dialect = Dialect::of_family(Family::S3, &headers);
        assert_eq!(dialect.key_id_form, KeyIdForm::Obs);
        assert_eq!(dialect.names.sse, "x-amz-server-side-encryption");
    }
}
