//! The neutral operations: what the dialects lower requests to and raise outcomes from. No header name occurs here.

mod access;
mod usage;

pub use access::*;
pub use usage::*;

use crate::BodyError;
use async_trait::async_trait;
use bytes::Bytes;
use model::{AccountId, BucketName, ETag, ObjectName, PartNumber, RangeSpec, Timestamp, UploadId, VersionId};
use policy::{Conditions, Ownership, Principal};
use sse::{
    AppliedEncryption, BucketEncryption, ChecksumAlgorithm, ChecksumValue, CustomerHeaders, EncryptionHeaders,
    EncryptionRules, Transport,
};
use std::sync::Arc;

/// What the dialects decide differently, as data.
#[derive(Clone, Copy, Debug)]
pub struct DialectRules {
    /// What the dialect decides about encryption.
    pub encryption: EncryptionRules,
    /// Smallest part that is not the last, in bytes: 5 MiB in S3, 100 KiB in OBS.
    pub part_bytes_min: u64,
    /// A copy of an object onto itself without encryption headers keeps its method (OBS); otherwise the bucket's
    /// default decides (S3).
    pub self_copy_keeps_method: bool,
    /// Creating a bucket that is already one's own succeeds (OBS).
    pub recreate_own_bucket: bool,
    /// Deleting a bucket aborts its unfinished uploads (S3); otherwise they keep it (OBS).
    pub delete_bucket_aborts_uploads: bool,
    /// A copy that does not say takes over the source's tags (S3).
    pub copy_tags_by_default: bool,
    /// An upload under a customer key is completed with that key only (the suite of Ceph, s3-sse-behaviour §17.4).
    pub completion_needs_customer_key: bool,
}

/// Who asks and how the request came.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// For the log, and returned to the client.
    pub request_id: String,
    /// Who asks.
    pub principal: Principal,
    /// The access key that signed, for the audit trail.
    pub access_key: Option<Arc<str>>,
    /// What policy conditions see.
    pub conditions: Arc<Conditions>,
    /// TLS or plain.
    pub transport: Transport,
    /// Through which service keys are used, for the KMS: `s3` or `obs`.
    pub via: &'static str,
    /// What the dialect decides.
    pub rules: DialectRules,
}

/// A request body, decoded: transfer and chunk framing removed, chunk signatures verified as they end.
#[async_trait]
pub trait BodySource: Send {
    /// The next piece of plaintext; `None` at the end. Pieces are of any size up to 1 MiB.
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError>;

    /// After the end: checksums that arrived as trailers.
    fn trailing_checksums(&mut self) -> Vec<ChecksumValue>;
}

/// A body and what it must match. A mismatch commits nothing.
pub struct RequestBody {
    /// Where the bytes come from.
    pub source: Box<dyn BodySource>,
    /// Plaintext length when the client announced it.
    pub length: Option<u64>,
    /// `Content-MD5`.
    pub content_md5: Option<[u8; 16]>,
    /// The payload hash that the signature covers.
    pub content_sha256: Option<[u8; 32]>,
    /// A checksum sent as a header.
    pub checksum: Option<ChecksumValue>,
    /// The algorithm of a checksum announced as a trailer.
    pub trailing_algorithm: Option<ChecksumAlgorithm>,
}

/// Standard headers kept with an object and returned as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectHeaders {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Encoding`, without `aws-chunked`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Expires`.
    pub expires: Option<String>,
    /// Website redirect location.
    pub website_redirect: Option<String>,
    /// User metadata: names in lower case without the dialect's prefix, values as received bytes.
    pub user_metadata: Vec<(String, Bytes)>,
}

/// Conditions on an object's present state. ETags are compared as text, without quotes; `*` is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preconditions {
    /// `If-Match`: any of these.
    pub if_match: Option<Vec<String>>,
    /// `If-None-Match`: none of these.
    pub if_none_match: Option<Vec<String>>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<Timestamp>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<Timestamp>,
}

