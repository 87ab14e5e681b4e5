//! The spellings of condition keys (obs-api §8.4): AWS's, OBS's and Huawei's names of one thing are one key. Names are
//! compared without regard to case; what stands behind a `/` or an encryption context's `:` is a user's word and keeps
//! its case.

use crate::ConditionKey;
use ConditionKey as K;
use model::RegionName;

const VIA_STORE_PREFIX: &str = "s3.";
const VIA_STORE_SUFFIX: &str = ".amazonaws.com";

/// Keys that every service knows: under `aws:`, `g:`, `obs:` and `s3:`, or bare.
const GLOBAL: &[(&str, K)] = &[
    ("currenttime", K::CurrentTime),
    ("epochtime", K::EpochTime),
    ("securetransport", K::SecureTransport),
    ("tlsversion", K::TlsVersion),
    ("sourceip", K::SourceIp),
    ("useragent", K::UserAgent),
    ("referer", K::Referer),
    ("principalarn", K::PrincipalArn),
    ("principalurn", K::PrincipalArn),
    ("principalaccount", K::PrincipalAccount),
    ("principaltype", K::PrincipalType),
    ("userid", K::UserId),
    ("username", K::UserName),
    ("domainid", K::DomainId),
    ("domainname", K::DomainName),
    ("tokenissuetime", K::TokenIssueTime),
    ("multifactorauthpresent", K::MultiFactorAuthPresent),
    ("mfapresent", K::MultiFactorAuthPresent),
    ("resourceaccount", K::ResourceAccount),
    ("tagkeys", K::TagKeys),
];

/// Keys of the object store: under `s3:` and `obs:`, or bare; with or without `x-amz-` or `x-obs-`.
const STORE: &[(&str, K)] = &[
    ("prefix", K::Prefix),
    ("delimiter", K::Delimiter),
    ("max-keys", K::MaxKeys),
    ("acl", K::Acl),
    ("grant-read", K::GrantRead),
    ("grant-write", K::GrantWrite),
    ("grant-read-acp", K::GrantReadAcp),
    ("grant-write-acp", K::GrantWriteAcp),
    ("grant-full-control", K::GrantFullControl),
    ("copy-source", K::CopySource),
    ("metadata-directive", K::MetadataDirective),
    ("server-side-encryption", K::ServerSideEncryption),
    ("server-side-encryption-aws-kms-key-id", K::SseKmsKeyId),
    ("server-side-encryption-kms-key-id", K::SseKmsKeyId),
    ("server-side-encryption-bucket-key-enabled", K::SseBucketKey),
    ("server-side-data-encryption", K::SseDataEncryption),
    ("server-side-encryption-customer-algorithm", K::SseCustomerAlgorithm),
    ("versionid", K::VersionId),
    ("signatureversion", K::SignatureVersion),
    ("signatureage", K::SignatureAge),
    ("authtype", K::AuthType),
    ("content-sha256", K::ContentSha256),
    ("storage-class", K::StorageClass),
    ("locationconstraint", K::LocationConstraint),
    ("object-ownership", K::ObjectOwnership),
    ("requestobjecttagkeys", K::RequestObjectTagKeys),
];

const KMS: &[(&str, K)] = &[
    ("viaservice", K::ViaService),
    ("calleraccount", K::CallerAccount),
    ("encryptioncontextkeys", K::EncryptionContextKeys),
    ("grantoperations", K::GrantOperations),
    ("granteeprincipal", K::GranteePrincipal),
    ("retiringprincipal", K::RetiringPrincipal),
    ("grantconstrainttype", K::GrantConstraintType),
    ("grantisforawsresource", K::GrantIsForAwsResource),
    ("keyorigin", K::KeyOrigin),
    ("keyspec", K::KeySpec),
    ("customermasterkeyspec", K::KeySpec),
    ("keyusage", K::KeyUsage),
    ("customermasterkeyusage", K::KeyUsage),
    ("resourcealiases", K::ResourceAliases),
    ("encryptionalgorithm", K::EncryptionAlgorithm),
    ("multiregion", K::MultiRegion),
    ("wrappingalgorithm", K::WrappingAlgorithm),
    ("expirationmodel", K::ExpirationModel),
    ("validto", K::ValidTo),
    ("bypasspolicylockoutsafetycheck", K::BypassPolicyLockoutSafetyCheck),
    ("schedulekeydeletionpendingwindowindays", K::PendingWindowInDays),
    ("rotationperiodindays", K::RotationPeriodInDays),
    ("reencryptonsamekey", K::ReEncryptOnSameKey),
];

