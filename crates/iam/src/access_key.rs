//! An access key in memory: what the gateway needs to verify a signature.

use crate::SecretAccessKey;
use model::{AccessKeyId, Entropy};
use policy::Principal;
use std::sync::Arc;

/// Characters of a generated access key id after its prefix: 16 of 32 hold 80 bits.
const GENERATED_CHARS: usize = 16;
const PREFIX: &str = "SRAK";
/// RFC 4648 base32: no character that is read as another.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A principal's signing credential.
#[derive(Debug)]
pub struct AccessKey {
    /// The public half.
    pub id: AccessKeyId,
    /// Whose it is.
    pub principal: Principal,
    /// The secret half.
    pub secret: Arc<SecretAccessKey>,
}

/// Draws an id of 20 characters.
pub(crate) fn generate_id(entropy: &dyn Entropy) -> Option<AccessKeyId> {
    let mut bytes = [0; GENERATED_CHARS];
    entropy.fill(&mut bytes);
    let mut text = PREFIX.to_owned();
    text.extend(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])));
    AccessKeyId::parse(&text)
}