/// What a write requires of the present state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteExpectation {
    /// `If-None-Match: *`: the object must not exist.
    pub absent: bool,
    /// `If-Match`: the object must exist with this ETag (unquoted).
    pub etag: Option<String>,
}

// ---- buckets ----------------------------------------------------------------------------------------------------

/// A bucket as lists and HEAD show it.
#[derive(Clone, Debug)]
pub struct BucketInfo {
    /// Name.
    pub name: BucketName,
    /// When it was created.
    pub created: Timestamp,
    /// The owner.
    pub owner: AccountId,
}

/// CreateBucket.
#[derive(Debug, Default)]
pub struct CreateBucket {
    /// The location constraint of the body, if any.
    pub location: Option<String>,
    /// The bucket's default encryption from the request's headers (OBS).
    pub encryption: Option<BucketEncryption>,
    /// The ACL, if one is given.
    pub acl: Option<AclChoice>,
    /// Who owns its objects, if said.
    pub ownership: Option<Ownership>,
    /// Whether writes under customer keys are blocked from the beginning.
    pub blocks_customer_keys: bool,
}

/// GetBucketEncryption's answer, and what PutBucketEncryption sets of it: what is `None` there stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncryptionRule {
    /// The default encryption.
    pub default: Option<BucketEncryption>,
    /// Whether writes under customer keys (SSE-C) are blocked; `None`: it was never said, and they are not.
    pub blocks_customer_keys: Option<bool>,
}

impl From<BucketEncryption> for EncryptionRule {
    fn from(default: BucketEncryption) -> Self {
        Self { default: Some(default), blocks_customer_keys: None }
    }
}

// ---- objects ----------------------------------------------------------------------------------------------------

/// PutObject.
#[derive(Debug)]
pub struct PutObject {
    /// Where.
    pub bucket: BucketName,
    /// Under what name.
    pub name: ObjectName,
    /// Standard headers and user metadata.
    pub headers: ObjectHeaders,
    /// Raw encryption headers.
    pub encryption: EncryptionHeaders,
    /// What the write requires of the present state.
    pub expectation: WriteExpectation,
    /// The ACL, if one is given.
    pub acl: Option<AclChoice>,
    /// Tags.
    pub tags: Tags,
}

/// What a write answered.
#[derive(Clone, Debug)]
pub struct WriteOutcome {
    /// The new object's or part's ETag.
    pub etag: ETag,
    /// When it was written.
    pub last_modified: Timestamp,
    /// The version; `None` while versioning was never enabled on the bucket.
    pub version: Option<VersionId>,
    /// The encryption in force.
    pub encryption: AppliedEncryption,
    /// The checksum kept, with its type.
    pub checksum: Option<StoredChecksum>,
    /// Plaintext size in bytes.
    pub size: u64,
}

/// A checksum as kept with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChecksum {
    /// The value; for a composite one the checksum of the parts' checksums.
    pub value: ChecksumValue,
    /// `Some(parts)` for COMPOSITE, `None` for FULL_OBJECT.
    pub composite_parts: Option<u32>,
}

/// GetObject and HeadObject.
#[derive(Debug)]
pub struct ReadObject {
    /// Where.
    pub bucket: BucketName,
    /// Which object.
    pub name: ObjectName,
    /// Which version; the current one if not said.
    pub version: Option<VersionId>,
    /// Which bytes.
    pub range: Option<RangeSpec>,
    /// Which part.
    pub part: Option<PartNumber>,
    /// Conditions.
    pub preconditions: Preconditions,
    /// Raw SSE-C headers.
    pub customer: CustomerHeaders,
    /// Whether the other encryption headers were sent, which a read refuses.
    pub other_encryption_headers: bool,
    /// Whether the stored checksum is wanted.
    pub want_checksum: bool,
    /// `If-Range`: the range counts only while the object is still this one.
    pub if_range: Option<IfRange>,
}

/// What `If-Range` names (RFC 9110 §13.1.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfRange {
    /// An ETag, without quotes.
    ETag(String),
    /// A date of last modification.
    Date(Timestamp),
    /// Something that matches nothing: a weak ETag, a malformed date.
    Never,
}