const STS: &[(&str, K)] = &[("externalid", K::ExternalId), ("rolesessionname", K::RoleSessionName)];

const IAM: &[(&str, K)] = &[("policyarn", K::PolicyArn), ("permissionsboundary", K::PermissionsBoundary)];

/// AWS's keys that are known and never present here: no private networks, organisations or calls by services; rights to a
/// CMK do not depend on the name it was asked for by. A bucket policy may name them.
const NEVER_PRESENT: &[&str] = &[
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:vpcsourceip",
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceowner",
    "aws:sourceorgid",
    "aws:sourceidentity",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalisawsservice",
    "aws:principalservicename",
    "aws:viaawsservice",
    "aws:calledvia",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:federatedprovider",
    "aws:multifactorauthage",
    "aws:requestedregion",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "g:mfaage",
    "g:sourcevpc",
    "g:sourcevpce",
    "g:projectname",
    "g:servicename",
    "kms:requestalias",
    "kms:multiregionkeytype",
    "kms:primaryregion",
    "kms:replicaregion",
    "kms:datakeypairspec",
    "kms:keyagreementalgorithm",
    "kms:macalgorithm",
    "kms:messagetype",
    "kms:signingalgorithm",
    "obs:customdomain",
    "obs:bucketencrypted",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:accesspointnetworkorigin",
    "s3:object-lock-mode",
    "s3:object-lock-legal-hold",
    "s3:object-lock-retain-until-date",
    "s3:object-lock-remaining-retention-days",
    "s3:inventoryaccessibleoptionalfields",
    "s3:x-amz-website-redirect-location",
    "s3:if-match",
    "s3:if-none-match",
];

impl ConditionKey {
    /// By any of its spellings. A name that means nothing here is [`ConditionKey::Unknown`].
    pub fn parse(name: &str) -> Self {
        let name = name.trim();
        let lower = name.to_ascii_lowercase();
        let (service, rest) = lower.split_once(':').unwrap_or(("", &lower));
        let own = &name[name.len() - rest.len()..];
        let found = match service {
            "aws" | "g" => find(GLOBAL, rest),
            "" | "obs" | "s3" => find(GLOBAL, rest).or_else(|| find(STORE, bare(rest))),
            "kms" => find(KMS, rest),
            "sts" => find(STS, rest),
            "iam" => find(IAM, rest),
            _ => None,
        };
        found.or_else(|| with_word(service, rest, own)).unwrap_or(Self::Unknown(lower.into()))
    }

