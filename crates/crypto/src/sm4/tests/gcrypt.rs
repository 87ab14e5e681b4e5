//! libgcrypt, loaded where it is installed: another implementation to compare with. For tests and benchmarks.

#![expect(unsafe_code, reason = "a library of another language, found while the program runs")]

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

const RTLD_NOW: c_int = 2;
const CIPHER_SM4: c_int = 318;
const MODE_GCM: c_int = 9;
const DISABLE_SECMEM: c_int = 37;
const INITIALIZATION_FINISHED: c_int = 38;

unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

type Handle = *mut c_void;
type OnBytes = unsafe extern "C" fn(Handle, *const u8, usize) -> c_uint;
type IntoBytes = unsafe extern "C" fn(Handle, *mut u8, usize) -> c_uint;

/// SM4-GCM under one key by libgcrypt.
///
/// INVARIANT: `handle` is one of the library's, open for SM4-GCM; the functions are those of its header.
pub(crate) struct Gcrypt {
    handle: Handle,
    set_iv: OnBytes,
    authenticate: OnBytes,
    encrypt: unsafe extern "C" fn(Handle, *mut u8, usize, *const u8, usize) -> c_uint,
    tag: IntoBytes,
    close: unsafe extern "C" fn(Handle),
}

impl Gcrypt {
    /// `None` where the library is not installed, or has no SM4.
    pub(crate) fn new(key: &[u8; 16]) -> Option<Self> {
        // SAFETY: names end with a zero; every symbol is cast to the type it has in gcrypt.h of API version 1, which the
        // name `libgcrypt.so.20` promises; a null symbol has returned before. The library is initialised as its manual
        // says, twice does no harm. The key lives through the call that copies it.
        unsafe {
            let library = dlopen(c"libgcrypt.so.20".as_ptr(), RTLD_NOW);
            if library.is_null() {
                return None;
            }
            let symbol = |name: &CStr| {
                let address = dlsym(library, name.as_ptr());
                (!address.is_null()).then_some(address)
            };
            let check_version: unsafe extern "C" fn(*const c_char) -> *const c_char =
                std::mem::transmute(symbol(c"gcry_check_version")?);
            let control: unsafe extern "C" fn(c_int, ...) -> c_uint = std::mem::transmute(symbol(c"gcry_control")?);
            let open: unsafe extern "C" fn(*mut Handle, c_int, c_int, c_uint) -> c_uint =
                std::mem::transmute(symbol(c"gcry_cipher_open")?);
            let set_key: OnBytes = std::mem::transmute(symbol(c"gcry_cipher_setkey")?);
            let set_iv = std::mem::transmute::<*mut c_void, OnBytes>(symbol(c"gcry_cipher_setiv")?);
            let authenticate = std::mem::transmute::<*mut c_void, OnBytes>(symbol(c"gcry_cipher_authenticate")?);
            let tag = std::mem::transmute::<*mut c_void, IntoBytes>(symbol(c"gcry_cipher_gettag")?);
            let encrypt = std::mem::transmute::<
                *mut c_void,
                unsafe extern "C" fn(Handle, *mut u8, usize, *const u8, usize) -> c_uint,
            >(symbol(c"gcry_cipher_encrypt")?);
            let close = std::mem::transmute::<*mut c_void, unsafe extern "C" fn(Handle)>(symbol(c"gcry_cipher_close")?);

            check_version(std::ptr::null());
            control(DISABLE_SECMEM, 0);
            control(INITIALIZATION_FINISHED, 0);
            let mut handle = std::ptr::null_mut();
            if open(&mut handle, CIPHER_SM4, MODE_GCM, 0) != 0 {
                return None;
            }
            let cipher = Self { handle, set_iv, authenticate, encrypt, tag, close };
            (set_key(handle, key.as_ptr(), key.len()) == 0).then_some(cipher)
        }
    }

    /// Writes `ciphertext || auth tag` to `out`, which is 16 bytes longer than `plain`. Whether the library did.
    pub(crate) fn seal(&self, nonce: &[u8; 12], aad: &[u8], plain: &[u8], out: &mut [u8]) -> bool {
        let (text, tag) = out.split_at_mut(plain.len());
        // SAFETY: the handle is open (INVARIANT); pointers and lengths are those of live slices, two of them writable.
        unsafe {
            (self.set_iv)(self.handle, nonce.as_ptr(), nonce.len()) == 0
                && (self.authenticate)(self.handle, aad.as_ptr(), aad.len()) == 0
                && (self.encrypt)(self.handle, text.as_mut_ptr(), text.len(), plain.as_ptr(), plain.len()) == 0
                && (self.tag)(self.handle, tag.as_mut_ptr(), tag.len()) == 0
        }
    }
}

impl Drop for Gcrypt {
    fn drop(&mut self) {
        // SAFETY: the handle is open (INVARIANT), and nothing uses it after this.
        unsafe { (self.close)(self.handle) }
    }
}
