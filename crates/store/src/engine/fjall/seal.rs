//! The seal: a row that ends every batch in fjall's journal, numbers it, and carries a checksum over all of it. It lives
//! in a keyspace of its own and is overwritten by each batch, so the tree holds the last one only. What it is for stands
//! in [`super::journal`].

use crate::checksum::low_bits;
use crc_fast::{CrcAlgorithm, Digest};

/// Name of the seal's keyspace.
pub(super) const KEYSPACE: &str = "seal";

/// The seal's only key: long enough to be recognised in a damaged journal, where nothing around it can be trusted.
pub(super) const KEY: &[u8; 24] = b"strongroom/seal-of-batch";

/// Bytes of a seal's value.
pub(super) const VALUE_BYTES: usize = 21;

const FORMAT: u8 = 1;

/// What a batch's seal says. `format u8 = 1 ‖ number u64 BE ‖ floor u64 BE ‖ CRC32C u32 BE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seal {
    /// Number of the batch, from 1, without gaps.
    pub(super) number: u64,
    /// The engine's sequence number before the batch. fjall's journal does not protect the sequence number it orders
    /// batches by, so it is bounded from here: at least this, and below the floor of the next batch.
    pub(super) floor: u64,
    /// Over format, number, floor and every other item of the batch.
    pub(super) crc: u32,
}

impl Seal {
    pub(super) fn encode(self) -> [u8; VALUE_BYTES] {
        let mut bytes = [0; VALUE_BYTES];
        bytes[..17].copy_from_slice(&head(self.number, self.floor));
        bytes[17..].copy_from_slice(&self.crc.to_be_bytes());
        bytes
    }

    /// Takes a value apart. Says nothing about its truth.
    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let (format, rest) = value.split_first()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (floor, rest) = rest.split_first_chunk()?;
        let crc = u32::from_be_bytes(rest.try_into().ok()?);
        let seal = Self { number: u64::from_be_bytes(*number), floor: u64::from_be_bytes(*floor), crc };
        (*format == FORMAT).then_some(seal)
    }
}

fn head(number: u64, floor: u64) -> [u8; 17] {
    let mut bytes = [0; 17];
    bytes[0] = FORMAT;
    bytes[1..9].copy_from_slice(&number.to_be_bytes());
    bytes[9..].copy_from_slice(&floor.to_be_bytes());
    bytes
}

/// Gathers the checksum of a batch, item by item:
/// `keyspace u64 BE ‖ kind u8 ‖ key length u32 BE ‖ key ‖ value length u32 BE ‖ value`, then the seal's head.
pub(super) struct Sealer(Digest);

impl Sealer {
    pub(super) fn new() -> Self {
        Self(Digest::new(CrcAlgorithm::Crc32Iscsi))
    }

    /// Adds an item. `kind` is fjall's: 0 a value, 1 a removal.
    pub(super) fn item(&mut self, keyspace: u64, kind: u8, key: &[u8], value: &[u8]) {
        let mut head = [0; 13];
        head[..8].copy_from_slice(&keyspace.to_be_bytes());
        head[8] = kind;
        head[9..].copy_from_slice(&len_u32(key));
        self.0.update(&head);
        self.0.update(key);
        self.0.update(&len_u32(value));
        self.0.update(value);
    }

    pub(super) fn seal(mut self, number: u64, floor: u64) -> Seal {
        self.0.update(&head(number, floor));
        Seal { number, floor, crc: low_bits(self.0.finalize()) }
    }
}

fn len_u32(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_survives_the_round_trip() {
        let seal = Sealer::new().seal(7, 9);
        assert_eq!(Seal::decode(&seal.encode()), Some(seal));
        assert_eq!(Seal::decode(&seal.encode()[1..]), None);
        assert_eq!(Seal::decode(&[2; VALUE_BYTES]), None, "an unknown format is not guessed at");
    }

    #[test]
    fn every_part_of_a_batch_counts() {
        let crc = |keyspace, kind, key: &[u8], value: &[u8], number, floor| {
            let mut sealer = Sealer::new();
            sealer.item(keyspace, kind, key, value);
            sealer.seal(number, floor).crc
        };
        let right = crc(1, 0, b"key", b"value", 5, 6);
        assert_ne!(right, crc(2, 0, b"key", b"value", 5, 6));
        assert_ne!(right, crc(1, 1, b"key", b"value", 5, 6));
        assert_ne!(right, crc(1, 0, b"keyv", b"alue", 5, 6));
        assert_ne!(right, crc(1, 0, b"key", b"valuf", 5, 6));
        assert_ne!(right, crc(1, 0, b"key", b"value", 4, 6));
        assert_ne!(right, crc(1, 0, b"key", b"value", 5, 7));
    }
}