    /// The canonical name, as AWS writes it, or as OBS does where AWS has none.
    pub fn name(&self) -> String {
        let fixed = match self {
            K::CurrentTime => "aws:CurrentTime",
            K::EpochTime => "aws:EpochTime",
            K::SecureTransport => "aws:SecureTransport",
            K::TlsVersion => "s3:TlsVersion",
            K::SourceIp => "aws:SourceIp",
            K::UserAgent => "aws:UserAgent",
            K::Referer => "aws:Referer",
            K::PrincipalArn => "aws:PrincipalArn",
            K::PrincipalAccount => "aws:PrincipalAccount",
            K::PrincipalType => "aws:PrincipalType",
            K::UserId => "aws:userid",
            K::UserName => "aws:username",
            K::DomainId => "g:DomainId",
            K::DomainName => "g:DomainName",
            K::TokenIssueTime => "aws:TokenIssueTime",
            K::MultiFactorAuthPresent => "aws:MultiFactorAuthPresent",
            K::ResourceAccount => "aws:ResourceAccount",
            K::Prefix => "s3:prefix",
            K::Delimiter => "s3:delimiter",
            K::MaxKeys => "s3:max-keys",
            K::Acl => "s3:x-amz-acl",
            K::GrantRead => "s3:x-amz-grant-read",
            K::GrantWrite => "s3:x-amz-grant-write",
            K::GrantReadAcp => "s3:x-amz-grant-read-acp",
            K::GrantWriteAcp => "s3:x-amz-grant-write-acp",
            K::GrantFullControl => "s3:x-amz-grant-full-control",
            K::CopySource => "s3:x-amz-copy-source",
            K::MetadataDirective => "s3:x-amz-metadata-directive",
            K::ServerSideEncryption => "s3:x-amz-server-side-encryption",
            K::SseKmsKeyId => "s3:x-amz-server-side-encryption-aws-kms-key-id",
            K::SseBucketKey => "s3:x-amz-server-side-encryption-bucket-key-enabled",
            K::SseDataEncryption => "x-obs-server-side-data-encryption",
            K::SseCustomerAlgorithm => "s3:x-amz-server-side-encryption-customer-algorithm",
            K::VersionId => "s3:VersionId",
            K::SignatureVersion => "s3:signatureversion",
            K::SignatureAge => "s3:signatureAge",
            K::AuthType => "s3:authType",
            K::ContentSha256 => "s3:x-amz-content-sha256",
            K::StorageClass => "s3:x-amz-storage-class",
            K::LocationConstraint => "s3:LocationConstraint",
            K::ObjectOwnership => "s3:x-amz-object-ownership",
            K::RequestObjectTagKeys => "s3:RequestObjectTagKeys",
            K::ViaService => "kms:ViaService",
            K::CallerAccount => "kms:CallerAccount",
            K::EncryptionContextKeys => "kms:EncryptionContextKeys",
            K::GrantOperations => "kms:GrantOperations",
            K::GranteePrincipal => "kms:GranteePrincipal",
            K::RetiringPrincipal => "kms:RetiringPrincipal",
            K::GrantConstraintType => "kms:GrantConstraintType",
            K::GrantIsForAwsResource => "kms:GrantIsForAWSResource",
            K::KeyOrigin => "kms:KeyOrigin",
            K::KeySpec => "kms:KeySpec",
            K::KeyUsage => "kms:KeyUsage",
            K::ResourceAliases => "kms:ResourceAliases",
            K::EncryptionAlgorithm => "kms:EncryptionAlgorithm",
            K::MultiRegion => "kms:MultiRegion",
            K::WrappingAlgorithm => "kms:WrappingAlgorithm",
            K::ExpirationModel => "kms:ExpirationModel",
            K::ValidTo => "kms:ValidTo",
            K::BypassPolicyLockoutSafetyCheck => "kms:BypassPolicyLockoutSafetyCheck",
            K::PendingWindowInDays => "kms:ScheduleKeyDeletionPendingWindowInDays",
            K::RotationPeriodInDays => "kms:RotationPeriodInDays",
            K::ReEncryptOnSameKey => "kms:ReEncryptOnSameKey",
            K::TagKeys => "aws:TagKeys",
            K::ResourceTag(tag) => return format!("aws:ResourceTag/{tag}"),
            K::RequestTag(tag) => return format!("aws:RequestTag/{tag}"),
            K::ExternalId => "sts:ExternalId",
            K::RoleSessionName => "sts:RoleSessionName",
            K::PolicyArn => "iam:PolicyARN",
            K::PermissionsBoundary => "iam:PermissionsBoundary",
            K::ExistingObjectTag(tag) => return format!("s3:ExistingObjectTag/{tag}"),
            K::RequestObjectTag(tag) => return format!("s3:RequestObjectTag/{tag}"),
            K::PrincipalTag(tag) => return format!("aws:PrincipalTag/{tag}"),
            K::EncryptionContext(word) => return format!("kms:EncryptionContext:{word}"),
            K::Unknown(name) => name,
        };
        fixed.to_owned()
    }

    /// Whether the server derives the value by itself, from the connection, the clock or the identity. Such a key is
    /// never read from what a request says.
    pub fn is_derived(&self) -> bool {
        matches!(
            self,
            K::CurrentTime
                | K::EpochTime
                | K::SecureTransport
                | K::SourceIp
                | K::PrincipalArn
                | K::PrincipalAccount
                | K::PrincipalType
                | K::UserId
                | K::UserName
                | K::DomainId
                | K::DomainName
                | K::TokenIssueTime
                | K::MultiFactorAuthPresent
                | K::ResourceAccount
                | K::PrincipalTag(_)
                | K::CallerAccount
                | K::Unknown(_)
        )
    }

    /// Whether only the KMS knows its value: it hands over what it found out about the CMK and the operation, and whatever
    /// else a request says goes unheard.
    pub fn is_of_keys(&self) -> bool {
        matches!(
            self,
            K::ViaService
                | K::EncryptionContext(_)
                | K::EncryptionContextKeys
                | K::GrantOperations
                | K::GranteePrincipal
                | K::RetiringPrincipal
                | K::GrantConstraintType
                | K::GrantIsForAwsResource
                | K::KeyOrigin
                | K::KeySpec
                | K::KeyUsage
                | K::ResourceAliases
                | K::EncryptionAlgorithm
                | K::MultiRegion
                | K::WrappingAlgorithm
                | K::ExpirationModel
                | K::ValidTo
                | K::BypassPolicyLockoutSafetyCheck
                | K::PendingWindowInDays
                | K::RotationPeriodInDays
                | K::ReEncryptOnSameKey
                | K::ResourceTag(_)
                | K::RequestTag(_)
                | K::TagKeys
        )
    }

