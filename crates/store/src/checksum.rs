//! The checksum every stored row carries. Engines checksum their blocks, but not the way from a block to the right row:
//! a value found under another key or in another table must be refused as much as a flipped bit. So the stored value is
//! `value ‖ CRC32C`, and the CRC covers the table, the key and the value (docs/formats/store.md, "Row").

use crate::{StoreFault, Table};
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};
use std::fmt::Write as _;

/// Bytes added to every stored value.
pub(crate) const ROW_CHECKSUM_BYTES: usize = 4;

/// Digits of the key that a report of damage shows: enough to find the row, too few to flood a log.
const KEY_PREFIX_BYTES_SHOWN: usize = 24;

/// CRC32C over `table id (1) ‖ key length (u32 BE) ‖ key ‖ value`. The length keeps the border between key and value
/// inside the checksum.
fn row_crc(table: Table, key: &[u8], value: &[u8]) -> [u8; ROW_CHECKSUM_BYTES] {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    let mut head = [0; 5];
    head[0] = table.id();
    head[1..].copy_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes());
    digest.update(&head);
    digest.update(key);
    digest.update(value);
    low_bits(digest.finalize()).to_be_bytes()
}

/// The 32 bits of a CRC-32 that the library returns in 64.
pub(crate) fn low_bits(crc: u64) -> u32 {
    (crc & u64::from(u32::MAX)) as u32
}

/// The value as it is stored: followed by its checksum.
pub(crate) fn protect(table: Table, key: &[u8], value: &[u8]) -> Bytes {
    let mut stored = Vec::with_capacity(value.len() + ROW_CHECKSUM_BYTES);
    stored.extend_from_slice(value);
    stored.extend_from_slice(&row_crc(table, key, value));
    Bytes::from(stored)
}

/// Checks a stored value and returns how many of its bytes are the value.
fn verified_len(table: Table, key: &[u8], stored: &[u8]) -> Result<usize, StoreFault> {
    let damaged = || StoreFault::Corrupt(format!("row {} of table {}", hex_prefix(key), table.name()));
    let len = stored.len().checked_sub(ROW_CHECKSUM_BYTES).ok_or_else(damaged)?;
    let (value, crc) = stored.split_at(len);
    if crc == row_crc(table, key, value) { Ok(len) } else { Err(damaged()) }
}

/// The value inside a stored value, once its checksum has been verified.
pub(crate) fn verify<'a>(table: Table, key: &[u8], stored: &'a [u8]) -> Result<&'a [u8], StoreFault> {
    Ok(&stored[..verified_len(table, key, stored)?])
}

/// As [`verify`], without a copy.
pub(crate) fn verify_bytes(table: Table, key: &[u8], mut stored: Bytes) -> Result<Bytes, StoreFault> {
    stored.truncate(verified_len(table, key, &stored)?);
    Ok(stored)
}

/// The first bytes of a key in hexadecimal.
pub(crate) fn hex_prefix(key: &[u8]) -> String {
    let shown = &key[..key.len().min(KEY_PREFIX_BYTES_SHOWN)];
    let mut text = String::with_capacity(shown.len() * 2 + 3);
    for byte in shown {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    if shown.len() < key.len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_survives_the_round_trip_and_nothing_else_does() {
        let stored = protect(Table::Current, b"key", b"value");
        assert_eq!(verify(Table::Current, b"key", &stored).unwrap(), b"value");
        assert_eq!(verify_bytes(Table::Current, b"key", stored.clone()).unwrap(), "value");

        let moved_table = verify(Table::Versions, b"key", &stored);
        let moved_key = verify(Table::Current, b"kez", &stored);
        let moved_border = verify(Table::Current, b"keyv", &stored[1..]);
        assert!(matches!(moved_table, Err(StoreFault::Corrupt(_))));
        assert!(matches!(moved_key, Err(StoreFault::Corrupt(_))));
        assert!(matches!(moved_border, Err(StoreFault::Corrupt(_))));
        for cut in 0..stored.len() {
            assert!(verify(Table::Current, b"key", &stored[..cut]).is_err(), "cut to {cut}");
        }
        for bit in 0..stored.len() * 8 {
            let mut flipped = stored.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(Table::Current, b"key", &flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn the_report_names_table_and_key_prefix() {
        let Err(StoreFault::Corrupt(what)) = verify(Table::Parts, &[0xab; 40], b"xxxxx") else { panic!("not refused") };
        assert_eq!(what, format!("row {}… of table parts", "ab".repeat(24)));
    }

    #[test]
    fn the_layout_is_fixed() {
        // CRC32C of 03 00000003 "key" "value", computed with an independent bitwise implementation.
        let mut crc = !0_u32;
        for byte in b"\x03\x00\x00\x00\x03keyvalue" {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
            }
        }
        assert_eq!(protect(Table::Current, b"key", b"value")[5..], (!crc).to_be_bytes());
    }
}
