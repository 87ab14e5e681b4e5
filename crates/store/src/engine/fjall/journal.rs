//! fjall's journals, read by us before fjall reads them. fjall ends its replay at the first entry it cannot read and cuts
//! the rest off: right for a write that a crash cut short, silent loss when a bit of an older entry has flipped. And the
//! sequence number that orders batches stands outside its checksum. So before opening, each journal is walked and every
//! batch's [`Seal`] verified; then
//!
//! - zeros to the end of the file: intact;
//! - something unreadable with a later seal behind it, or in any journal but the last: damage, opening is refused;
//! - something unreadable at the very end, whose batch was acknowledged ([`super::super::acknowledged`]): refused too;
//! - otherwise a write that a crash cut short before it was acknowledged: it is cut off, and fjall finds a clean end.
//!
//! The layout is fjall 3's, integers little-endian, drawn in docs/formats/store.md:
//! `1 ‖ items u32 ‖ seqno u64`, then items
//! `2 ‖ kind u8 ‖ compression u8 = 0 ‖ keyspace u64 ‖ key length u16 ‖ length u32 ‖ length on disk u32 ‖ key ‖ value`,
//! then `3 ‖ xxh3 u64 ‖ "FJL" 3`.

use super::seal::{KEY, Seal, Sealer, VALUE_BYTES};
use crate::StoreFault;
use crate::engine::VALUE_BYTES_MAX;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const TRAILER: &[u8; 4] = b"FJL\x03";

/// Room below the top bit, which fjall reserves: no honest sequence number comes near.
const SEQNO_MAX: u64 = 1 << 62;

/// Reads ahead in pieces of this size.
const READ_BYTES: usize = 256 << 10;

/// Walks all journals in `dir`, cuts off an unacknowledged torn end, and returns the number of the last batch, if any
/// journal holds one. `acknowledged` is the last batch known to be acknowledged.
pub(super) fn verify(dir: &Path, acknowledged: u64) -> Result<Option<u64>, StoreFault> {
    let paths = journals(dir).map_err(|e| unavailable(dir, &e))?;
    let mut before = Before::default();
    for (i, path) in paths.iter().enumerate() {
        let failed = |e: io::Error| unavailable(path, &e);
        let damaged = |at: u64| StoreFault::Corrupt(format!("journal `{}` at byte {at}", path.display()));
        let mut walk = Walk::open(path).map_err(failed)?;
        while let Some(batch) = walk.next_batch().map_err(failed)? {
            before.follow(batch).ok_or_else(|| damaged(walk.end))?;
        }
        let Some(tail) = walk.tail().map_err(failed)? else { continue };
        let is_last_journal = i + 1 == paths.len();
        let unacknowledged = match (before.number, tail.seal_number) {
            (Some(last), seal) => last >= acknowledged && seal.is_none_or(|n| n == last + 1),
            (None, Some(n)) => n > acknowledged,
            // Nothing here is numbered; what the tables hold is compared with `acknowledged` after opening.
            (None, None) => true,
        };
        if !(is_last_journal && unacknowledged) {
            return Err(damaged(walk.end));
        }
        tracing::warn!(journal = %path.display(), at = walk.end, "cutting off a commit that a crash left unfinished");
        cut(path, walk.end).map_err(failed)?;
    }
    Ok(before.number)
}

/// What the batches walked so far allow the next one to be.
#[derive(Default)]
struct Before {
    number: Option<u64>,
    seqno: u64,
}

impl Before {
    fn follow(&mut self, batch: Batch) -> Option<()> {
        let Batch { seqno, seal } = batch;
        let numbered = self.number.is_none_or(|last| seal.number == last + 1);
        let first = self.number.is_none();
        // Whichever end of the gap was changed, it shows: as an order of batches, or as one outside its bounds.
        let ordered = seqno >= seal.floor && seqno < SEQNO_MAX && (first || seal.floor > self.seqno);
        (numbered && ordered).then(|| {
            self.number = Some(seal.number);
            self.seqno = seqno;
        })
    }
}

