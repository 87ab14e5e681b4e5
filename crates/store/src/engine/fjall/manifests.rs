//! fjall's manifests, checked by us before fjall relies on them. Each keyspace has a file `v<n>` that says which table
//! files make up the tree and in which order; a changed byte there makes an old value win or rows disappear. fjall writes
//! its XXH3-128 into the file `current` beside it, but does not compare it when it opens; so we do
//! (docs/decisions/0001-embedded-engine.md, "Findings").
//!
//! `current`, 25 bytes, integers little-endian: `n u64 ‖ XXH3-128 of v<n> ‖ 0 u8`.

use crate::StoreFault;
use std::io;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_128;

const CURRENT_BYTES: usize = 25;

/// Compares every keyspace's manifest below `dir` with its checksum.
pub(super) fn verify(dir: &Path) -> Result<(), StoreFault> {
    let keyspaces = dir.join("keyspaces");
    let unavailable = |e: io::Error| StoreFault::Unavailable(format!("`{}`: {e}", keyspaces.display()));
    for entry in std::fs::read_dir(&keyspaces).map_err(unavailable)? {
        let keyspace = entry.map_err(unavailable)?.path();
        if keyspace.is_dir() && !is_intact(&keyspace).map_err(unavailable)? {
            return Err(StoreFault::Corrupt(format!("the manifest of `{}`", keyspace.display())));
        }
    }
    Ok(())
}

fn is_intact(keyspace: &Path) -> io::Result<bool> {
    let current = match std::fs::read(keyspace.join("current")) {
        Ok(bytes) => bytes,
        // Not yet begun when a crash came, or its manifest is gone. fjall would remove the keyspace in both cases.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return holds_no_table(keyspace),
        Err(e) => return Err(e),
    };
    let Some((number, rest)) = current.split_first_chunk() else { return Ok(false) };
    let Some((checksum, kind)) = rest.split_first_chunk() else { return Ok(false) };
    if current.len() != CURRENT_BYTES || kind != [0] {
        return Ok(false);
    }
    match std::fs::read(keyspace.join(format!("v{}", u64::from_le_bytes(*number)))) {
        Ok(manifest) => Ok(xxh3_128(&manifest) == u128::from_le_bytes(*checksum)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

fn holds_no_table(keyspace: &Path) -> io::Result<bool> {
    match std::fs::read_dir(keyspace.join("tables")) {
        Ok(mut tables) => Ok(tables.next().is_none()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) => Err(e),
    }
}
