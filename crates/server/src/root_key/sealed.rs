//! What the files of a root key that is not in clear have in common: a head that tells what it is under, and a checksum at the
//! end, so that damage is not taken for a wrong passphrase or token. Drawn in docs/formats/root-key.md.

use crypto::{ChecksumAlgorithm, Checksummer};

const MAGIC: &[u8; 8] = b"SRROOTK\0";
const FORMAT: u8 = 1;

/// Bytes of the head.
pub(super) const HEAD_BYTES: usize = MAGIC.len() + 2;
/// Bytes of the checksum.
pub(super) const CRC_BYTES: usize = 4;

/// What the key is under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Under {
    /// A passphrase.
    Passphrase = 1,
    /// A key of a PKCS#11 token.
    Token = 2,
}

/// The head, with room for a file of so many bytes.
pub(super) fn head(under: Under, file_bytes: usize) -> Vec<u8> {
    let mut file = Vec::with_capacity(file_bytes);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&[FORMAT, under as u8]);
    file
}

/// Ends a file with its checksum.
pub(super) fn finish(mut file: Vec<u8>) -> Vec<u8> {
    let sum = crc(&file);
    file.extend_from_slice(&sum);
    file
}

/// The file without its checksum, the head still before it.
///
/// # Errors
/// What is wrong with it, to stand behind its path.
pub(super) fn body(file: &[u8], under: Under, file_bytes: usize) -> Result<&[u8], &'static str> {
    if file.len() != file_bytes || !file.starts_with(MAGIC) {
        return Err(match under {
            Under::Passphrase => "is not a sealed root key",
            Under::Token => "is not a root key wrapped by a token",
        });
    }
    let (body, sum) = file.split_at(file.len() - CRC_BYTES);
    if crc(body) != sum {
        return Err("is damaged; restore it from your copy");
    }
    if body[MAGIC.len()..HEAD_BYTES] != [FORMAT, under as u8] {
        return Err("has a format that this program does not know");
    }
    Ok(body)
}

fn crc(bytes: &[u8]) -> [u8; CRC_BYTES] {
    let mut sum = Checksummer::new(ChecksumAlgorithm::Crc32c);
    sum.update(bytes);
    let mut out = [0; CRC_BYTES];
    out.copy_from_slice(sum.finish().bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_such_a_file_is_named() {
        let bytes = HEAD_BYTES + 60 + CRC_BYTES;
        let with = |under| {
            let mut file = head(under, bytes);
            file.extend_from_slice(&[7; 60]);
            finish(file)
        };
        let good = with(Under::Token);
        assert_eq!(body(&good, Under::Token, bytes).unwrap()[HEAD_BYTES..], [7; 60]);
        assert!(body(&good[1..], Under::Token, bytes).unwrap_err().contains("is not"));
        assert!(body(&good, Under::Token, bytes + 1).unwrap_err().contains("is not"));
        for at in MAGIC.len()..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1;
            assert!(body(&changed, Under::Token, bytes).unwrap_err().contains("damaged"), "byte {at}");
        }
        assert!(body(&with(Under::Passphrase), Under::Token, bytes).unwrap_err().contains("does not know"));
    }
}
