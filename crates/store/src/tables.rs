//! The tables of the metadata store, each a typed constant. What a key and a value look like is documented in
//! docs/formats/record.md; the rooms that own a table encode and decode its values.

macro_rules! tables {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $name:literal;)*) => {
        /// One table of the metadata store. The number is part of every row's checksum and never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Table { $($(#[$doc])* $variant = $id,)* }

        impl Table {
            /// Every table.
            pub const ALL: &'static [Table] = &[$(Table::$variant,)*];

            /// The table's name in the engine.
            pub const fn name(self) -> &'static str {
                match self { $(Table::$variant => $name,)* }
            }

            /// The table's number.
            pub const fn id(self) -> u8 {
                self as u8
            }
        }
    };
}

tables! {
    /// Facts about the whole store: format version, node id. Key: a name.
    System = 0, "system";
    /// Buckets by name. Key: bucket name. Value: bucket record.
    Buckets = 1, "buckets";
    /// Which bucket uids are alive. Key: bucket uid. Value: bucket name. A writer expects its row to be present.
    BucketUids = 2, "bucket_uids";
    /// The current version of each object. Key: bucket uid, object name. Value: version record.
    Current = 3, "current";
    /// Versions that are not current. Key: bucket uid, escaped object name, version id. Value: version record.
    Versions = 4, "versions";
    /// Part layouts of objects written by multipart upload. Key: version uid. Value: layout record.
    Layouts = 5, "layouts";
    /// Sealed bodies small enough to live in the metadata commit. Key: blob id. Value: sealed bytes.
    Inline = 6, "inline";
    /// Multipart uploads in progress. Key: bucket uid, escaped object name, upload id. Value: upload record.
    Uploads = 7, "uploads";
    /// Parts of uploads in progress. Key: upload id, part number (u16 BE). Value: part record.
    Parts = 8, "parts";
    /// Who refers to a blob file. Key: blob id. Value: one byte, what kind of owner.
    BlobRefs = 9, "blob_refs";
    /// What is to be removed once nobody reads it: blobs, rows of [`Table::Inline`], parts of ended uploads. Key: blob id
    /// or upload id. Value: one byte, which of the three.
    BlobGc = 10, "blob_gc";
    /// Bucket keys. Key: bucket key id. Value: bucket key record (wrapped).
    BucketKeys = 11, "bucket_keys";
    /// CMKs. Key: CMK uid. Value: CMK record.
    Cmks = 12, "cmks";
    /// Material of CMK versions, wrapped under the root key. Key: CMK uid, version (u32 BE). Value: version record.
    CmkVersions = 13, "cmk_versions";
    /// Aliases of CMKs. Key: account id, alias name. Value: alias record.
    CmkAliases = 14, "cmk_aliases";
    /// The server's own keys, wrapped under the root key: metadata key, IAM secrets key, SSE-OBS keys.
    InternalKeys = 15, "internal_keys";
    /// Accounts. Key: account id. Value: account record.
    Accounts = 16, "accounts";
    /// Access keys. Key: access key id. Value: access key record (secret wrapped).
    AccessKeys = 17, "access_keys";
    /// Users. Key: user uid. Value: user record (password hash sealed).
    Users = 18, "users";
    /// Groups of users. Key: group uid. Value: group record.
    Groups = 19, "groups";
    /// Roles. Key: role uid. Value: role record.
    Roles = 20, "roles";
    /// Managed policies. Key: policy uid. Value: policy record, all versions.
    Policies = 21, "policies";
    /// Projects. Key: project uid. Value: project record.
    Projects = 22, "projects";
    /// Identity tokens revoked before their time. Key: token id. Value: revocation record.
    IamTokens = 23, "iam_tokens";
    /// Grants on CMKs. Key: CMK uid, grant id. Value: grant record.
    CmkGrants = 24, "cmk_grants";
    /// How many wraps each CMK version has made, counted ahead in blocks. Key: CMK uid, version (u32 BE). Value: count.
    CmkWraps = 25, "cmk_wraps";
    /// What needs a CMK: index of object versions, uploads and bucket keys. Key: CMK uid, bucket uid, bucket key id, kind,
    /// id. Value: index record.
    CmkDependents = 26, "cmk_dependents";
    /// Use of the KMS and of the store by day. Key: day (u32 BE), account id, what. Value: count.
    Metering = 27, "metering";
    /// Jobs over many objects and how far they came. Key: job id. Value: job record.
    Jobs = 28, "jobs";
}
