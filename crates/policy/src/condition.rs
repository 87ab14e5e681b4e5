//! What the conditions of a policy can see of a request.

use model::Timestamp;
use std::net::IpAddr;

/// A condition key, whatever its spelling in the policy: `SourceIp`, `aws:SourceIp`, `g:SourceIp` and `obs:SourceIp` are
/// one key. Keys that the server derives by itself (time, address, identity, transport) are not among what a request
/// can set: [`Conditions`] has fields for them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionKey {
    /// `aws:CurrentTime`
    CurrentTime,
    /// `aws:EpochTime`
    EpochTime,
    /// `aws:SecureTransport`
    SecureTransport,
    /// `s3:TlsVersion`, OBS `TlsVersion`: `1.2`, `1.3`
    TlsVersion,
    /// `aws:SourceIp`
    SourceIp,
    /// `aws:UserAgent`
    UserAgent,
    /// `aws:Referer`
    Referer,
    /// `aws:PrincipalArn`
    PrincipalArn,
    /// `aws:PrincipalAccount`: number of the account; also matches its id
    PrincipalAccount,
    /// `aws:PrincipalType`: `Anonymous`, `Account`, `User`, `AssumedRole`
    PrincipalType,
    /// `aws:userid`, `g:UserId`
    UserId,
    /// `aws:username`, `g:UserName`: only for users
    UserName,
    /// `g:DomainId`: the account's id
    DomainId,
    /// `g:DomainName`: the account's name
    DomainName,
    /// `aws:TokenIssueTime`: only for temporary credentials
    TokenIssueTime,
    /// `aws:MultiFactorAuthPresent`, `g:MFAPresent`: absent, as no second factor is offered
    MultiFactorAuthPresent,
    /// `aws:ResourceAccount`, `s3:ResourceAccount`
    ResourceAccount,
    /// `s3:prefix`
    Prefix,
    /// `s3:delimiter`
    Delimiter,
    /// `s3:max-keys`
    MaxKeys,
    /// `s3:x-amz-acl`, OBS `acl`
    Acl,
    /// `s3:x-amz-grant-read`
    GrantRead,
    /// `s3:x-amz-grant-write`
    GrantWrite,
    /// `s3:x-amz-grant-read-acp`
    GrantReadAcp,
    /// `s3:x-amz-grant-write-acp`
    GrantWriteAcp,
    /// `s3:x-amz-grant-full-control`
    GrantFullControl,
    /// `s3:x-amz-copy-source`: `bucket/key`
    CopySource,
    /// `s3:x-amz-metadata-directive`
    MetadataDirective,
    /// `s3:x-amz-server-side-encryption`, `x-obs-server-side-encryption`: values compare without a leading `aws:`
    ServerSideEncryption,
    /// `s3:x-amz-server-side-encryption-aws-kms-key-id`, `…-kms-key-id`: as sent; also matches [`Conditions::named_cmk`]
    SseKmsKeyId,
    /// `…-bucket-key-enabled`
    SseBucketKey,
    /// `x-obs-server-side-data-encryption`
    SseDataEncryption,
    /// `…-customer-algorithm`
    SseCustomerAlgorithm,
    /// `s3:VersionId`, OBS `versionId`
    VersionId,
    /// `s3:signatureversion`: `AWS`, `AWS4-HMAC-SHA256`, `OBS`
    SignatureVersion,
    /// `s3:signatureAge`: milliseconds since a presigned URL was signed
    SignatureAge,
    /// `s3:authType`: `REST-HEADER`, `REST-QUERY-STRING`, `POST`
    AuthType,
    /// `s3:x-amz-content-sha256`
    ContentSha256,
    /// `s3:x-amz-storage-class`
    StorageClass,
    /// `s3:LocationConstraint`
    LocationConstraint,
    /// `s3:x-amz-object-ownership`
    ObjectOwnership,
    /// `s3:ExistingObjectTag/<key>`
    ExistingObjectTag(Box<str>),
    /// `s3:RequestObjectTag/<key>`
    RequestObjectTag(Box<str>),
    /// `s3:RequestObjectTagKeys`
    RequestObjectTagKeys,
    /// `aws:PrincipalTag/<key>`: absent until identities have tags
    PrincipalTag(Box<str>),
    /// `kms:ViaService`: only where the store uses a CMK for a request, see [`ConditionKey::via_store`]
    ViaService,
    /// `kms:CallerAccount`
    CallerAccount,
    /// `kms:EncryptionContext:<key>`
    EncryptionContext(Box<str>),
    /// `kms:EncryptionContextKeys`
    EncryptionContextKeys,
    /// `kms:GrantOperations`: of a new grant, `Decrypt` and so on
    GrantOperations,
    /// `kms:GranteePrincipal`: of a new grant, as given
    GranteePrincipal,
    /// `kms:RetiringPrincipal`: of a new grant, as given
    RetiringPrincipal,
    /// `kms:GrantConstraintType`: `EncryptionContextEquals`, `EncryptionContextSubset`
    GrantConstraintType,
    /// `kms:GrantIsForAWSResource`
    GrantIsForAwsResource,
    /// `kms:KeyOrigin`: `AWS_KMS` (also matches `kms`), `EXTERNAL` (`external`)
    KeyOrigin,
    /// `kms:KeySpec`: `SYMMETRIC_DEFAULT` (also matches `AES_256`), `SM4`
    KeySpec,
    /// `kms:KeyUsage`: `ENCRYPT_DECRYPT`
    KeyUsage,
    /// `kms:ResourceAliases`: the CMK's aliases, `alias/` included
    ResourceAliases,
    /// `kms:EncryptionAlgorithm`
    EncryptionAlgorithm,
    /// `kms:MultiRegion`: `false`
    MultiRegion,
    /// `kms:WrappingAlgorithm`
    WrappingAlgorithm,
    /// `kms:ExpirationModel`
    ExpirationModel,
    /// `kms:ValidTo`
    ValidTo,
    /// `kms:BypassPolicyLockoutSafetyCheck`
    BypassPolicyLockoutSafetyCheck,
    /// `kms:ScheduleKeyDeletionPendingWindowInDays`
    PendingWindowInDays,
    /// `kms:RotationPeriodInDays`
    RotationPeriodInDays,
    /// `kms:ReEncryptOnSameKey`
    ReEncryptOnSameKey,
    /// `aws:ResourceTag/<key>`, `g:ResourceTag/<key>`: of CMKs
    ResourceTag(Box<str>),
    /// `aws:RequestTag/<key>`, `g:RequestTag/<key>`: tags sent for a CMK
    RequestTag(Box<str>),
    /// `aws:TagKeys`, `g:TagKeys`: keys of the tags sent for a CMK
    TagKeys,
    /// `sts:ExternalId`
    ExternalId,
    /// `sts:RoleSessionName`
    RoleSessionName,
    /// `iam:PolicyARN`
    PolicyArn,
    /// `iam:PermissionsBoundary`
    PermissionsBoundary,
    /// A key this server does not know, in lower case. Always absent.
    Unknown(Box<str>),
}

/// What the request supplied, as sent: a bucket default is not visible here.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// When the request came, by the server's clock.
    pub time: Timestamp,
    /// Whether the request came over TLS (to this server, or to a trusted proxy that says so).
    pub secure_transport: bool,
    /// Where the request came from: the peer, or what a trusted proxy says.
    pub source_ip: Option<IpAddr>,
    /// What the request said. A key with several values stands once per value.
    pub values: Vec<(ConditionKey, String)>,
    /// The CMK that the key id of the request's encryption headers names, where the server found it and the caller may use
    /// it. Whoever may not is decided on by what they sent, and so learns nothing of what it names.
    pub named_cmk: Option<CmkNames>,
}

/// A CMK by the names that are its own, which no caller can choose or move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CmkNames {
    /// `arn:aws:kms:<region>:<account number>:key/<uuid>`
    pub arn: String,
    /// `<region>:<account>:key/<uuid>`
    pub obs: String,
    /// `<uuid>`
    pub uuid: String,
}

impl Conditions {
    /// Adds a value.
    pub fn add(&mut self, key: ConditionKey, value: impl Into<String>) -> &mut Self {
        self.values.push((key, value.into()));
        self
    }
}
