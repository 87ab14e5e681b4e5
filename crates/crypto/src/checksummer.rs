//! Computing the checksums of upload integrity.

use crate::{ChecksumAlgorithm, ChecksumValue, Sha1, Sha256};
use crc_fast::{CrcAlgorithm, Digest};

/// A checksum of bytes that arrive in pieces.
pub struct Checksummer {
    algorithm: ChecksumAlgorithm,
    state: State,
}

enum State {
    Crc(Box<Digest>),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Checksummer {
    /// Starts.
    pub fn new(algorithm: ChecksumAlgorithm) -> Self {
        let crc = |crc| State::Crc(Box::new(Digest::new(crc)));
        let state = match algorithm {
            ChecksumAlgorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc),
            ChecksumAlgorithm::Crc32c => crc(CrcAlgorithm::Crc32Iscsi),
            ChecksumAlgorithm::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme),
            ChecksumAlgorithm::Crc64Xz => crc(CrcAlgorithm::Crc64Xz),
            ChecksumAlgorithm::Sha1 => State::Sha1(Sha1::new()),
            ChecksumAlgorithm::Sha256 => State::Sha256(Sha256::new()),
        };
        Self { algorithm, state }
    }

    /// Which checksum this is.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// Takes the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.state {
            State::Crc(state) => state.update(data),
            State::Sha1(state) => state.update(data),
            State::Sha256(state) => state.update(data),
        }
    }

    /// The value.
    pub fn finish(self) -> ChecksumValue {
        let bytes = match self.state {
            State::Crc(state) => crc_bytes(self.algorithm, state.finalize()),
            State::Sha1(state) => state.finish().to_vec(),
            State::Sha256(state) => state.finish().to_vec(),
        };
        ChecksumValue::of_algorithm(self.algorithm, bytes)
    }
}

/// The CRC of the concatenation of two byte strings, from their CRCs and the length of the second in bytes.
///
/// `None` when the algorithm is not a CRC or a value is of another algorithm.
pub fn combine_crc(
    algorithm: ChecksumAlgorithm,
    first: &ChecksumValue,
    second: &ChecksumValue,
    second_bytes: u64,
) -> Option<ChecksumValue> {
    let crc = match algorithm {
        ChecksumAlgorithm::Crc32 => CrcAlgorithm::Crc32IsoHdlc,
        ChecksumAlgorithm::Crc32c => CrcAlgorithm::Crc32Iscsi,
        ChecksumAlgorithm::Crc64Nvme => CrcAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Crc64Xz => CrcAlgorithm::Crc64Xz,
        ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256 => return None,
    };
    if first.algorithm() != algorithm || second.algorithm() != algorithm {
        return None;
    }
    let number = |value: &ChecksumValue| value.bytes().iter().fold(0u64, |n, &byte| n << 8 | u64::from(byte));
    let combined = crc_fast::checksum_combine(crc, number(first), number(second), second_bytes);
    Some(ChecksumValue::of_algorithm(algorithm, crc_bytes(algorithm, combined)))
}

fn crc_bytes(algorithm: ChecksumAlgorithm, crc: u64) -> Vec<u8> {
    let bytes = crc.to_be_bytes();
    bytes[bytes.len() - algorithm.value_bytes()..].to_vec()
}