/// The journals, oldest first.
fn journals(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse::<u64>().ok());
        if let Some(number) = number {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

fn cut(path: &Path, end: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(end)?;
    file.sync_all()
}

fn unavailable(path: &Path, e: &io::Error) -> StoreFault {
    StoreFault::Unavailable(format!("`{}`: {e}", path.display()))
}

/// A whole batch whose seal is right.
struct Batch {
    seqno: u64,
    seal: Seal,
}

/// What stands behind the last whole batch, when it is not just zeros.
struct Tail {
    /// The highest number among the seals found there.
    seal_number: Option<u64>,
}

/// Reads one journal.
struct Walk {
    file: BufReader<File>,
    /// End of the last whole batch.
    end: u64,
    /// Key and value of the item being read.
    item: Vec<u8>,
}

impl Walk {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufReader::with_capacity(READ_BYTES, File::open(path)?), end: 0, item: Vec::new() })
    }

    /// The next batch; `None` at the first thing that is none.
    fn next_batch(&mut self) -> io::Result<Option<Batch>> {
        match self.read_batch() {
            Ok(Some(batch)) => {
                self.end = self.file.stream_position()?;
                Ok(Some(batch))
            }
            Ok(None) => Ok(None),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn read_batch(&mut self) -> io::Result<Option<Batch>> {
        let start: [u8; 13] = self.take()?;
        let (Some(items), Some(seqno)) = (u32_at(&start, 1), u64_at(&start, 5)) else { return Ok(None) };
        if start[0] != 1 || items == 0 {
            return Ok(None);
        }
        let mut sealer = Sealer::new();
        for _ in 1..items {
            let Some(head) = self.read_item()? else { return Ok(None) };
            let (key, value) = self.item.split_at(head.key_len);
            sealer.item(head.keyspace, head.kind, key, value);
        }
        let Some(head) = self.read_item()? else { return Ok(None) };
        let (key, value) = self.item.split_at(head.key_len);
        let Some(seal) = Seal::decode(value).filter(|_| key == KEY && head.kind == 0) else { return Ok(None) };
        let end: [u8; 13] = self.take()?;
        let whole = end[0] == 3 && end[9..] == *TRAILER && sealer.seal(seal.number, seal.floor) == seal;
        Ok(whole.then_some(Batch { seqno, seal }))
    }

    /// Reads an item into `self.item`.
    fn read_item(&mut self) -> io::Result<Option<ItemHead>> {
        let head: [u8; 21] = self.take()?;
        let (Some(keyspace), Some(key_len)) = (u64_at(&head, 3), head[11..].first_chunk()) else { return Ok(None) };
        let (Some(len), Some(disk_len)) = (u32_at(&head, 13), u32_at(&head, 17)) else { return Ok(None) };
        let key_len = usize::from(u16::from_le_bytes(*key_len));
        // A removal has no value; values are not compressed.
        let sound = head[0] == 2 && head[1] <= 1 && head[2] == 0 && len == disk_len && (head[1] == 0 || len == 0);
        let len = len as usize;
        if !sound || len > VALUE_BYTES_MAX + 4 {
            return Ok(None);
        }
        self.item.resize(key_len + len, 0);
        self.file.read_exact(&mut self.item)?;
        Ok(Some(ItemHead { keyspace, kind: head[1], key_len }))
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Looks at everything behind the last whole batch.
    fn tail(&mut self) -> io::Result<Option<Tail>> {
        const SEAL_BYTES: usize = KEY.len() + VALUE_BYTES;
        self.file.seek(SeekFrom::Start(self.end))?;
        let mut window = Vec::new();
        let mut zeros = true;
        let mut seal_number = None;
        let mut piece = vec![0; READ_BYTES];
        loop {
            // The file ends in a hole of up to 64 MiB, which need not be read.
            self.skip_hole()?;
            let n = self.file.read(&mut piece)?;
            if n == 0 {
                return Ok((!zeros).then_some(Tail { seal_number }));
            }
            zeros &= piece[..n].iter().all(|b| *b == 0);
            window.extend_from_slice(&piece[..n]);
            for (at, _) in window.windows(SEAL_BYTES).enumerate().filter(|(_, w)| w.starts_with(KEY)) {
                let seal = Seal::decode(&window[at + KEY.len()..at + SEAL_BYTES]);
                seal_number = seal_number.max(seal.map(|seal| seal.number));
            }
            window.drain(..window.len().saturating_sub(SEAL_BYTES - 1));
        }
    }

    fn skip_hole(&mut self) -> io::Result<()> {
        if !self.file.buffer().is_empty() {
            return Ok(());
        }
        let at = self.file.stream_position()?;
        match rustix::fs::seek(self.file.get_ref(), rustix::fs::SeekFrom::Data(at)) {
            Ok(data) => self.file.seek(SeekFrom::Start(data)).map(drop),
            // No data from here on.
            Err(rustix::io::Errno::NXIO) => self.file.seek(SeekFrom::End(0)).map(drop),
            // A file system that cannot tell: read the zeros.
            Err(_) => self.file.seek(SeekFrom::Start(at)).map(drop),
        }
    }
}

struct ItemHead {
    keyspace: u64,
    kind: u8,
    key_len: usize,
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
