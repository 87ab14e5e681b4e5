//! Request bodies as uploads see them: transfer framing removed, chunk and trailer signatures verified, lengths held to
//! what was announced. Everything here works on pieces as they arrive; nothing gathers a body in memory.
//!
//! INVARIANT: a body that ends without an error is complete: announced length, last chunk, trailer and every signature
//! were seen and were right, and nothing follows.

mod chunked;
pub mod integrity;
mod open;
mod source;

pub use chunked::{ChunkVerification, ChunkedBody};
pub use integrity::{BodyRefused, Integrity};
pub use open::request_body;
pub use source::{ByteSource, PIECE_BYTES_MAX, PlainBody};
