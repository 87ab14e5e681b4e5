//! Buckets, objects, versions, parts, copies and listings. Knows neither ciphers nor the KMS: a body is an opaque
//! plaintext stream on one side and a sealed stream of `sse` on the other. Every operation asks the one authoriser
//! before it reads a body or tells whether an object exists.

pub mod api;
mod authorize;
mod bodies;
mod change;
mod current;
mod dependents;
pub mod fail;
mod grants;
pub mod inspect;
mod metering;
mod ops;
mod preconditions;
mod records;
mod registry;
mod service;

pub use dependents::Need;
pub use fail::{BodyError, Fail};
pub use ops::{INVENTORY_PAGE_MAX, InventoryEntry, InventoryPage};
pub use ops::{ManagedObject, RewrapOutcome, RewrapStep};
pub use service::{ObjectService, Parts};
pub use store::StoreFault;
