//! Checksums of upload integrity: which there are and what a value looks like.

/// A checksum algorithm of the S3 and OBS protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ChecksumAlgorithm {
    /// CRC-32 (ISO-HDLC).
    Crc32 = 1,
    /// CRC-32C (Castagnoli).
    Crc32c = 2,
    /// CRC-64/NVME.
    Crc64Nvme = 3,
    /// CRC-64/XZ, which OBS calls `crc64ecma`.
    Crc64Xz = 4,
    /// SHA-1.
    Sha1 = 5,
    /// SHA-256.
    Sha256 = 6,
}

impl ChecksumAlgorithm {
    /// From its stored code.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Crc32,
            2 => Self::Crc32c,
            3 => Self::Crc64Nvme,
            4 => Self::Crc64Xz,
            5 => Self::Sha1,
            6 => Self::Sha256,
            _ => return None,
        })
    }

    /// The stored code.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Length of a value in bytes.
    pub const fn value_bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme | Self::Crc64Xz => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Whether values of consecutive parts combine into the value of the whole.
    pub const fn is_crc(self) -> bool {
        matches!(self, Self::Crc32 | Self::Crc32c | Self::Crc64Nvme | Self::Crc64Xz)
    }
}

/// A checksum's value; CRCs big-endian, as they go over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChecksumValue {
    algorithm: ChecksumAlgorithm,
    bytes: Vec<u8>,
}

impl ChecksumValue {
    /// Checks that the length fits the algorithm.
    pub fn new(algorithm: ChecksumAlgorithm, bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() == algorithm.value_bytes()).then_some(Self { algorithm, bytes })
    }

    /// From a computed value.
    ///
    /// INVARIANT: the length fits the algorithm, as the caller computed the value with it.
    pub(crate) fn of_algorithm(algorithm: ChecksumAlgorithm, bytes: Vec<u8>) -> Self {
        debug_assert_eq!(bytes.len(), algorithm.value_bytes());
        Self { algorithm, bytes }
    }

    /// The algorithm.
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// The value.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
