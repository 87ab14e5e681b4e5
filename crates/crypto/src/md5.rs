//! MD5 (RFC 1321) for ETags and `Content-MD5`, never for security: collisions are cheap.
//!
//! The cipher library has the fastest portable implementation but keeps it out of its safe interface, so its C
//! interface is called here. Its unsafe code is one of three: see `locked.rs`.

use crate::primitive::must;
use aws_lc_rs::error::Unspecified;
use aws_lc_sys::{
    EVP_DigestFinal_ex, EVP_DigestInit_ex, EVP_DigestUpdate, EVP_MD_CTX, EVP_MD_CTX_free, EVP_MD_CTX_new, EVP_md5,
};
use std::ptr::{NonNull, null_mut};

const MD5_BYTES: usize = 16;

/// MD5 of bytes that arrive in pieces.
///
/// INVARIANT: the context is live, owned by this value alone, and initialised for MD5.
pub struct Md5(NonNull<EVP_MD_CTX>);

// SAFETY: the context is plain heap memory of the library, bound to no thread; it is owned by one `Md5`.
#[expect(unsafe_code, reason = "a raw pointer loses Send")]
unsafe impl Send for Md5 {}

// SAFETY: a shared `Md5` offers no operation at all: both `update` and `finish` need it exclusively.
#[expect(unsafe_code, reason = "a raw pointer loses Sync")]
unsafe impl Sync for Md5 {}

impl Md5 {
    /// Starts.
    pub fn new() -> Self {
        // SAFETY: takes no argument; returns a fresh context or null, which is handled.
        #[expect(unsafe_code, reason = "MD5 has no safe interface in aws-lc-rs")]
        let context = unsafe { EVP_MD_CTX_new() };
        let state = Self(must(NonNull::new(context).ok_or(Unspecified), "MD5 set-up"));
        // SAFETY: the context is live and ours (INVARIANT); EVP_md5 returns a static table; a null engine means the
        // built-in implementation.
        #[expect(unsafe_code, reason = "MD5 has no safe interface in aws-lc-rs")]
        let code = unsafe { EVP_DigestInit_ex(state.0.as_ptr(), EVP_md5(), null_mut()) };
        succeeded(code);
        state
    }

    /// Takes the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        // SAFETY: the context is live, initialised and ours (INVARIANT); pointer and length are those of a live slice,
        // which is only read.
        #[expect(unsafe_code, reason = "MD5 has no safe interface in aws-lc-rs")]
        let code = unsafe { EVP_DigestUpdate(self.0.as_ptr(), data.as_ptr().cast(), data.len()) };
        succeeded(code);
    }

    /// The digest.
    pub fn finish(self) -> [u8; MD5_BYTES] {
        let mut out = [0; MD5_BYTES];
        // SAFETY: the context is live, initialised and ours (INVARIANT); MD5 writes exactly MD5_BYTES bytes; a null
        // length pointer means the length is not wanted.
        #[expect(unsafe_code, reason = "MD5 has no safe interface in aws-lc-rs")]
        let code = unsafe { EVP_DigestFinal_ex(self.0.as_ptr(), out.as_mut_ptr(), null_mut()) };
        succeeded(code);
        out
    }
}

impl Drop for Md5 {
    fn drop(&mut self) {
        // SAFETY: the context is live and ours (INVARIANT), and nothing uses it after this.
        #[expect(unsafe_code, reason = "MD5 has no safe interface in aws-lc-rs")]
        unsafe {
            EVP_MD_CTX_free(self.0.as_ptr());
        }
    }
}

impl Default for Md5 {
    fn default() -> Self {
        Self::new()
    }
}

/// MD5 of bytes at hand.
pub fn md5(data: &[u8]) -> [u8; MD5_BYTES] {
    let mut state = Md5::new();
    state.update(data);
    state.finish()
}

/// The library's functions return one on success; they fail only when memory cannot be had.
fn succeeded(code: std::ffi::c_int) {
    must(if code == 1 { Ok(()) } else { Err(Unspecified) }, "MD5");
}
