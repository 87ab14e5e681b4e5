//! What the segment stream costs over the bare cipher: sealing and opening 64 KiB segments beside AES-256-GCM of the
//! cipher library, in the same run on the same buffers, as a ratio. The digests of the way of a body stand beside.
//!
//! `cargo bench -p strongroom-crypto`. Nothing is asserted: figures of a shared machine prove nothing alone.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot seal has nothing to say")]

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use model::StreamUid;
use std::hint::black_box;
use std::time::Instant;
use strongroom_crypto::{
    ChecksumAlgorithm, Checksummer, DataCipher, Dek, Md5, SEGMENT_BYTES, Sha256, StreamOpener, StreamSealer,
    SystemEntropy,
};

const SEGMENTS: usize = 256;
const ROUNDS: usize = 41;

/// Best speed in GB/s (10^9 bytes) over the rounds; one round is 16 MiB.
fn measure(name: &str, bare: Option<f64>, mut round: impl FnMut()) -> f64 {
    round();
    let fastest = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        round();
        start.elapsed().as_secs_f64()
    });
    let speed = (SEGMENTS * SEGMENT_BYTES) as f64 / fastest.fold(f64::INFINITY, f64::min) / 1e9;
    match bare {
        Some(bare) => println!("{name:<34} {speed:>7.2} GB/s   {:>5.3} of the bare cipher", speed / bare),
        None => println!("{name:<34} {speed:>7.2} GB/s"),
    }
    speed
}

fn main() {
    let dek = Dek::generate(&SystemEntropy);
    let uid = StreamUid::random(&SystemEntropy);
    let plain = vec![0x5a; SEGMENT_BYTES];
    let mut sealed = vec![0; SEGMENT_BYTES + 16];
    let mut opened = vec![0; SEGMENT_BYTES];
    let nonce = |i: usize| Nonce::assume_unique_for_key([0, 0, 0, 0, 0, 0, 0, 0, 0, (i >> 8) as u8, i as u8, 0]);
    let bare_key = || LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[1; 32]).unwrap());

    let key = bare_key();
    let bare_seal = measure("bare AES-256-GCM, seal", None, || {
        for i in 0..SEGMENTS {
            let (text, tag) = sealed.split_at_mut(SEGMENT_BYTES);
            key.seal_out_of_place_scatter(nonce(i), Aad::from([0; 32]), black_box(&plain), text, &[], tag).unwrap();
        }
    });
    measure("segment stream, seal", Some(bare_seal), || {
        let mut sealer = StreamSealer::sealed(DataCipher::Aes256Gcm, &dek, uid);
        for _ in 0..SEGMENTS {
            sealer.seal_segment(black_box(&plain), false, &mut sealed).unwrap();
        }
    });

    let (text, tag) = sealed.split_at_mut(SEGMENT_BYTES);
    key.seal_out_of_place_scatter(nonce(0), Aad::from([0; 32]), &plain, text, &[], tag).unwrap();
    let bare_open = measure("bare AES-256-GCM, open", None, || {
        for _ in 0..SEGMENTS {
            let (text, tag) = sealed.split_at(SEGMENT_BYTES);
            key.open_separate_gather(nonce(0), Aad::from([0; 32]), black_box(text), tag, &mut opened).unwrap();
        }
    });
    StreamSealer::sealed(DataCipher::Aes256Gcm, &dek, uid).seal_segment(&plain, false, &mut sealed).unwrap();
    measure("segment stream, open", Some(bare_open), || {
        let opener = StreamOpener::sealed(DataCipher::Aes256Gcm, &dek, uid);
        for _ in 0..SEGMENTS {
            opener.open_segment(0, false, black_box(&sealed), &mut opened).unwrap();
        }
    });

    let mut clear = vec![0; SEGMENT_BYTES + 4];
    measure("stream in clear with CRC-32C, seal", None, || {
        let mut sealer = StreamSealer::plain(uid);
        for _ in 0..SEGMENTS {
            sealer.seal_segment(black_box(&plain), false, &mut clear).unwrap();
        }
    });
    measure("MD5", None, || {
        let mut state = Md5::new();
        (0..SEGMENTS).for_each(|_| state.update(black_box(&plain)));
        black_box(state.finish());
    });
    measure("SHA-256", None, || {
        let mut state = Sha256::new();
        (0..SEGMENTS).for_each(|_| state.update(black_box(&plain)));
        black_box(state.finish());
    });
    measure("CRC-64/NVME", None, || {
        let mut state = Checksummer::new(ChecksumAlgorithm::Crc64Nvme);
        (0..SEGMENTS).for_each(|_| state.update(black_box(&plain)));
        black_box(state.finish());
    });
}
