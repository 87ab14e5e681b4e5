//! The control plane: the KMS API, health and metrics.

pub mod kms_json;
mod plane;
mod signed;

pub(crate) use plane::ControlPlane;
