//! How kernels are chosen.

use super::engines;
use crate::sm4::Engine;
use crate::sm4::dispatch::CipherKernel;
use crate::sm4::ghash::HashKernel;

fn choose(is_correct: impl Fn(Engine) -> bool) -> Engine {
    Engine::choose(CipherKernel::available(), HashKernel::available(), is_correct)
}

#[test]
fn every_pair_passes_the_self_test() {
    for engine in engines() {
        assert!(engine.is_correct(), "{engine}");
    }
}

#[test]
fn the_fastest_of_each_is_chosen() {
    println!("chosen: {}", Engine::chosen());
    assert_eq!(Engine::chosen(), Engine::available()[0]);
    assert_eq!(choose(|_| true), Engine::chosen());
}

/// A kernel that computes wrongly is passed over, whatever the other one does.
#[test]
fn what_fails_its_test_is_not_used() {
    let best = Engine::chosen();
    let (cipher, hash) = best.kernels();
    let portable = (CipherKernel::Portable, HashKernel::Portable);
    if cipher != portable.0 {
        let chosen = choose(|engine| engine.kernels().0 != cipher).kernels();
        assert_eq!(chosen, (CipherKernel::available()[1], hash));
    }
    if hash != portable.1 {
        let chosen = choose(|engine| engine.kernels().1 != hash).kernels();
        assert_eq!(chosen, (cipher, HashKernel::available()[1]));
    }
    assert_eq!(choose(|engine| engine.kernels() == portable).kernels(), portable);
}
