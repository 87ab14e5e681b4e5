//! Listener, TLS, dialects, signatures, the KMS API, health and metrics.
//!
//! A request on the data plane flows so: [`listener`] (TLS ends, limits) → dialect by credential form ([`dialect`]) →
//! place and operation ([`route`]) → signature ([`auth`]) → codec of the operation's family (`ops`) lowers it to the
//! neutral operations of `objects` → the outcome is raised in the words of the dialect ([`errors`] for refusals). Past
//! the codec nobody sees a header name; before the signature nobody reads a body.
//!
//! What is absent: this room holds no DEK, no bucket key and no CMK; signing secrets pass through the verifier alone.

pub mod auth;
pub mod body;
mod config;
pub mod control;
mod data;
pub mod dates;
pub mod dialect;
pub mod errors;
mod gateway;
pub mod ids;
pub mod listener;
pub mod metrics;
mod ops;
pub mod proxies;
pub mod query;
mod readiness;
pub mod redact;
pub mod reply;
pub mod route;
pub mod xml;

pub use config::{GatewayConfig, Limits};
pub use data::ObjectAudit;
pub use errors::Compat;
pub use gateway::{Gateway, Parts};
pub use listener::TlsSlot;
pub use metrics::{Metrics, Sample};
pub use proxies::TrustedProxies;
pub use readiness::Readiness;