    /// The value of `kms:ViaService` where the store, in either dialect, uses a CMK for a request:
    /// `s3.<region>.amazonaws.com`, which also matches `obs.<region>`. Who calls the KMS himself has none.
    pub fn via_store(region: &RegionName) -> String {
        format!("{VIA_STORE_PREFIX}{region}{VIA_STORE_SUFFIX}")
    }

    /// The region in a value that [`ConditionKey::via_store`] made.
    pub(crate) fn region_of_store(value: &str) -> Option<&str> {
        value.strip_prefix(VIA_STORE_PREFIX)?.strip_suffix(VIA_STORE_SUFFIX)
    }

    /// Whether a bucket or key policy may name it: what is misspelt there is refused rather than never present.
    pub(crate) fn is_known(&self) -> bool {
        match self {
            K::Unknown(name) => NEVER_PRESENT.contains(&&**name),
            _ => true,
        }
    }
}

fn find(table: &[(&str, K)], name: &str) -> Option<K> {
    table.iter().find(|(spelling, _)| *spelling == name).map(|(_, key)| key.clone())
}

fn bare(name: &str) -> &str {
    name.strip_prefix("x-amz-").or_else(|| name.strip_prefix("x-obs-")).unwrap_or(name)
}

/// Keys that end in a word of the user's. `rest` is in lower case, `own` as it was written.
fn with_word(service: &str, rest: &str, own: &str) -> Option<K> {
    let mark = rest.find(['/', ':'])?;
    let (kind, word) = (&rest[..=mark], &own[mark + 1..]);
    let word: Box<str> = if word.is_empty() { return None } else { word.into() };
    Some(match (service, kind) {
        ("s3" | "obs" | "", "existingobjecttag/") => K::ExistingObjectTag(word),
        ("s3" | "obs" | "", "requestobjecttag/") => K::RequestObjectTag(word),
        ("aws" | "g", "principaltag/") => K::PrincipalTag(word),
        ("aws" | "g", "resourcetag/") => K::ResourceTag(word),
        ("aws" | "g", "requesttag/") => K::RequestTag(word),
        ("kms", "encryptioncontext:") => K::EncryptionContext(word),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_key_are_one_key() {
        for (key, names) in [
            (
                K::SourceIp,
                &["aws:SourceIp", "AWS:sourceip", "g:SourceIp", "obs:SourceIp", " SourceIp ", "s3:SourceIp"][..],
            ),
            (
                K::ServerSideEncryption,
                &[
                    "server-side-encryption",
                    "x-obs-server-side-encryption",
                    "obs:x-obs-server-side-encryption",
                    "s3:x-amz-server-side-encryption",
                    "S3:X-AMZ-Server-Side-Encryption",
                ],
            ),
            (
                K::SseKmsKeyId,
                &["s3:x-amz-server-side-encryption-aws-kms-key-id", "x-obs-server-side-encryption-kms-key-id"],
            ),
            (K::Acl, &["acl", "s3:x-amz-acl", "obs:acl", "x-obs-acl"]),
            (K::ExistingObjectTag("Team".into()), &["s3:ExistingObjectTag/Team", "s3:existingobjecttag/Team"]),
            (K::EncryptionContext("Aws:s3:arn".into()), &["kms:EncryptionContext:Aws:s3:arn"]),
            (K::PrincipalTag("a/b".into()), &["aws:PrincipalTag/a/b"]),
            (K::ResourceTag("Team".into()), &["aws:ResourceTag/Team", "g:resourcetag/Team"]),
            (K::KeySpec, &["kms:KeySpec", "kms:CustomerMasterKeySpec"]),
        ] {
            for name in names {
                assert_eq!(K::parse(name), key, "{name}");
            }
            assert_eq!(K::parse(&key.name()), key);
        }
    }

    #[test]
    fn every_name_of_the_tables_leads_back() {
        for (table, service) in [(GLOBAL, "g:"), (STORE, "obs:"), (KMS, "kms:"), (STS, "sts:"), (IAM, "iam:")] {
            for (name, key) in table {
                assert_eq!(K::parse(&format!("{service}{name}")), *key);
                assert_eq!(K::parse(&key.name()), *key);
            }
        }
    }

    #[test]
    fn what_is_misspelt_is_unknown() {
        for name in [
            "",
            "s3:prefx",
            "aws:prefix",
            "kms:prefix",
            "ec2:Region",
            "s3:ExistingObjectTag/",
            "aws:PrincipalTag",
            "é/x",
            "::",
        ] {
            assert!(!K::parse(name).is_known(), "{name}");
        }
        assert!(K::parse("aws:SourceVpce").is_known());
    }
}
