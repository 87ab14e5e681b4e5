//! The head: a small signed file that names the newest line, so that lines cut off the end are missed. Two slots are
//! written in turn; a crash while one is written leaves the other (docs/formats/audit.md).

use crate::chain::{Hash, Mark, SIGNATURE_OPEN, labelled, split_hex};
use crate::checkpoint::{FORMAT, LogId, hex};
use crate::json::Members;
use crate::signature::{CheckpointSigner, PublicKey};
use serde::Deserialize;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// A slot has a disk sector to itself, also where sectors are large.
pub(crate) const SLOT_BYTES: usize = 4096;
const HEAD_LABEL: &[u8] = b"strongroom-audit-head-v1";

/// Whether the server is done with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// A server writes, or did until it was cut off.
    Open,
    /// The server ended as it should: nothing follows.
    Closed,
}

/// When the server synchronised the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncMode {
    /// Before anybody is answered: an event that let a key out survives a loss of power.
    Each,
    /// At checkpoints. An event is handed to the kernel before anybody is answered: it survives the end of the process.
    Written,
}

impl SyncMode {
    const fn name(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Written => "written",
        }
    }
}

/// A signed head.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Head {
    pub(crate) format: u64,
    #[serde(deserialize_with = "hex")]
    pub(crate) log: LogId,
    pub(crate) count: u64,
    pub(crate) segment: u64,
    pub(crate) bytes: u64,
    pub(crate) seq: u64,
    #[serde(deserialize_with = "hex")]
    pub(crate) hash: Hash,
    pub(crate) sync: SyncMode,
    pub(crate) state: State,
}

impl Head {
    pub(crate) fn mark(&self) -> Mark {
        Mark { seq: self.seq, hash: self.hash }
    }

    /// The slot it is written to.
    fn slot(&self) -> u64 {
        self.count % 2
    }

    /// A slot's bytes.
    pub(crate) fn encode(&self, signer: &dyn CheckpointSigner) -> Vec<u8> {
        let mut members = Members::default();
        members
            .number("format", self.format)
            .hex("log", &self.log)
            .number("count", self.count)
            .number("segment", self.segment)
            .number("bytes", self.bytes)
            .number("seq", self.seq)
            .hex("hash", &self.hash)
            .text("sync", self.sync.name())
            .text(
                "state",
                match self.state {
                    State::Open => "open",
                    State::Closed => "closed",
                },
            );
        let mut slot = [b"{", &members.into_bytes()[..]].concat();
        let signature = signer.sign(&labelled(HEAD_LABEL, &slot));
        slot.extend_from_slice(SIGNATURE_OPEN);
        slot.extend_from_slice(data_encoding::HEXLOWER.encode(&signature).as_bytes());
        slot.extend_from_slice(b"\"}");
        slot.resize(SLOT_BYTES - 1, b' ');
        slot.push(b'\n');
        slot
    }

    /// Reads a slot. `None` when it is not whole, or not signed by this key.
    fn decode(slot: &[u8], key: &PublicKey) -> Option<Self> {
        let padded = slot.strip_suffix(b"\n")?;
        let end = padded.iter().rposition(|byte| *byte != b' ')? + 1;
        let line = &padded[..end];
        let (covered, signature) = split_hex(line.strip_suffix(b"}")?, SIGNATURE_OPEN)?;
        if !key.verifies(&labelled(HEAD_LABEL, covered), &signature) {
            return None;
        }
        serde_json::from_slice::<Self>(line).ok().filter(|head| head.format == FORMAT)
    }

    /// Writes it to its slot.
    pub(crate) fn write(&self, file: &File, signer: &dyn CheckpointSigner) -> io::Result<()> {
        file.write_all_at(&self.encode(signer), self.slot() * SLOT_BYTES as u64)
    }
}

/// Both slots, as far as they are whole and signed.
#[derive(Debug, Default)]
pub(crate) struct Slots(pub(crate) [Option<Head>; 2]);

impl Slots {
    /// Takes the file's bytes apart.
    pub(crate) fn parse(bytes: &[u8], key: &PublicKey) -> Self {
        let slot = |n: usize| {
            let head = Head::decode(bytes.get(n * SLOT_BYTES..(n + 1) * SLOT_BYTES)?, key)?;
            (head.slot() == n as u64).then_some(head)
        };
        Self([slot(0), slot(1)])
    }

    /// The newer of the slots that are good.
    pub(crate) fn newest(&self) -> Option<&Head> {
        self.0.iter().flatten().max_by_key(|head| head.count)
    }

    /// The head, if both slots are good and belong together: what a crash leaves as well.
    pub(crate) fn whole(&self) -> Option<&Head> {
        let [Some(a), Some(b)] = &self.0 else { return None };
        let (older, newer) = if a.count < b.count { (a, b) } else { (b, a) };
        let in_order = older.log == newer.log && older.seq <= newer.seq && older.segment <= newer.segment;
        (in_order && older.count.checked_add(1) == Some(newer.count)).then_some(newer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestSigner;

    fn head(count: u64) -> Head {
        let (log, hash) = ([7; 16], [9; 32]);
        Head {
            format: FORMAT,
            log,
            count,
            segment: u64::MAX,
            bytes: u64::MAX,
            seq: u64::MAX,
            hash,
            sync: SyncMode::Written,
            state: State::Closed,
        }
    }

    #[test]
    fn the_newer_slot_counts_and_both_must_belong_together() {
        let signer = TestSigner::new(1);
        let key = signer.public();
        let slots = |a: u64, b: u64| {
            let bytes = [head(a).encode(&signer), head(b).encode(&signer)].concat();
            Slots::parse(&bytes, &key)
        };
        assert_eq!(slots(4, 5).whole(), Some(&head(5)));
        assert_eq!(slots(6, 5).whole(), Some(&head(6)));
        assert_eq!(slots(4, 7).whole(), None, "a slot of another time");
        assert_eq!(slots(4, 7).newest(), Some(&head(7)));
        assert_eq!(slots(5, 4).newest(), None, "slots that changed places");
        assert!(Slots::parse(&head(4).encode(&signer), &TestSigner::new(2).public()).newest().is_none());
    }

    #[test]
    fn a_slot_is_one_sector_whatever_it_says() {
        assert_eq!(head(u64::MAX).encode(&TestSigner::new(1)).len(), SLOT_BYTES);
    }
}
