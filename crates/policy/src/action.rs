//! Actions: what a policy allows or denies. One operation may need several.

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $obs:literal;)*) => {
        /// An action. AWS's names and OBS's map onto it; where one of them has one name for two actions, both get it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Action { $($(#[$doc])* $variant,)* }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Action] = &[$(Action::$variant,)*];

            /// AWS's name, service prefix included (`s3:GetObject`); `strongroom:` for this server's own.
            pub const fn name(self) -> &'static str {
                match self { $(Action::$variant => $name,)* }
            }

            /// The name in OBS's bucket policies, without prefix (`GetObject`); empty where OBS has none.
            pub const fn obs_name(self) -> &'static str {
                match self { $(Action::$variant => $obs,)* }
            }
        }
    };
}

actions! {
    /// List the account's buckets.
    ListAllMyBuckets = "s3:ListAllMyBuckets", "ListAllMyBuckets";
    /// Create a bucket.
    CreateBucket = "s3:CreateBucket", "CreateBucket";
    /// Delete a bucket.
    DeleteBucket = "s3:DeleteBucket", "DeleteBucket";
    /// Ask whether a bucket exists and where. S3 has no action of its own for it.
    HeadBucket = "s3:ListBucket", "HeadBucket";
    /// List a bucket's objects.
    ListBucket = "s3:ListBucket", "ListBucket";
    /// List a bucket's versions.
    ListBucketVersions = "s3:ListBucketVersions", "ListBucketVersions";
    /// Read a bucket's region.
    GetBucketLocation = "s3:GetBucketLocation", "GetBucketLocation";
    /// List a bucket's multipart uploads.
    ListBucketMultipartUploads = "s3:ListBucketMultipartUploads", "ListBucketMultipartUploads";
    /// Read a bucket's encryption configuration.
    GetEncryptionConfiguration = "s3:GetEncryptionConfiguration", "GetEncryptionConfiguration";
    /// Set or remove a bucket's encryption configuration.
    PutEncryptionConfiguration = "s3:PutEncryptionConfiguration", "PutEncryptionConfiguration";
    /// Read a bucket's versioning state.
    GetBucketVersioning = "s3:GetBucketVersioning", "GetBucketVersioning";
    /// Read a bucket's ACL.
    GetBucketAcl = "s3:GetBucketAcl", "GetBucketAcl";
    /// Set a bucket's ACL.
    PutBucketAcl = "s3:PutBucketAcl", "PutBucketAcl";
    /// Read a bucket's policy.
    GetBucketPolicy = "s3:GetBucketPolicy", "GetBucketPolicy";
    /// Set a bucket's policy.
    PutBucketPolicy = "s3:PutBucketPolicy", "PutBucketPolicy";
    /// Remove a bucket's policy.
    DeleteBucketPolicy = "s3:DeleteBucketPolicy", "DeleteBucketPolicy";
    /// Ask whether a bucket's policy is public.
    GetBucketPolicyStatus = "s3:GetBucketPolicyStatus", "GetBucketPolicyPublicStatus";
    /// Ask whether a bucket is public, by policy or ACL (OBS).
    GetBucketPublicStatus = "s3:GetBucketPolicyStatus", "GetBucketPublicStatus";
    /// Read a bucket's block on public access.
    GetBucketPublicAccessBlock = "s3:GetBucketPublicAccessBlock", "GetBucketPublicAccessBlock";
    /// Set a bucket's block on public access.
    PutBucketPublicAccessBlock = "s3:PutBucketPublicAccessBlock", "PutBucketPublicAccessBlock";
    /// Remove a bucket's block on public access.
    DeleteBucketPublicAccessBlock = "s3:PutBucketPublicAccessBlock", "DeleteBucketPublicAccessBlock";
    /// Read who owns a bucket's objects.
    GetBucketOwnershipControls = "s3:GetBucketOwnershipControls", "GetBucketOwnershipControls";
    /// Set or reset who owns a bucket's objects.
    PutBucketOwnershipControls = "s3:PutBucketOwnershipControls", "PutBucketOwnershipControls";
    /// Read the current version of an object.
    GetObject = "s3:GetObject", "GetObject";
    /// Read a named version of an object.
    GetObjectVersion = "s3:GetObjectVersion", "GetObjectVersion";
    /// Read what is known of an object beside its body. OBS has no such operation; its name is S3's.
    GetObjectAttributes = "s3:GetObjectAttributes", "GetObjectAttributes";
    /// The same of a named version of an object.
    GetObjectVersionAttributes = "s3:GetObjectVersionAttributes", "GetObjectVersionAttributes";
    /// Write an object, or a part of one.
    PutObject = "s3:PutObject", "PutObject";
    /// Delete an object.
    DeleteObject = "s3:DeleteObject", "DeleteObject";
    /// Delete a named version of an object.
    DeleteObjectVersion = "s3:DeleteObjectVersion", "DeleteObjectVersion";
    /// Read the ACL of an object.
    GetObjectAcl = "s3:GetObjectAcl", "GetObjectAcl";
    /// Set the ACL of an object.
    PutObjectAcl = "s3:PutObjectAcl", "PutObjectAcl";
    /// Read the ACL of a named version of an object.
    GetObjectVersionAcl = "s3:GetObjectVersionAcl", "GetObjectVersionAcl";
    /// Set the ACL of a named version of an object.
    PutObjectVersionAcl = "s3:PutObjectVersionAcl", "PutObjectVersionAcl";
    /// Change what an object's DEK is wrapped by. OBS has no such operation; its name is S3's.
    UpdateObjectEncryption = "s3:UpdateObjectEncryption", "UpdateObjectEncryption";
    /// Read the tags of an object.
    GetObjectTagging = "s3:GetObjectTagging", "GetObjectTagging";
    /// Set the tags of an object.
    PutObjectTagging = "s3:PutObjectTagging", "PutObjectTagging";
    /// Remove the tags of an object.
    DeleteObjectTagging = "s3:DeleteObjectTagging", "DeleteObjectTagging";
    /// Read the tags of a named version of an object.
    GetObjectVersionTagging = "s3:GetObjectVersionTagging", "GetObjectVersionTagging";
    /// Set the tags of a named version of an object.
    PutObjectVersionTagging = "s3:PutObjectVersionTagging", "PutObjectVersionTagging";
    /// Remove the tags of a named version of an object.
    DeleteObjectVersionTagging = "s3:DeleteObjectVersionTagging", "DeleteObjectVersionTagging";
    /// Abort a multipart upload.
    AbortMultipartUpload = "s3:AbortMultipartUpload", "AbortMultipartUpload";
    /// List the parts of a multipart upload.
    ListMultipartUploadParts = "s3:ListMultipartUploadParts", "ListMultipartUploadParts";
    /// Create a CMK.
    KmsCreateKey = "kms:CreateKey", "";
    /// Describe a CMK.
    KmsDescribeKey = "kms:DescribeKey", "";
    /// List the account's CMKs.
    KmsListKeys = "kms:ListKeys", "";
    /// List the account's aliases.
    KmsListAliases = "kms:ListAliases", "";
    /// Create an alias.
    KmsCreateAlias = "kms:CreateAlias", "";
    /// Remove an alias.
    KmsDeleteAlias = "kms:DeleteAlias", "";
    /// Enable a CMK.
    KmsEnableKey = "kms:EnableKey", "";
    /// Disable a CMK.
    KmsDisableKey = "kms:DisableKey", "";
    /// Schedule a CMK's deletion.
    KmsScheduleKeyDeletion = "kms:ScheduleKeyDeletion", "";
    /// Cancel a CMK's deletion.
    KmsCancelKeyDeletion = "kms:CancelKeyDeletion", "";
    /// Use a CMK to make a data key (a DEK or a bucket key).
    KmsGenerateDataKey = "kms:GenerateDataKey", "";
    /// Use a CMK to unwrap a data key.
    KmsDecrypt = "kms:Decrypt", "";
    /// Use a CMK to make a data key that the caller is shown wrapped only.
    KmsGenerateDataKeyWithoutPlaintext = "kms:GenerateDataKeyWithoutPlaintext", "";
    /// Use a CMK to wrap the caller's bytes.
    KmsEncrypt = "kms:Encrypt", "";
    /// Use a CMK as the source of a rewrap.
    KmsReEncryptFrom = "kms:ReEncryptFrom", "";
    /// Use a CMK as the destination of a rewrap.
    KmsReEncryptTo = "kms:ReEncryptTo", "";
    /// Draw random bytes.
    KmsGenerateRandom = "kms:GenerateRandom", "";
    /// Point an alias at another CMK; asked of both.
    KmsUpdateAlias = "kms:UpdateAlias", "";
    /// Change a CMK's description.
    KmsUpdateKeyDescription = "kms:UpdateKeyDescription", "";
    /// Tag a CMK.
    KmsTagResource = "kms:TagResource", "";
    /// Untag a CMK.
    KmsUntagResource = "kms:UntagResource", "";
    /// Read a CMK's tags.
    KmsListResourceTags = "kms:ListResourceTags", "";
    /// Let a CMK rotate by itself, or change how often.
    KmsEnableKeyRotation = "kms:EnableKeyRotation", "";
    /// Stop a CMK from rotating by itself.
    KmsDisableKeyRotation = "kms:DisableKeyRotation", "";
    /// Read whether and when a CMK rotates.
    KmsGetKeyRotationStatus = "kms:GetKeyRotationStatus", "";
    /// Rotate a CMK now.
    KmsRotateKeyOnDemand = "kms:RotateKeyOnDemand", "";
    /// Read a CMK's rotations.
    KmsListKeyRotations = "kms:ListKeyRotations", "";
    /// Get what importing key material needs.
    KmsGetParametersForImport = "kms:GetParametersForImport", "";
    /// Import key material.
    KmsImportKeyMaterial = "kms:ImportKeyMaterial", "";
    /// Delete imported key material.
    KmsDeleteImportedKeyMaterial = "kms:DeleteImportedKeyMaterial", "";
    /// Make a grant.
    KmsCreateGrant = "kms:CreateGrant", "";
    /// Read a CMK's grants.
    KmsListGrants = "kms:ListGrants", "";
    /// Read the grants that the caller may retire.
    KmsListRetirableGrants = "kms:ListRetirableGrants", "";
    /// Take a grant away, as the CMK's owner.
    KmsRevokeGrant = "kms:RevokeGrant", "";
    /// Give a grant back, as whom it names.
    KmsRetireGrant = "kms:RetireGrant", "";
    /// Read a CMK's key policy.
    KmsGetKeyPolicy = "kms:GetKeyPolicy", "";
    /// Set a CMK's key policy.
    KmsPutKeyPolicy = "kms:PutKeyPolicy", "";
    /// List the names of a CMK's key policies.
    KmsListKeyPolicies = "kms:ListKeyPolicies", "";
    /// Create user (as AWS's operation of that name).
    IamCreateUser = "iam:CreateUser", "";
    /// Get user (as AWS's operation of that name).
    IamGetUser = "iam:GetUser", "";
    /// List users (as AWS's operation of that name).
    IamListUsers = "iam:ListUsers", "";
    /// Update user (as AWS's operation of that name).
    IamUpdateUser = "iam:UpdateUser", "";
    /// Delete user (as AWS's operation of that name).
    IamDeleteUser = "iam:DeleteUser", "";
    /// Create access key (as AWS's operation of that name).
    IamCreateAccessKey = "iam:CreateAccessKey", "";
    /// List access keys (as AWS's operation of that name).
    IamListAccessKeys = "iam:ListAccessKeys", "";
    /// Update access key (as AWS's operation of that name).
    IamUpdateAccessKey = "iam:UpdateAccessKey", "";
    /// Delete access key (as AWS's operation of that name).
    IamDeleteAccessKey = "iam:DeleteAccessKey", "";
    /// Ask when an access key was last used.
    IamGetAccessKeyLastUsed = "iam:GetAccessKeyLastUsed", "";
    /// Give a user a password.
    IamCreateLoginProfile = "iam:CreateLoginProfile", "";
    /// Change a user's password.
    IamUpdateLoginProfile = "iam:UpdateLoginProfile", "";
    /// Take a user's password away.
    IamDeleteLoginProfile = "iam:DeleteLoginProfile", "";
    /// Ask whether a user has a password.
    IamGetLoginProfile = "iam:GetLoginProfile", "";
    /// Put user policy (as AWS's operation of that name).
    IamPutUserPolicy = "iam:PutUserPolicy", "";
    /// Get user policy (as AWS's operation of that name).
    IamGetUserPolicy = "iam:GetUserPolicy", "";
    /// List user policies (as AWS's operation of that name).
    IamListUserPolicies = "iam:ListUserPolicies", "";
    /// Delete user policy (as AWS's operation of that name).
    IamDeleteUserPolicy = "iam:DeleteUserPolicy", "";
    /// Attach user policy (as AWS's operation of that name).
    IamAttachUserPolicy = "iam:AttachUserPolicy", "";
    /// Detach user policy (as AWS's operation of that name).
    IamDetachUserPolicy = "iam:DetachUserPolicy", "";
    /// List attached user policies (as AWS's operation of that name).
    IamListAttachedUserPolicies = "iam:ListAttachedUserPolicies", "";
    /// Put user permissions boundary (as AWS's operation of that name).
    IamPutUserPermissionsBoundary = "iam:PutUserPermissionsBoundary", "";
    /// Delete user permissions boundary (as AWS's operation of that name).
    IamDeleteUserPermissionsBoundary = "iam:DeleteUserPermissionsBoundary", "";
    /// Create group (as AWS's operation of that name).
    IamCreateGroup = "iam:CreateGroup", "";
    /// Get group (as AWS's operation of that name).
    IamGetGroup = "iam:GetGroup", "";
    /// List groups (as AWS's operation of that name).
    IamListGroups = "iam:ListGroups", "";
    /// Update group (as AWS's operation of that name).
    IamUpdateGroup = "iam:UpdateGroup", "";
    /// Delete group (as AWS's operation of that name).
    IamDeleteGroup = "iam:DeleteGroup", "";
    /// Make a user a member of a group.
    IamAddUserToGroup = "iam:AddUserToGroup", "";
    /// End a user's membership of a group.
    IamRemoveUserFromGroup = "iam:RemoveUserFromGroup", "";
    /// List groups for user (as AWS's operation of that name).
    IamListGroupsForUser = "iam:ListGroupsForUser", "";
    /// Put group policy (as AWS's operation of that name).
    IamPutGroupPolicy = "iam:PutGroupPolicy", "";
    /// Get group policy (as AWS's operation of that name).
    IamGetGroupPolicy = "iam:GetGroupPolicy", "";
    /// List group policies (as AWS's operation of that name).
    IamListGroupPolicies = "iam:ListGroupPolicies", "";
    /// Delete group policy (as AWS's operation of that name).
    IamDeleteGroupPolicy = "iam:DeleteGroupPolicy", "";
    /// Attach group policy (as AWS's operation of that name).
    IamAttachGroupPolicy = "iam:AttachGroupPolicy", "";
    /// Detach group policy (as AWS's operation of that name).
    IamDetachGroupPolicy = "iam:DetachGroupPolicy", "";
    /// List attached group policies (as AWS's operation of that name).
    IamListAttachedGroupPolicies = "iam:ListAttachedGroupPolicies", "";
    /// Create role (as AWS's operation of that name).
    IamCreateRole = "iam:CreateRole", "";
    /// Get role (as AWS's operation of that name).
    IamGetRole = "iam:GetRole", "";
    /// List roles (as AWS's operation of that name).
    IamListRoles = "iam:ListRoles", "";
    /// Update role (as AWS's operation of that name).
    IamUpdateRole = "iam:UpdateRole", "";
    /// Change who may assume a role.
    IamUpdateAssumeRolePolicy = "iam:UpdateAssumeRolePolicy", "";
    /// Delete role (as AWS's operation of that name).
    IamDeleteRole = "iam:DeleteRole", "";
    /// Put role policy (as AWS's operation of that name).
    IamPutRolePolicy = "iam:PutRolePolicy", "";
    /// Get role policy (as AWS's operation of that name).
    IamGetRolePolicy = "iam:GetRolePolicy", "";
    /// List role policies (as AWS's operation of that name).
    IamListRolePolicies = "iam:ListRolePolicies", "";
    /// Delete role policy (as AWS's operation of that name).
    IamDeleteRolePolicy = "iam:DeleteRolePolicy", "";
    /// Attach role policy (as AWS's operation of that name).
    IamAttachRolePolicy = "iam:AttachRolePolicy", "";
    /// Detach role policy (as AWS's operation of that name).
    IamDetachRolePolicy = "iam:DetachRolePolicy", "";
    /// List attached role policies (as AWS's operation of that name).
    IamListAttachedRolePolicies = "iam:ListAttachedRolePolicies", "";
    /// Put role permissions boundary (as AWS's operation of that name).
    IamPutRolePermissionsBoundary = "iam:PutRolePermissionsBoundary", "";
    /// Delete role permissions boundary (as AWS's operation of that name).
    IamDeleteRolePermissionsBoundary = "iam:DeleteRolePermissionsBoundary", "";
    /// Create policy (as AWS's operation of that name).
    IamCreatePolicy = "iam:CreatePolicy", "";
    /// Get policy (as AWS's operation of that name).
    IamGetPolicy = "iam:GetPolicy", "";
    /// List policies (as AWS's operation of that name).
    IamListPolicies = "iam:ListPolicies", "";
    /// Delete policy (as AWS's operation of that name).
    IamDeletePolicy = "iam:DeletePolicy", "";
    /// Create policy version (as AWS's operation of that name).
    IamCreatePolicyVersion = "iam:CreatePolicyVersion", "";
    /// Get policy version (as AWS's operation of that name).
    IamGetPolicyVersion = "iam:GetPolicyVersion", "";
    /// List policy versions (as AWS's operation of that name).
    IamListPolicyVersions = "iam:ListPolicyVersions", "";
    /// Delete policy version (as AWS's operation of that name).
    IamDeletePolicyVersion = "iam:DeletePolicyVersion", "";
    /// Set default policy version (as AWS's operation of that name).
    IamSetDefaultPolicyVersion = "iam:SetDefaultPolicyVersion", "";
    /// List to whom a managed policy is attached.
    IamListEntitiesForPolicy = "iam:ListEntitiesForPolicy", "";
    /// Create project (as AWS's operation of that name).
    IamCreateProject = "iam:CreateProject", "";
    /// List projects (as AWS's operation of that name).
    IamListProjects = "iam:ListProjects", "";
    /// Get project (as AWS's operation of that name).
    IamGetProject = "iam:GetProject", "";
    /// Update project (as AWS's operation of that name).
    IamUpdateProject = "iam:UpdateProject", "";
    /// Delete project (as AWS's operation of that name).
    IamDeleteProject = "iam:DeleteProject", "";
    /// Refuse every temporary credential issued to an identity until now (this server's own action).
    IamRevokeSessions = "iam:RevokeSessions", "";
    /// Ask why an identity may or may not do something.
    IamSimulatePrincipalPolicy = "iam:SimulatePrincipalPolicy", "";
    /// Count what the account has.
    IamGetAccountSummary = "iam:GetAccountSummary", "";
    /// Assume a role.
    StsAssumeRole = "sts:AssumeRole", "";
    /// Get temporary credentials of one's own. Needs no permission; a policy may deny it.
    StsGetSessionToken = "sts:GetSessionToken", "";
    /// Ask who one is. Needs no permission.
    StsGetCallerIdentity = "sts:GetCallerIdentity", "";
    /// Create an account. Only the operator's account may be given it.
    ServerCreateAccount = "strongroom:CreateAccount", "";
    /// List accounts.
    ServerListAccounts = "strongroom:ListAccounts", "";
    /// Show an account.
    ServerGetAccount = "strongroom:GetAccount", "";
    /// Enable, disable or rename an account.
    ServerUpdateAccount = "strongroom:UpdateAccount", "";
    /// Delete an account that owns nothing.
    ServerDeleteAccount = "strongroom:DeleteAccount", "";
    /// Seal new session tokens under a fresh key.
    ServerRotateTokenKey = "strongroom:RotateTokenKey", "";
    /// Change the root key.
    ServerChangeRootKey = "strongroom:ChangeRootKey", "";
    /// Take a backup of every key, account and right.
    ServerBackUpKeys = "strongroom:BackUpKeys", "";
    /// Ask why anybody may or may not do something.
    ServerExplainAccess = "strongroom:ExplainAccess", "";
}
