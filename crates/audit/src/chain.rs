//! The chain: every line carries its number, the hash of the line before and its own (docs/formats/audit.md).
//!
//! ```text
//! line = {"seq":SEQ,"prev":"PREV", … ,"hash":"HASH"}
//! HASH = SHA-256(LP("strongroom-audit-line-v1") || the line's bytes before ,"hash":)
//! ```

use crate::json::Members;
use crate::signature::CheckpointSigner;
use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use std::fmt;
use std::str::FromStr;

/// SHA-256 of a line.
pub(crate) type Hash = [u8; 32];

/// Longest line, with its end.
pub(crate) const LINE_BYTES_MAX: usize = 256 << 10;

const LINE_LABEL: &[u8] = b"strongroom-audit-line-v1";
pub(crate) const CHECKPOINT_LABEL: &[u8] = b"strongroom-audit-checkpoint-v1";

const HASH_OPEN: &[u8] = b",\"hash\":\"";
pub(crate) const SIGNATURE_OPEN: &[u8] = b",\"signature\":\"";
const CLOSE: &[u8] = b"\"}";

/// A line by its number and its hash: what a checkpoint, a head and an operator's note name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The line's number; 0 stands before the first line.
    pub seq: u64,
    /// The line's hash.
    pub hash: [u8; 32],
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, HEXLOWER.encode(&self.hash))
    }
}

impl FromStr for Mark {
    type Err = NoMark;

    fn from_str(text: &str) -> Result<Self, NoMark> {
        let (seq, hash) = text.split_once(':').ok_or(NoMark)?;
        let seq = number(seq.as_bytes()).ok_or(NoMark)?;
        Ok(Self { seq, hash: unhex(hash.as_bytes()).ok_or(NoMark)? })
    }
}

/// The text is not `SEQ:HASH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMark;

impl fmt::Display for NoMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line is named by its number and its hash: SEQ:HASH, with 64 digits of lower-case hexadecimal")
    }
}

impl std::error::Error for NoMark {}

/// Where the next line is appended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Chain {
    last: Mark,
}

impl Chain {
    /// Goes on after a line.
    pub(crate) fn after(last: Mark) -> Self {
        Self { last }
    }

    /// The newest line.
    pub(crate) fn last(&self) -> Mark {
        self.last
    }

    /// Appends a line with these members to `out`.
    pub(crate) fn append(&mut self, out: &mut Vec<u8>, members: &[u8]) -> Mark {
        let start = self.open(out, members);
        self.close(out, start)
    }

    /// Appends a signed line.
    pub(crate) fn append_signed(&mut self, out: &mut Vec<u8>, members: &[u8], signer: &dyn CheckpointSigner) -> Mark {
        let start = self.open(out, members);
        let signature = signer.sign(&labelled(CHECKPOINT_LABEL, &out[start..]));
        append_hex(out, SIGNATURE_OPEN, &signature);
        self.close(out, start)
    }

    fn open(&self, out: &mut Vec<u8>, members: &[u8]) -> usize {
        let start = out.len();
        let mut head = Members::default();
        head.number("seq", self.last.seq.saturating_add(1)).hex("prev", &self.last.hash);
        out.push(b'{');
        out.extend_from_slice(&head.into_bytes());
        out.push(b',');
        out.extend_from_slice(members);
        start
    }

    fn close(&mut self, out: &mut Vec<u8>, start: usize) -> Mark {
        let hash = hash_of(&out[start..]);
        append_hex(out, HASH_OPEN, &hash);
        out.extend_from_slice(b"}\n");
        self.last = Mark { seq: self.last.seq.saturating_add(1), hash };
        self.last
    }
}

fn append_hex(out: &mut Vec<u8>, open: &[u8], value: &[u8]) {
    out.extend_from_slice(open);
    out.extend_from_slice(HEXLOWER.encode(value).as_bytes());
    out.push(b'"');
}

/// A line whose own hash holds.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) mark: Mark,
    pub(crate) prev: Hash,
    /// The line's bytes before `,"hash":`.
    covered: &'a [u8],
}

impl<'a> Line<'a> {
    /// Takes a line, without its end, apart. `None` when its hash does not hold, or when it is no line at all.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (covered, hash) = split_hex::<32>(bytes.strip_suffix(b"}")?, HASH_OPEN)?;
        if hash_of(covered) != hash {
            return None;
        }
        let rest = covered.strip_prefix(b"{\"seq\":")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let seq = number(&rest[..digits])?;
        let rest = rest[digits..].strip_prefix(b",\"prev\":\"")?;
        let prev = unhex(rest.get(..64)?)?;
        rest[64..].strip_prefix(b"\",")?;
        Some(Self { mark: Mark { seq, hash }, prev, covered })
    }

    /// What was signed, and the signature.
    pub(crate) fn signed(&self) -> Option<(Vec<u8>, [u8; 64])> {
        let (covered, signature) = split_hex(self.covered, SIGNATURE_OPEN)?;
        Some((labelled(CHECKPOINT_LABEL, covered), signature))
    }
}

/// Splits `…,"name":"hex"` into what stands before and the value.
pub(crate) fn split_hex<'a, const N: usize>(bytes: &'a [u8], open: &[u8]) -> Option<(&'a [u8], [u8; N])> {
    let bytes = bytes.strip_suffix(&CLOSE[..1])?;
    let at = bytes.len().checked_sub(2 * N)?;
    let (before, digits) = bytes.split_at(at);
    Some((before.strip_suffix(open)?, unhex(digits)?))
}

/// `LP(label) || bytes`: what is signed.
pub(crate) fn labelled(label: &[u8], bytes: &[u8]) -> Vec<u8> {
    [&[label_len(label)], label, bytes].concat()
}

fn hash_of(covered: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[label_len(LINE_LABEL)]);
    context.update(LINE_LABEL);
    context.update(covered);
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[expect(clippy::cast_possible_truncation, reason = "labels are constants of this crate, shorter than 256 bytes")]
const fn label_len(label: &[u8]) -> u8 {
    label.len() as u8
}

/// Lower-case digits only: there is one way to write a value.
pub(crate) fn unhex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    if digits.len() != 2 * N || HEXLOWER.decode_mut(digits, &mut out).is_err() {
        return None;
    }
    Some(out)
}

/// A decimal number without leading zeros.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.first() == Some(&b'0') && digits.len() > 1 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart_as_it_was_put_together() {
        let mut chain = Chain::default();
        let mut out = Vec::new();
        chain.append(&mut out, b"\"a\":1");
        let first = chain.last();
        let from = out.len();
        chain.append(&mut out, b"\"b\":\"x\"");
        let line = Line::parse(out[from..].strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!((line.mark, line.prev), (chain.last(), first.hash));
        assert!(line.signed().is_none());
        assert!(out.starts_with(format!("{{\"seq\":1,\"prev\":\"{}\",\"a\":1,\"hash\":\"", "0".repeat(64)).as_bytes()));
    }

    #[test]
    fn marks_are_read_as_they_are_written() {
        let mark = Mark { seq: 17, hash: [0xab; 32] };
        assert_eq!(mark.to_string().parse(), Ok(mark));
        for wrong in ["17", "17:ab", &format!("017:{}", "ab".repeat(32)), &format!("17:{}", "AB".repeat(32)), ""] {
            assert_eq!(wrong.parse::<Mark>(), Err(NoMark), "{wrong}");
        }
    }
}
