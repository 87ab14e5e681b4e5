//! Which query parameters OBS and V2 signatures cover: the union of what eight official clients sign. A parameter that
//! selects an operation and is missing here could be added to somebody else's signed request, so whoever routes by a
//! parameter asks [`is_signed_subresource`] in a test.

use super::super::credential::Dialect;
use super::super::headers::{AMZ_PREFIX, OBS_PREFIX};

/// Covered names in lower case, sorted.
const SIGNED: [&str; 88] = [
    "accelerate",
    "acl",
    "analytics",
    "append",
    "attname",
    "attributes",
    "backtosource",
    "bucketstatus",
    "cdnnotifyconfiguration",
    "cors",
    "customdomain",
    "defaultobjectacl",
    "delete",
    "deletebucket",
    "directcoldaccess",
    "dispolicy",
    "encryption",
    "fileinterface",
    "getcontentsummary",
    "ignore-sign-in-query",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "length",
    "lifecycle",
    "listcontentsummary",
    "location",
    "logging",
    "metadata",
    "metadataconfiguration",
    "metadatatable",
    "metrics",
    "mirrorbacktosource",
    "mirrorrefresh",
    "modify",
    "multilistcontentsummary",
    "name",
    "notification",
    "object-lock",
    "obsalias",
    "obsbucketalias",
    "obscompresspolicy",
    "obsworkflowtriggerpolicy",
    "orchestration",
    "ownershipcontrols",
    "partnumber",
    "policy",
    "policystatus",
    "position",
    "publicaccessblock",
    "quota",
    "readahead",
    "rename",
    "renameobject",
    "replication",
    "replication_progress",
    "requestpayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "retention",
    "select",
    "select-type",
    "session",
    "sfsacl",
    "storageclass",
    "storageinfo",
    "storagepolicy",
    "symlink",
    "tagging",
    "template_name",
    "template_name_prefix",
    "torrent",
    "truncate",
    "uploadid",
    "uploads",
    "versionid",
    "versioning",
    "versions",
    "website",
    "x-image-process",
    "x-image-save-bucket",
    "x-image-save-object",
    "x-oss-process",
];

/// Names that at least one official SDK sends without signing them (lower case, sorted).
const SOMETIMES_LEFT_OUT: [&str; 8] = [
    "attname",
    "bucketstatus",
    "customdomain",
    "dispolicy",
    "object-lock",
    "policystatus",
    "publicaccessblock",
    "retention",
];

/// Whether OBS and V2 signatures of `dialect` cover the query parameter `name` (decoded; case does not matter).
pub fn is_signed_subresource(dialect: Dialect, name: &str) -> bool {
    let name = name.trim_matches([' ', '\t']).to_ascii_lowercase();
    SIGNED.binary_search(&name.as_str()).is_ok()
        || name.starts_with("x-workflow-")
        || name.starts_with(own_prefix(dialect))
}

pub(super) fn is_sometimes_left_out(name: &str) -> bool {
    SOMETIMES_LEFT_OUT.binary_search(&name.to_ascii_lowercase().as_str()).is_ok()
}

/// Prefix of the dialect's own headers and parameters.
pub(in super::super) const fn own_prefix(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Obs => OBS_PREFIX,
        Dialect::S3 => AMZ_PREFIX,
    }
}

/// Prefix of headers and parameters that a signature of the dialect does not cover.
pub(in super::super) const fn foreign_prefix(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Obs => AMZ_PREFIX,
        Dialect::S3 => OBS_PREFIX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_in_lower_case() {
        assert!(SIGNED.is_sorted() && SOMETIMES_LEFT_OUT.is_sorted());
        assert!(SIGNED.iter().all(|name| *name == name.to_ascii_lowercase()));
        assert!(SOMETIMES_LEFT_OUT.iter().all(|name| SIGNED.contains(name)));
    }

    #[test]
    fn names_match_without_regard_to_case_and_blanks() {
        for name in ["uploadId", "UPLOADID", "bucketStatus ", "storageClass", "CDNNotifyConfiguration"] {
            assert!(is_signed_subresource(Dialect::Obs, name), "{name}");
        }
        assert!(is_signed_subresource(Dialect::Obs, "x-obs-acl") && !is_signed_subresource(Dialect::S3, "x-obs-acl"));
        assert!(is_signed_subresource(Dialect::S3, "X-Amz-Acl") && !is_signed_subresource(Dialect::Obs, "X-Amz-Acl"));
        for name in ["prefix", "marker", "apiversion", "list-type", "id", "Expires", "AccessKeyId", "Signature", ""] {
            assert!(!is_signed_subresource(Dialect::Obs, name), "{name}");
        }
    }
}
