//! Kinds of actions: on objects or buckets, decided by whom, changing who may do what.

use crate::Action;
use Action as A;

impl Action {
    /// Whether it is an action of the object store.
    pub fn is_of_store(self) -> bool {
        self.name().starts_with("s3:")
    }

    /// Whether it is an action of the key service.
    pub fn is_of_keys(self) -> bool {
        self.name().starts_with("kms:")
    }

    /// Whether OBS counts it among the actions on objects (`obs:object:…`) rather than on buckets (obs-api §8.5).
    pub fn is_on_object(self) -> bool {
        self.is_on_existing_object() || self.is_of_bucket_owner() || self.is_on_upload()
    }

    /// Actions on objects about which the bucket's owner decides, whoever owns the object: what makes, replaces and
    /// removes it.
    pub(crate) fn is_of_bucket_owner(self) -> bool {
        matches!(self, A::PutObject | A::DeleteObject | A::DeleteObjectVersion)
    }

    /// Actions on an upload in progress. They are the bucket owner's to decide, and for whose upload it is, theirs as
    /// well (S3): the request names either as the owner.
    fn is_on_upload(self) -> bool {
        matches!(self, A::AbortMultipartUpload | A::ListMultipartUploadParts)
    }

    fn is_on_existing_object(self) -> bool {
        matches!(
            self,
            A::GetObject
                | A::GetObjectVersion
                | A::GetObjectAttributes
                | A::GetObjectVersionAttributes
                | A::GetObjectAcl
                | A::PutObjectAcl
                | A::GetObjectVersionAcl
                | A::PutObjectVersionAcl
                | A::UpdateObjectEncryption
                | A::GetObjectTagging
                | A::PutObjectTagging
                | A::DeleteObjectTagging
                | A::GetObjectVersionTagging
                | A::PutObjectVersionTagging
                | A::DeleteObjectVersionTagging
        )
    }
}

