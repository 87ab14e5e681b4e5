//! The key management service: the catalogue of CMKs, their states, key use, and the KeyProvider seam.

mod cmk_id;

pub use cmk_id::CmkId;
