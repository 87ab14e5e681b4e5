//! Whole messages by every pair of kernels against libgcrypt, where that is installed.

use super::gcrypt::Gcrypt;
use super::{Numbers, engines, rounds};
use crate::sm4::Sm4Gcm;

#[test]
fn messages_are_those_of_libgcrypt() {
    if Gcrypt::new(&[0; 16]).is_none() {
        println!("skipped: no libgcrypt with SM4 here");
        return;
    }
    let mut numbers = Numbers(8);
    let engines = engines();
    for sweep in 0..rounds(60, 4) {
        let (key, nonce) = (numbers.array(), numbers.array());
        // No length is zero: libgcrypt takes a text of no bytes for no text.
        let length = 1 + numbers.below([100, 3000, 9000, 70_000][sweep % 4]);
        let aad_length = 1 + numbers.below(200);
        let (plain, aad) = (numbers.bytes(length), numbers.bytes(aad_length));
        let mut expected = vec![0; length + 16];
        assert!(Gcrypt::new(&key).unwrap().seal(&nonce, &aad, &plain, &mut expected));
        for engine in &engines {
            let mut sealed = vec![0; length + 16];
            Sm4Gcm::new(*engine, &key).seal(&nonce, &aad, &plain, &mut sealed);
            assert!(sealed == expected, "{engine}: {length} bytes, {aad_length} associated");
        }
    }
}