impl Action {
    /// Whether it makes, changes or removes an identity, a credential, a policy of an identity or of a key, a grant or an
    /// account. A session that is narrowed never may: what it would make could do more than the session itself
    /// (CVE-2025-62506).
    pub fn is_mutating_identity(self) -> bool {
        match self {
            A::KmsCreateGrant
            | A::KmsPutKeyPolicy
            | A::IamCreateUser
            | A::IamUpdateUser
            | A::IamDeleteUser
            | A::IamCreateAccessKey
            | A::IamUpdateAccessKey
            | A::IamDeleteAccessKey
            | A::IamCreateLoginProfile
            | A::IamUpdateLoginProfile
            | A::IamDeleteLoginProfile
            | A::IamPutUserPolicy
            | A::IamDeleteUserPolicy
            | A::IamAttachUserPolicy
            | A::IamDetachUserPolicy
            | A::IamPutUserPermissionsBoundary
            | A::IamDeleteUserPermissionsBoundary
            | A::IamCreateGroup
            | A::IamUpdateGroup
            | A::IamDeleteGroup
            | A::IamAddUserToGroup
            | A::IamRemoveUserFromGroup
            | A::IamPutGroupPolicy
            | A::IamDeleteGroupPolicy
            | A::IamAttachGroupPolicy
            | A::IamDetachGroupPolicy
            | A::IamCreateRole
            | A::IamUpdateRole
            | A::IamUpdateAssumeRolePolicy
            | A::IamDeleteRole
            | A::IamPutRolePolicy
            | A::IamDeleteRolePolicy
            | A::IamAttachRolePolicy
            | A::IamDetachRolePolicy
            | A::IamPutRolePermissionsBoundary
            | A::IamDeleteRolePermissionsBoundary
            | A::IamCreatePolicy
            | A::IamDeletePolicy
            | A::IamCreatePolicyVersion
            | A::IamDeletePolicyVersion
            | A::IamSetDefaultPolicyVersion
            | A::IamCreateProject
            | A::IamUpdateProject
            | A::IamDeleteProject
            | A::IamRevokeSessions
            | A::ServerCreateAccount
            | A::ServerUpdateAccount
            | A::ServerDeleteAccount
            | A::ServerRotateTokenKey
            | A::ServerChangeRootKey
            | A::ServerBackUpKeys => true,
            A::ListAllMyBuckets
            | A::CreateBucket
            | A::DeleteBucket
            | A::HeadBucket
            | A::ListBucket
            | A::ListBucketVersions
            | A::GetBucketLocation
            | A::ListBucketMultipartUploads
            | A::GetEncryptionConfiguration
            | A::PutEncryptionConfiguration
            | A::GetBucketVersioning
            | A::GetBucketAcl
            | A::PutBucketAcl
            | A::GetBucketPolicy
            | A::PutBucketPolicy
            | A::DeleteBucketPolicy
            | A::GetBucketPolicyStatus
            | A::GetBucketPublicStatus
            | A::GetBucketPublicAccessBlock
            | A::PutBucketPublicAccessBlock
            | A::DeleteBucketPublicAccessBlock
            | A::GetBucketOwnershipControls
            | A::PutBucketOwnershipControls
            | A::GetObject
            | A::GetObjectVersion
            | A::GetObjectAttributes
            | A::GetObjectVersionAttributes
            | A::PutObject
            | A::DeleteObject
            | A::DeleteObjectVersion
            | A::GetObjectAcl
            | A::PutObjectAcl
            | A::GetObjectVersionAcl
            | A::PutObjectVersionAcl
            | A::UpdateObjectEncryption
            | A::GetObjectTagging
            | A::PutObjectTagging
            | A::DeleteObjectTagging
            | A::GetObjectVersionTagging
            | A::PutObjectVersionTagging
            | A::DeleteObjectVersionTagging
            | A::AbortMultipartUpload
            | A::ListMultipartUploadParts
            | A::KmsCreateKey
            | A::KmsDescribeKey
            | A::KmsListKeys
            | A::KmsListAliases
            | A::KmsCreateAlias
            | A::KmsDeleteAlias
            | A::KmsEnableKey
            | A::KmsDisableKey
            | A::KmsScheduleKeyDeletion
            | A::KmsCancelKeyDeletion
            | A::KmsGenerateDataKey
            | A::KmsDecrypt
            | A::KmsGenerateDataKeyWithoutPlaintext
            | A::KmsEncrypt
            | A::KmsReEncryptFrom
            | A::KmsReEncryptTo
            | A::KmsGenerateRandom
            | A::KmsUpdateAlias
            | A::KmsUpdateKeyDescription
            | A::KmsTagResource
            | A::KmsUntagResource
            | A::KmsListResourceTags
            | A::KmsEnableKeyRotation
            | A::KmsDisableKeyRotation
            | A::KmsGetKeyRotationStatus
            | A::KmsRotateKeyOnDemand
            | A::KmsListKeyRotations
            | A::KmsGetParametersForImport
            | A::KmsImportKeyMaterial
            | A::KmsDeleteImportedKeyMaterial
            | A::KmsListGrants
            | A::KmsListRetirableGrants
            | A::KmsRevokeGrant
            | A::KmsRetireGrant
            | A::KmsGetKeyPolicy
            | A::KmsListKeyPolicies
            | A::IamGetUser
            | A::IamListUsers
            | A::IamListAccessKeys
            | A::IamGetAccessKeyLastUsed
            | A::IamGetLoginProfile
            | A::IamGetUserPolicy
            | A::IamListUserPolicies
            | A::IamListAttachedUserPolicies
            | A::IamGetGroup
            | A::IamListGroups
            | A::IamListGroupsForUser
            | A::IamGetGroupPolicy
            | A::IamListGroupPolicies
            | A::IamListAttachedGroupPolicies
            | A::IamGetRole
            | A::IamListRoles
            | A::IamGetRolePolicy
            | A::IamListRolePolicies
            | A::IamListAttachedRolePolicies
            | A::IamGetPolicy
            | A::IamListPolicies
            | A::IamGetPolicyVersion
            | A::IamListPolicyVersions
            | A::IamListEntitiesForPolicy
            | A::IamListProjects
            | A::IamGetProject
            | A::IamSimulatePrincipalPolicy
            | A::IamGetAccountSummary
            | A::StsAssumeRole
            | A::StsGetSessionToken
            | A::StsGetCallerIdentity
            | A::ServerListAccounts
            | A::ServerGetAccount
            | A::ServerExplainAccess => false,
        }
    }
}