/// What a read answers before the body.
#[derive(Clone, Debug)]
pub struct ObjectInfo {
    /// Plaintext size of the whole object in bytes.
    pub size: u64,
    /// ETag.
    pub etag: ETag,
    /// Last modification.
    pub last_modified: Timestamp,
    /// The version; `None` while versioning was never enabled on the bucket.
    pub version: Option<VersionId>,
    /// Standard headers and user metadata.
    pub headers: ObjectHeaders,
    /// The encryption in force.
    pub encryption: AppliedEncryption,
    /// The stored checksum, when wanted and not a partial answer.
    pub checksum: Option<StoredChecksum>,
    /// When wanted and one part is answered: that part's own checksum, where the object's is made of such (COMPOSITE).
    pub part_checksum: Option<ChecksumValue>,
    /// Number of parts, for objects written by multipart upload.
    pub parts: Option<u32>,
    /// First byte and number of bytes of the answer.
    pub start: u64,
    /// Number of plaintext bytes of the answer.
    pub length: u64,
    /// Whether the answer is partial (206).
    pub partial: bool,
    /// Number of tags, as far as the requester may read them; otherwise 0.
    pub tags: usize,
}

/// GetObjectAttributes.
#[derive(Debug)]
pub struct ReadAttributes {
    /// Which object, under which conditions, with which customer key, and whether its checksum is wanted. Range, part and
    /// `If-Range` mean nothing here.
    pub read: ReadObject,
    /// The page of parts, if they are wanted.
    pub parts: Option<AskedParts>,
}

/// Which parts GetObjectAttributes is to list.
#[derive(Clone, Copy, Debug)]
pub struct AskedParts {
    /// Only parts after this place.
    pub after: usize,
    /// At most so many.
    pub max: usize,
    /// Parts are listed with their sizes also where they have no checksums of their own.
    pub sizes_alone: bool,
}

/// GetObjectAttributes' answer.
#[derive(Clone, Debug)]
pub struct ObjectAttributes {
    /// ETag.
    pub etag: ETag,
    /// Plaintext size in bytes.
    pub size: u64,
    /// Last modification.
    pub last_modified: Timestamp,
    /// The version; `None` while versioning was never enabled on the bucket.
    pub version: Option<VersionId>,
    /// The stored checksum, when wanted.
    pub checksum: Option<StoredChecksum>,
    /// The parts, when wanted, of an object written by multipart upload.
    pub parts: Option<AttributeParts>,
    /// The encryption in force.
    pub encryption: AppliedEncryption,
}

/// The parts of an object.
#[derive(Clone, Debug)]
pub struct AttributeParts {
    /// How many there are.
    pub total: usize,
    /// A page of them; `None` where they are not told one by one.
    pub listed: Option<Vec<AttributePart>>,
    /// Whether there are more after this page.
    pub truncated: bool,
}

/// A part of an object.
#[derive(Clone, Debug)]
pub struct AttributePart {
    /// Its place, from 1: the number by which it is read.
    pub number: usize,
    /// Plaintext size in bytes.
    pub size: u64,
    /// Its own checksum, where the object's is made of such (COMPOSITE).
    pub checksum: Option<ChecksumValue>,
}

/// A response body: plaintext pieces, each released only after its auth tag was verified.
#[async_trait]
pub trait ResponseBody: Send {
    /// The next piece; `None` at the end. After an error the connection must be cut.
    async fn next(&mut self) -> Result<Option<Bytes>, crate::Fail>;
}

/// GetObject's answer.
pub struct GetOutcome {
    /// What goes into the headers.
    pub info: ObjectInfo,
    /// Exactly `info.length` bytes.
    pub body: Box<dyn ResponseBody>,
}

/// DeleteObject's answer.
#[derive(Clone, Debug, Default)]
pub struct DeleteOutcome {
    /// The version deleted, or the delete marker made.
    pub version: Option<VersionId>,
    /// Whether a delete marker was made or deleted.
    pub delete_marker: bool,
}

