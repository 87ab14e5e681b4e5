//! SM4-GCM by every pair of kernels this processor can run, over messages of 64 KiB as a segment is one, beside the `sm4` and
//! `aes-gcm` crates and libgcrypt where it is installed; then the segment stream over the pair it uses, and small messages
//! with their key set-up.
//!
//! `cargo bench -p strongroom-crypto --bench sm4`. Time is that of the thread's own running, and the best of many rounds:
//! ratios within one run mean something on a shared machine, single figures little. Nothing is asserted.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot seal has nothing to say")]

use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{AeadInPlace, KeyInit};
use gcrypt::Gcrypt;
use model::StreamUid;
use std::hint::black_box;
use strongroom_crypto::{DataCipher, Dek, SEGMENT_BYTES, Sm4Engine, Sm4Gcm, StreamOpener, StreamSealer, SystemEntropy};

#[path = "../src/sm4/tests/gcrypt.rs"]
mod gcrypt;

const KEY: [u8; 16] = [7; 16];
const NONCE: [u8; 12] = [1; 12];
const AAD: [u8; 32] = [2; 32];
const SEALED_BYTES: usize = SEGMENT_BYTES + 16;
const ROUNDS: usize = 41;

/// Seconds this thread has run.
fn thread_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Seconds of one call: the best round of `calls`.
fn seconds(calls: usize, mut call: impl FnMut()) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let start = thread_seconds();
        (0..calls).for_each(|_| call());
        (thread_seconds() - start) / calls as f64
    });
    rounds.fold(f64::INFINITY, f64::min)
}

/// Speed in GB/s (10^9 bytes) over segments, and how many times the crates' that is.
fn speed(name: &str, crates: f64, call: impl FnMut()) -> f64 {
    let speed = SEGMENT_BYTES as f64 / seconds(20, call) / 1e9;
    println!("{name:<48} {speed:>7.3} GB/s {:>7.2} of the crates'", if crates > 0.0 { speed / crates } else { 1.0 });
    speed
}

fn main() {
    let plain = vec![0x5a; SEGMENT_BYTES];
    let mut sealed = vec![0; SEALED_BYTES];
    let mut opened = vec![0; SEGMENT_BYTES];

    let cipher = aes_gcm::AesGcm::<sm4::Sm4, U12>::new(&KEY.into());
    let crates = speed("crates sm4 and aes-gcm, seal", 0.0, || {
        let (text, tag) = sealed.split_at_mut(SEGMENT_BYTES);
        text.copy_from_slice(black_box(&plain));
        tag.copy_from_slice(&cipher.encrypt_in_place_detached(&NONCE.into(), &AAD, text).unwrap());
    });
    match Gcrypt::new(&KEY) {
        None => println!("libgcrypt is not installed, or has no SM4"),
        Some(cipher) => {
            speed("libgcrypt, seal", crates, || {
                assert!(cipher.seal(&NONCE, &AAD, black_box(&plain), &mut sealed));
            });
        }
    }
    for engine in Sm4Engine::available() {
        let cipher = Sm4Gcm::new(engine, &KEY);
        speed(&format!("{engine}, seal"), crates, || cipher.seal(&NONCE, &AAD, black_box(&plain), &mut sealed));
        speed(&format!("{engine}, open"), crates, || {
            assert!(cipher.opens(&NONCE, &AAD, black_box(&sealed), &mut opened));
        });
    }

    let chosen = Sm4Engine::chosen();
    println!("chosen: {chosen}");
    let cipher = Sm4Gcm::new(chosen, &KEY);
    let bare = speed("chosen, seal", crates, || cipher.seal(&NONCE, &AAD, black_box(&plain), &mut sealed));
    let dek = Dek::generate(&SystemEntropy);
    let uid = StreamUid::random(&SystemEntropy);
    let mut sealer = StreamSealer::sealed(DataCipher::Sm4Gcm, &dek, uid);
    let stream = speed("segment stream, seal", crates, || {
        sealer.seal_segment(black_box(&plain), false, &mut sealed).unwrap();
    });
    println!("    {:.3} of the cipher alone", stream / bare);
    StreamSealer::sealed(DataCipher::Sm4Gcm, &dek, uid).seal_segment(&plain, false, &mut sealed).unwrap();
    let opener = StreamOpener::sealed(DataCipher::Sm4Gcm, &dek, uid);
    let stream = speed("segment stream, open", crates, || {
        opener.open_segment(0, false, black_box(&sealed), &mut opened).unwrap();
    });
    println!("    {:.3} of the cipher alone", stream / bare);

    for engine in [Some(chosen), Sm4Engine::available().pop()].into_iter().flatten() {
        for length in [32, 1024, 4096] {
            let mut short = vec![0; length + 16];
            let time = seconds(200, || {
                Sm4Gcm::new(engine, black_box(&KEY)).seal(&NONCE, &AAD, &plain[..length], &mut short);
            });
            println!("{engine}, key set-up and {length} bytes: {:.2} us", time * 1e6);
        }
    }
}
