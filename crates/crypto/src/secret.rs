//! Fixed-size secret bytes: the one box every key lives in.
//!
//! The bytes sit on the heap, or for keys that live long in locked memory (`locked.rs`), so moving a key moves a pointer
//! and leaves no copy behind on the stack; they are overwritten when the box is dropped. There is no `Clone`, `Debug`, `Serialize` or comparison: a secret is read
//! through [`SecretBytes::expose`] alone, so that every reader is found by searching for that word.
//!
//! ```compile_fail,E0599
//! let key = strongroom_crypto::SecretBytes::<32>::fill_with(|_| ());
//! let copy = key.clone();
//! ```
//! ```compile_fail,E0277
//! let key = strongroom_crypto::SecretBytes::<32>::fill_with(|_| ());
//! println!("{key:?}");
//! ```
//! ```compile_fail,E0369
//! let key = strongroom_crypto::SecretBytes::<32>::fill_with(|_| ());
//! let same = key == key;
//! ```

use crate::locked::{SLOT_BYTES, Slot};
use model::Entropy;
use zeroize::Zeroize;

/// `N` secret bytes, wiped on drop.
pub struct SecretBytes<const N: usize>(Place<N>);

enum Place<const N: usize> {
    Heap(Box<[u8; N]>),
    /// INVARIANT: `N` is at most [`SLOT_BYTES`].
    Locked(Slot),
}

impl<const N: usize> SecretBytes<N> {
    /// Makes a secret in place: `fill` gets zeroed bytes at their final address.
    pub fn fill_with(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self(Place::Heap(Box::new([0; N])));
        fill(secret.bytes_mut());
        secret
    }

    /// As [`SecretBytes::fill_with`] where filling may fail; what was written before the failure is wiped.
    ///
    /// # Errors
    /// The error of `fill`, unchanged.
    pub fn try_fill_with<E>(fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut secret = Self(Place::Heap(Box::new([0; N])));
        fill(secret.bytes_mut())?;
        Ok(secret)
    }

    /// Draws `N` random bytes.
    pub fn random(entropy: &dyn Entropy) -> Self {
        Self::fill_with(|bytes| entropy.fill(bytes))
    }

    /// Moves the bytes to locked memory, for keys that live long; where they were is wiped. A secret that is longer than
    /// a slot, or finds no memory, stays where it is.
    #[must_use]
    pub fn into_locked(self) -> Self {
        if N > SLOT_BYTES || matches!(self.0, Place::Locked(_)) {
            return self;
        }
        let Some(slot) = Slot::obtain() else { return self };
        let mut locked = Self(Place::Locked(slot));
        locked.bytes_mut().copy_from_slice(self.expose());
        locked
    }

    /// The bytes in clear. The caller neither stores, prints nor compares them other than in constant time.
    pub fn expose(&self) -> &[u8; N] {
        match &self.0 {
            Place::Heap(bytes) => bytes,
            Place::Locked(slot) => {
                // SAFETY: the slot has room for N bytes (INVARIANT), all initialised (mapped as zeros), and is ours; a
                // byte array has no alignment.
                #[expect(unsafe_code, reason = "locked memory is not the allocator's")]
                let bytes = unsafe { &*slot.as_ptr().cast::<[u8; N]>() };
                bytes
            }
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8; N] {
        match &mut self.0 {
            Place::Heap(bytes) => bytes,
            Place::Locked(slot) => {
                // SAFETY: as in `expose`; the secret is borrowed exclusively, and so is its slot.
                #[expect(unsafe_code, reason = "locked memory is not the allocator's")]
                let bytes = unsafe { &mut *slot.as_ptr().cast::<[u8; N]>() };
                bytes
            }
        }
    }
}

impl<const N: usize> Drop for SecretBytes<N> {
    fn drop(&mut self) {
        self.bytes_mut().zeroize();
        if let Place::Locked(slot) = &self.0 {
            slot.give_back();
        }
    }
}

impl<const N: usize> zeroize::ZeroizeOnDrop for SecretBytes<N> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LockedMemory;

    fn filled(byte: u8) -> SecretBytes<32> {
        SecretBytes::fill_with(|bytes| bytes.fill(byte))
    }

    /// What the kernel says of the mapping an address is in: its lines of `smaps`.
    fn mapping_of(address: usize) -> String {
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut found = String::new();
        let mut inside = false;
        for line in smaps.lines() {
            let range = line.split(' ').next().and_then(|word| word.split_once('-'));
            if let Some((start, end)) = range
                && let (Ok(start), Ok(end)) = (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16))
            {
                inside = (start..end).contains(&address);
            }
            if inside {
                found += line;
                found.push('\n');
            }
        }
        found
    }

    #[test]
    fn long_lived_keys_are_locked_and_no_part_of_a_dump() {
        let secret = filled(0xa5).into_locked();
        assert_eq!(secret.expose(), &[0xa5; 32]);
        let mapping = mapping_of(secret.expose().as_ptr() as usize);
        let flags = mapping.lines().find_map(|line| line.strip_prefix("VmFlags:")).unwrap();
        let flags: Vec<&str> = flags.split_whitespace().collect();
        for (flag, what) in [("dd", "left out of dumps"), ("wf", "wiped in a child"), ("lo", "locked")] {
            assert!(flags.contains(&flag), "{what}: {flags:?}");
        }
        assert!(!mapping.contains("Locked:                0 kB"), "{mapping}");
        assert!(LockedMemory::now().is_complete());
        assert!(LockedMemory::now().keys >= 1);
        let heap = filled(0xa5);
        let mapping = mapping_of(heap.expose().as_ptr() as usize);
        assert!(!mapping.contains(" dd"), "a key of a request costs no locked page");
    }

    #[test]
    fn a_slot_is_wiped_before_somebody_else_gets_it() {
        let used: Vec<_> = (0..500).map(|_| SecretBytes::<64>::fill_with(|b| b.fill(0x5a)).into_locked()).collect();
        drop(used);
        let fresh: Vec<_> = (0..500).map(|_| SecretBytes::<64>(Place::Locked(Slot::obtain().unwrap()))).collect();
        assert!(fresh.iter().all(|secret| secret.expose() == &[0; 64]));
    }

    #[test]
    fn many_keys_are_apart() {
        let keys: Vec<_> = (0..3000u16).map(|n| filled((n % 251) as u8).into_locked()).collect();
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(key.expose(), &[(n % 251) as u8; 32]);
        }
        let again = filled(1).into_locked().into_locked();
        assert_eq!(again.expose(), &[1; 32]);
        let long = SecretBytes::<65>::fill_with(|bytes| bytes.fill(3)).into_locked();
        assert_eq!(long.expose(), &[3; 65], "what is too long stays on the heap");
    }
}