/// Where a copy reads from.
#[derive(Debug)]
pub struct CopySource {
    /// Bucket.
    pub bucket: BucketName,
    /// Object.
    pub name: ObjectName,
    /// Version; the current one if not said.
    pub version: Option<VersionId>,
    /// Conditions on the source.
    pub preconditions: Preconditions,
    /// Raw SSE-C headers for the source.
    pub customer: CustomerHeaders,
    /// Which bytes (UploadPartCopy): first and last, both inclusive.
    pub range: Option<(u64, u64)>,
}

/// CopyObject.
#[derive(Debug)]
pub struct CopyObject {
    /// From where.
    pub source: CopySource,
    /// To which bucket.
    pub bucket: BucketName,
    /// Under what name.
    pub name: ObjectName,
    /// New headers and metadata; `None` copies the source's.
    pub replace_headers: Option<ObjectHeaders>,
    /// Website redirect location of the copy; never taken from the source.
    pub website_redirect: Option<String>,
    /// Raw encryption headers for the target.
    pub encryption: EncryptionHeaders,
    /// Checksum algorithm for the copy.
    pub checksum_algorithm: Option<ChecksumAlgorithm>,
    /// What the write requires of the present state.
    pub expectation: WriteExpectation,
    /// The ACL of the copy, if one is given; it is never taken from the source.
    pub acl: Option<AclChoice>,
    /// Tags of the copy.
    pub tags: CopyTags,
}

/// What a copy answers.
#[derive(Clone, Debug)]
pub struct CopyOutcome {
    /// The write.
    pub write: WriteOutcome,
    /// The version copied from.
    pub source_version: Option<VersionId>,
}

// ---- listing ----------------------------------------------------------------------------------------------------

/// ListObjects, both versions; the dialects turn tokens and markers into `after`.
#[derive(Clone, Debug)]
pub struct ListObjects {
    /// Bucket.
    pub bucket: BucketName,
    /// Only names that begin so.
    pub prefix: String,
    /// Names grouped up to this.
    pub delimiter: Option<String>,
    /// Only names and common prefixes after this one, in byte order.
    pub after: Option<String>,
    /// At most so many names and common prefixes together.
    pub max: usize,
}

/// A listed object.
#[derive(Clone, Debug)]
pub struct ListedObject {
    /// Name.
    pub name: String,
    /// Plaintext size in bytes.
    pub size: u64,
    /// ETag.
    pub etag: ETag,
    /// Last modification.
    pub last_modified: Timestamp,
    /// Owner.
    pub owner: AccountId,
    /// The checksum algorithm and whether it is composite, where known without a key.
    pub checksum_algorithm: Option<(ChecksumAlgorithm, bool)>,
}

/// A page of a listing.
#[derive(Clone, Debug, Default)]
pub struct ObjectPage {
    /// Objects, in byte order of their names.
    pub objects: Vec<ListedObject>,
    /// Common prefixes, in byte order.
    pub common_prefixes: Vec<String>,
    /// Where the next page begins: the last name or common prefix of this one.
    pub next: Option<String>,
}

// ---- multipart --------------------------------------------------------------------------------------------------

/// CreateMultipartUpload (initiate).
#[derive(Debug)]
pub struct CreateUpload {
    /// Bucket.
    pub bucket: BucketName,
    /// Object.
    pub name: ObjectName,
    /// Headers and metadata of the object to be.
    pub headers: ObjectHeaders,
    /// Raw encryption headers; they fix the upload's method.
    pub encryption: EncryptionHeaders,
    /// Checksum algorithm the upload names, and whether it asks for a full-object value (`Some(true)`), a composite one
    /// (`Some(false)`), or does not say.
    pub checksum: Option<(ChecksumAlgorithm, Option<bool>)>,
    /// The ACL, if one is given.
    pub acl: Option<AclChoice>,
    /// Tags.
    pub tags: Tags,
}

/// CreateMultipartUpload's answer.
#[derive(Clone, Debug)]
pub struct CreateUploadOutcome {
    /// The new upload.
    pub upload: UploadId,
    /// The encryption in force.
    pub encryption: AppliedEncryption,
    /// Algorithm and whether composite.
    pub checksum: Option<(ChecksumAlgorithm, bool)>,
}

