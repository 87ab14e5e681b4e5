//! The control plane: key management, identities, this server's own API, health and metrics.

mod admin;
mod huawei;
mod huawei_kms;
pub mod kms_json;
mod plane;
pub(crate) mod query;
pub(crate) mod signed;

pub(crate) use plane::{ControlPlane, read};
