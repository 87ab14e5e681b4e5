//! Actions: what a policy allows or denies. One operation may need several.

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// An action, named as S3 and AWS KMS name it; the OBS and Huawei names map onto it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action { $($(#[$doc])* $variant,)* }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Action] = &[$(Action::$variant,)*];

            /// The action's name, service prefix included.
            pub const fn name(self) -> &'static str {
                match self { $(Action::$variant => $name,)* }
            }
        }
    };
}

actions! {
    /// List the account's buckets.
    ListAllMyBuckets = "s3:ListAllMyBuckets";
    /// Create a bucket.
    CreateBucket = "s3:CreateBucket";
    /// Delete a bucket.
    DeleteBucket = "s3:DeleteBucket";
    /// List a bucket's objects; also HEAD bucket.
    ListBucket = "s3:ListBucket";
    /// Read a bucket's region.
    GetBucketLocation = "s3:GetBucketLocation";
    /// List a bucket's multipart uploads.
    ListBucketMultipartUploads = "s3:ListBucketMultipartUploads";
    /// Read a bucket's encryption configuration.
    GetEncryptionConfiguration = "s3:GetEncryptionConfiguration";
    /// Set or remove a bucket's encryption configuration.
    PutEncryptionConfiguration = "s3:PutEncryptionConfiguration";
    /// Read a bucket's versioning state.
    GetBucketVersioning = "s3:GetBucketVersioning";
    /// Read the current version of an object.
    GetObject = "s3:GetObject";
    /// Read a named version of an object.
    GetObjectVersion = "s3:GetObjectVersion";
    /// Write an object, or a part of one.
    PutObject = "s3:PutObject";
    /// Delete an object.
    DeleteObject = "s3:DeleteObject";
    /// Delete a named version of an object.
    DeleteObjectVersion = "s3:DeleteObjectVersion";
    /// Abort a multipart upload.
    AbortMultipartUpload = "s3:AbortMultipartUpload";
    /// List the parts of a multipart upload.
    ListMultipartUploadParts = "s3:ListMultipartUploadParts";
    /// Create a CMK.
    KmsCreateKey = "kms:CreateKey";
    /// Describe a CMK.
    KmsDescribeKey = "kms:DescribeKey";
    /// List the account's CMKs.
    KmsListKeys = "kms:ListKeys";
    /// List the account's aliases.
    KmsListAliases = "kms:ListAliases";
    /// Create an alias.
    KmsCreateAlias = "kms:CreateAlias";
    /// Enable a CMK.
    KmsEnableKey = "kms:EnableKey";
    /// Disable a CMK.
    KmsDisableKey = "kms:DisableKey";
    /// Schedule a CMK's deletion.
    KmsScheduleKeyDeletion = "kms:ScheduleKeyDeletion";
    /// Cancel a CMK's deletion.
    KmsCancelKeyDeletion = "kms:CancelKeyDeletion";
    /// Use a CMK to make a data key (a DEK or a bucket key).
    KmsGenerateDataKey = "kms:GenerateDataKey";
    /// Use a CMK to unwrap a data key.
    KmsDecrypt = "kms:Decrypt";
}
