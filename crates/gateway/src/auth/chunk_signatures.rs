//! The chain of chunk signatures in a V4 streaming upload: each chunk's signature covers the one before it, the first
//! one the request's own. So chunks cannot be changed, reordered, repeated or moved between requests.

use super::v4::SigningKey;
use crypto::{constant_time_eq, hmac_sha256, sha256};
use data_encoding::HEXLOWER;
use std::fmt;

/// Verifies (or makes) the signatures of one upload's chunks, in order.
pub struct ChunkSignatures {
    key: SigningKey,
    /// `YYYYMMDDTHHMMSSZ`.
    timestamp: String,
    /// `date/region/service/aws4_request`.
    scope: String,
    /// Signature of the request or of the last chunk, in hexadecimal.
    previous: String,
}

impl ChunkSignatures {
    pub(super) fn new(key: SigningKey, timestamp: String, scope: String, seed: String) -> Self {
        Self { key, timestamp, scope, previous: seed }
    }

    /// The signature of the next chunk, whose data has the SHA-256 `digest`; moves on to the one after it.
    pub fn sign_chunk(&mut self, digest: &[u8; 32]) -> String {
        self.previous = self.expected_chunk(digest);
        self.previous.clone()
    }

    /// The signature of the trailer, whose lines `name:value\n` together have the SHA-256 `digest`.
    pub fn sign_trailer(&self, digest: &[u8; 32]) -> String {
        self.expected("AWS4-HMAC-SHA256-TRAILER", &[HEXLOWER.encode(digest)])
    }

    /// Whether `given` is the signature of the next chunk; moves on to the one after it if so.
    pub fn accept_chunk(&mut self, digest: &[u8; 32], given: &str) -> bool {
        let expected = self.expected_chunk(digest);
        let accepted = constant_time_eq(expected.as_bytes(), given.as_bytes());
        if accepted {
            self.previous = expected;
        }
        accepted
    }

    /// Whether `given` is the signature of the trailer.
    pub fn accept_trailer(&self, digest: &[u8; 32], given: &str) -> bool {
        constant_time_eq(self.sign_trailer(digest).as_bytes(), given.as_bytes())
    }

    fn expected_chunk(&self, digest: &[u8; 32]) -> String {
        self.expected("AWS4-HMAC-SHA256-PAYLOAD", &[HEXLOWER.encode(&sha256(b"")), HEXLOWER.encode(digest)])
    }

    fn expected(&self, algorithm: &str, hashes: &[String]) -> String {
        let mut text = [algorithm, &self.timestamp, &self.scope, &self.previous].join("\n");
        for hash in hashes {
            text.push('\n');
            text.push_str(hash);
        }
        HEXLOWER.encode(&hmac_sha256(self.key.expose(), &[text.as_bytes()]))
    }
}

/// Shows neither the key nor the chain.
impl fmt::Debug for ChunkSignatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkSignatures").field("scope", &self.scope).finish_non_exhaustive()
    }
}
