//! One file per operation.

mod access;
mod acl;
mod attributes;
mod buckets;
mod copy;
mod delete;
mod encryption;
mod inventory;
mod list;
mod multipart;
mod owned;
mod ownership;
mod policy;
mod public_access;
mod put;
mod read;
mod rewrap;
mod tags;

pub use inventory::{INVENTORY_PAGE_MAX, InventoryEntry, InventoryPage};
pub use rewrap::{ManagedObject, RewrapOutcome, RewrapStep};

pub(crate) use encryption::refuse_blocked;
