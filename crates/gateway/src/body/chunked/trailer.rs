//! The trailer: one announced checksum, and its signature if the chunks are signed.

use super::super::integrity::{header_suffix, parse_value};
use crypto::{ChecksumAlgorithm, ChecksumValue, sha256};
use objects::BodyError;

/// Longest trailer in bytes, all lines together.
pub(super) const TRAILER_BYTES_MAX: usize = 16 * 1024;

/// What arrived of a trailer so far.
pub(super) struct Trailer {
    algorithm: ChecksumAlgorithm,
    signed: bool,
    value: Option<(ChecksumValue, [u8; 32])>,
    signature: Option<String>,
    blank_before_signature: bool,
    pub(super) bytes: usize,
}

/// Whether a trailer goes on after a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    More,
    /// Checksum, digest of the signed lines, and the signature if there must be one.
    Complete,
}

impl Trailer {
    pub(super) fn new(algorithm: ChecksumAlgorithm, signed: bool) -> Self {
        Self { algorithm, signed, value: None, signature: None, blank_before_signature: false, bytes: 0 }
    }

    /// Takes a line without its ending.
    pub(super) fn take(&mut self, line: &[u8]) -> Result<Step, BodyError> {
        if line.is_empty() {
            return match (&self.value, self.signed, &self.signature) {
                (Some(_), false, _) | (Some(_), true, Some(_)) => Ok(Step::Complete),
                // AWS's own example has a blank line between the checksum and its signature.
                (Some(_), true, None) if !self.blank_before_signature => {
                    self.blank_before_signature = true;
                    Ok(Step::More)
                }
                _ => Err(BodyError::MalformedTrailer),
            };
        }
        let line = std::str::from_utf8(line).map_err(|_| BodyError::MalformedTrailer)?;
        let (name, value) = line.split_once(':').ok_or(BodyError::MalformedTrailer)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if self.signed && name == "x-amz-trailer-signature" {
            let first = self.value.is_some() && self.signature.replace(value.to_owned()).is_none();
            return if first { Ok(Step::More) } else { Err(BodyError::MalformedTrailer) };
        }
        let announced = name.strip_prefix("x-amz-checksum-") == Some(header_suffix(self.algorithm));
        if !announced || self.value.is_some() || self.signature.is_some() || self.blank_before_signature {
            return Err(BodyError::MalformedTrailer);
        }
        let digest = sha256(format!("{name}:{value}\n").as_bytes());
        let checksum = parse_value(self.algorithm, value).ok_or(BodyError::MalformedChecksum)?;
        self.value = Some((checksum, digest));
        Ok(Step::More)
    }

    /// Whether the body may end here although no blank line came: some clients leave it out after the signature.
    pub(super) fn may_end(&self) -> bool {
        self.signature.is_some()
    }

    /// The checksum, the digest of the signed lines and the signature.
    pub(super) fn finish(self) -> Result<(ChecksumValue, [u8; 32], Option<String>), BodyError> {
        let (value, digest) = self.value.ok_or(BodyError::MalformedTrailer)?;
        Ok((value, digest, self.signature))
    }
}
