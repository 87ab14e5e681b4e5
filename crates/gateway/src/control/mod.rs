//! The control plane: the KMS API.

pub mod kms_json;
