//! One suite per seam, run by every engine: what the seam's documentation promises, as assertions.

pub mod blob;
pub mod meta;
