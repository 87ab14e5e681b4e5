//! Amazon S3: `x-amz-` headers, `aws:kms`, CMKs as ARNs (s3-sse-behaviour §1, §4); and the same words as OBS's own
//! clients use them when they cannot speak OBS (obs-api §1.3, §4.2.1, §10.1).

use super::{Dialect, Family, KeyIdForm, LocationDocument, Names};
use objects::api::DialectRules;
use sse::EncryptionRules;

pub(super) const DIALECT: Dialect = Dialect {
    name: "s3",
    family: Family::S3,
    names: NAMES,
    kms_word: "aws:kms",
    key_id_form: KeyIdForm::Arn,
    namespace: "http://s3.amazonaws.com/doc/2006-03-01/",
    owner_display_name: true,
    location: LocationDocument::Constraint,
    no_encryption_code: "ServerSideEncryptionConfigurationNotFoundError",
    rules: DialectRules {
        encryption: EncryptionRules::S3,
        part_bytes_min: 5 * 1024 * 1024,
        self_copy_keeps_method: false,
        recreate_own_bucket: false,
        delete_bucket_aborts_uploads: true,
        copy_tags_by_default: true,
        completion_needs_customer_key: false,
    },
};

/// OBS's clients keep OBS's own limits and words where the S3 protocol leaves room for them.
pub(super) const DIALECT_OF_OBS_CLIENTS: Dialect = Dialect {
    key_id_form: KeyIdForm::Obs,
    location: LocationDocument::WrappedConstraint,
    no_encryption_code: "NoSuchEncryptionConfiguration",
    rules: DialectRules {
        part_bytes_min: 100 * 1024,
        recreate_own_bucket: true,
        delete_bucket_aborts_uploads: false,
        ..DIALECT.rules
    },
    ..DIALECT
};

const NAMES: Names = Names {
    prefix: "x-amz-",
    meta_prefix: "x-amz-meta-",
    request_id: "x-amz-request-id",
    id_2: "x-amz-id-2",
    error_code: "x-amz-error-code",
    error_message: "x-amz-error-message",
    date: "x-amz-date",
    content_sha256: "x-amz-content-sha256",
    security_token: "x-amz-security-token",
    sse: "x-amz-server-side-encryption",
    sse_key_id: "x-amz-server-side-encryption-aws-kms-key-id",
    sse_project_id: "x-amz-sse-kms-key-project-id",
    sse_context: "x-amz-server-side-encryption-context",
    sse_data_encryption: "x-amz-server-side-data-encryption",
    sse_bucket_key: "x-amz-server-side-encryption-bucket-key-enabled",
    sse_bucket_key_rotation: "x-amz-server-side-encryption-bucket-key-rotation-period",
    customer_algorithm: "x-amz-server-side-encryption-customer-algorithm",
    customer_key: "x-amz-server-side-encryption-customer-key",
    customer_key_md5: "x-amz-server-side-encryption-customer-key-md5",
    source_customer_algorithm: "x-amz-copy-source-server-side-encryption-customer-algorithm",
    source_customer_key: "x-amz-copy-source-server-side-encryption-customer-key",
    source_customer_key_md5: "x-amz-copy-source-server-side-encryption-customer-key-md5",
    copy_source: "x-amz-copy-source",
    copy_source_range: "x-amz-copy-source-range",
    copy_source_if_match: "x-amz-copy-source-if-match",
    copy_source_if_none_match: "x-amz-copy-source-if-none-match",
    copy_source_if_modified_since: "x-amz-copy-source-if-modified-since",
    copy_source_if_unmodified_since: "x-amz-copy-source-if-unmodified-since",
    copy_source_version_id: "x-amz-copy-source-version-id",
    metadata_directive: "x-amz-metadata-directive",
    tagging_directive: "x-amz-tagging-directive",
    version_id: "x-amz-version-id",
    delete_marker: "x-amz-delete-marker",
    storage_class: "x-amz-storage-class",
    bucket_storage_class: "x-default-storage-class",
    bucket_region: "x-amz-bucket-region",
    acl: "x-amz-acl",
    grant_prefix: "x-amz-grant-",
    tagging: "x-amz-tagging",
    tagging_count: "x-amz-tagging-count",
    object_ownership: "x-amz-object-ownership",
    confirm_remove_self: "x-amz-confirm-remove-self-bucket-access",
    object_lock_prefix: "x-amz-object-lock-",
    bucket_object_lock: "x-amz-bucket-object-lock-enabled",
    website_redirect: "x-amz-website-redirect-location",
    checksum_prefix: "x-amz-checksum-",
    checksum_algorithm: "x-amz-checksum-algorithm",
    checksum_type: "x-amz-checksum-type",
    checksum_mode: "x-amz-checksum-mode",
    sdk_checksum_algorithm: "x-amz-sdk-checksum-algorithm",
    parts_count: "x-amz-mp-parts-count",
    object_size: "x-amz-mp-object-size",
    expected_bucket_owner: "x-amz-expected-bucket-owner",
    source_expected_bucket_owner: "x-amz-source-expected-bucket-owner",
    expires: "x-obs-expires",
    write_offset: "x-amz-write-offset-bytes",
    callback: "x-obs-callback",
    persistent_headers: "x-obs-persistent-headers",
    file_interface: "x-obs-fs-file-interface",
};
