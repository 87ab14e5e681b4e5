//! Whole messages by every pair of kernels against the `sm4` and `aes-gcm` crates.

use super::{Numbers, engines, oracle, rounds};
use crate::sm4::Sm4Gcm;

/// Lengths around the edges of everything that is done in batches: blocks, groups, strides, runs of the hash.
#[test]
fn lengths_at_the_edges() {
    let mut numbers = Numbers(3);
    let edges = [0usize, 16, 32, 112, 128, 256, 384, 512, 1024, 2048, 4096, 65536];
    let kept = if rounds(1, 0) == 1 { edges.len() } else { edges.len() - 1 };
    let mut lengths: Vec<usize> =
        edges[..kept].iter().flat_map(|edge| [edge.saturating_sub(1), *edge, edge + 1, edge + 17]).collect();
    lengths.dedup();
    let key = numbers.array();
    let nonce = numbers.array();
    let cases: Vec<_> = lengths
        .into_iter()
        .map(|length| {
            let (plain, aad_length) = (numbers.bytes(length), numbers.below(80));
            let aad = numbers.bytes(aad_length);
            let sealed = oracle(&key, &nonce, &aad, &plain);
            (plain, aad, sealed)
        })
        .collect();
    for engine in engines() {
        // One key for all, as a stream has it: powers of H come into being on the way. And a key for each.
        let kept = Sm4Gcm::new(engine, &key);
        for (plain, aad, expected) in &cases {
            for cipher in [&kept, &Sm4Gcm::new(engine, &key)] {
                let mut sealed = vec![0; plain.len() + 16];
                cipher.seal(&nonce, aad, plain, &mut sealed);
                assert!(sealed == *expected, "{engine}: {} bytes sealed", plain.len());
                let mut opened = vec![0; plain.len()];
                assert!(cipher.open(&nonce, aad, &sealed, &mut opened).is_ok(), "{engine}: {} bytes", plain.len());
                assert!(opened == *plain, "{engine}: {} bytes opened", plain.len());
            }
        }
    }
}

/// Random keys, nonces, lengths of message and associated data, and alignments of all buffers.
#[test]
fn random_messages() {
    let mut numbers = Numbers(4);
    let engines = engines();
    for sweep in 0..rounds(80, 5) {
        let (key, nonce) = (numbers.array(), numbers.array());
        let length = numbers.below([300, 5000, 20_000, 70_001][sweep % 4]);
        let aad_length = numbers.below([40, 600, 3000][sweep % 3]);
        let offsets: [usize; 3] = std::array::from_fn(|_| numbers.below(64));
        let plain = numbers.bytes(offsets[0] + length);
        let aad = numbers.bytes(offsets[1] + aad_length);
        let (plain, aad) = (&plain[offsets[0]..], &aad[offsets[1]..]);
        let expected = oracle(&key, &nonce, aad, plain);
        for engine in &engines {
            let cipher = Sm4Gcm::new(*engine, &key);
            let mut sealed = vec![0; offsets[2] + length + 16];
            cipher.seal(&nonce, aad, plain, &mut sealed[offsets[2]..]);
            assert!(sealed[offsets[2]..] == expected, "{engine}: {length} bytes, {aad_length} associated");
            let mut opened = vec![0; offsets[0] + length];
            assert!(cipher.open(&nonce, aad, &sealed[offsets[2]..], &mut opened[offsets[0]..]).is_ok(), "{engine}");
            assert!(opened[offsets[0]..] == *plain, "{engine}: {length} bytes, {aad_length} associated");
        }
    }
}
