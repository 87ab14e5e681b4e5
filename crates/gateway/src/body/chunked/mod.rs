//! The decoder of `aws-chunked` bodies: signed chunks, signed chunks with a signed trailer, and unsigned chunks with a
//! trailer.
//!
//! ```text
//! size-in-hex [;chunk-signature=64 hex] CRLF  size bytes  CRLF      repeated, the last with size 0 and no bytes
//! [checksum-name:value CRLF [x-amz-trailer-signature:64 hex CRLF]]  CRLF
//! ```
//!
//! Data is passed on while it is hashed; a chunk's last piece is held back until the chunk's signature was checked. An
//! upload therefore sees an error before the end and commits nothing. Memory in use is one piece of the source, one
//! line and the trailer.

mod decoder;
mod line;
#[cfg(test)]
mod tests;
mod trailer;

pub use decoder::{ChunkVerification, ChunkedBody};
