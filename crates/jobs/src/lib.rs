//! Work over many objects that no single request does: wrapping their keys anew, verifying what lies on disk, listing how
//! everything is encrypted. Each job is bounded in memory and walks the store in order.

pub mod inventory;
pub mod rewrap;
pub mod verify;