/// UploadPart.
#[derive(Debug)]
pub struct UploadPart {
    /// Bucket.
    pub bucket: BucketName,
    /// Object.
    pub name: ObjectName,
    /// Upload.
    pub upload: UploadId,
    /// Part.
    pub part: PartNumber,
    /// Raw encryption headers: the customer key, and, where the dialect reads it, what must not contradict the upload.
    pub encryption: EncryptionHeaders,
}

/// A part named by CompleteMultipartUpload.
#[derive(Clone, Debug)]
pub struct CompletedPart {
    /// Number.
    pub part: PartNumber,
    /// ETag as sent, without quotes.
    pub etag: String,
    /// Checksum as sent.
    pub checksum: Option<ChecksumValue>,
}

/// CompleteMultipartUpload.
#[derive(Debug)]
pub struct CompleteUpload {
    /// Bucket.
    pub bucket: BucketName,
    /// Object.
    pub name: ObjectName,
    /// Upload.
    pub upload: UploadId,
    /// Parts, in the order sent.
    pub parts: Vec<CompletedPart>,
    /// Raw SSE-C headers, when sent.
    pub customer: CustomerHeaders,
    /// Whole-object checksum as sent.
    pub checksum: Option<ChecksumValue>,
    /// The number of parts that a composite checksum was sent with (`-N`).
    pub checksum_parts: Option<u32>,
    /// Whether the checksum type sent is COMPOSITE (`Some(true)`) or FULL_OBJECT (`Some(false)`).
    pub checksum_composite: Option<bool>,
    /// Plaintext size of the whole object as announced.
    pub object_size: Option<u64>,
    /// What the write requires of the present state.
    pub expectation: WriteExpectation,
}

/// ListParts.
#[derive(Debug)]
pub struct ListParts {
    /// Bucket.
    pub bucket: BucketName,
    /// Object.
    pub name: ObjectName,
    /// Upload.
    pub upload: UploadId,
    /// Raw SSE-C headers, when sent: the list needs none.
    pub customer: CustomerHeaders,
    /// Only parts after this number.
    pub after: u16,
    /// At most so many.
    pub max: usize,
}

/// A listed part.
#[derive(Clone, Debug)]
pub struct ListedPart {
    /// Number.
    pub part: PartNumber,
    /// ETag.
    pub etag: ETag,
    /// Plaintext size in bytes.
    pub size: u64,
    /// When it was written.
    pub last_modified: Timestamp,
}

/// ListParts' answer.
#[derive(Clone, Debug)]
pub struct PartPage {
    /// Parts in ascending order.
    pub parts: Vec<ListedPart>,
    /// Number of the last part of this page, when there are more.
    pub next: Option<u16>,
    /// The upload's initiator and the object's owner to be.
    pub owner: AccountId,
}

/// ListMultipartUploads.
#[derive(Clone, Debug)]
pub struct ListUploads {
    /// Bucket.
    pub bucket: BucketName,
    /// Only names that begin so.
    pub prefix: String,
    /// Names grouped up to this.
    pub delimiter: Option<String>,
    /// Only uploads after this name ...
    pub after_name: Option<String>,
    /// ... and, for that name, after this upload id.
    pub after_upload: Option<UploadId>,
    /// At most so many.
    pub max: usize,
}

/// A listed upload.
#[derive(Clone, Debug)]
pub struct ListedUpload {
    /// Object.
    pub name: String,
    /// Upload.
    pub upload: UploadId,
    /// When it was begun.
    pub initiated: Timestamp,
    /// Who began it.
    pub owner: AccountId,
}

/// A page of uploads.
#[derive(Clone, Debug, Default)]
pub struct UploadPage {
    /// Uploads by name, then by id.
    pub uploads: Vec<ListedUpload>,
    /// Common prefixes.
    pub common_prefixes: Vec<String>,
    /// Where the next page begins.
    pub next: Option<(String, Option<UploadId>)>,
}
