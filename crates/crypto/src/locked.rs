//! Memory for keys that live long: pages that are never swapped out (`mlock`), never part of a core dump
//! (`MADV_DONTDUMP`) and empty in a forked child (`MADV_WIPEONFORK`).
//!
//! Keys of a request stay on the heap: they are gone in milliseconds, and locking each would cost more than it gives. The
//! arena here grows by chunks and gives slots of one size out of them; a slot is wiped before it is given back, and chunks
//! are never unmapped. Where the system allows no more locked memory (`RLIMIT_MEMLOCK`), slots are given out all the same,
//! unlocked, and [`LockedMemory`] tells: refusing to serve would be worse than a key in swap space, and it is for the
//! operator to decide.
//!
//! With `md5.rs` and `secret.rs` the only unsafe code of the crate.

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mlock, mmap_anonymous};
use std::ptr::{NonNull, null_mut};
use std::sync::{Mutex, PoisonError};

/// Room of one slot in bytes; a longer secret does not live here.
pub(crate) const SLOT_BYTES: usize = 64;
/// What the arena grows by in bytes: a multiple of every page size in use.
const CHUNK_BYTES: usize = 64 * 1024;
const _: () = assert!(CHUNK_BYTES.is_multiple_of(SLOT_BYTES) && SLOT_BYTES.is_multiple_of(16));

static ARENA: Mutex<Arena> = Mutex::new(Arena { free: Vec::new(), told: LockedMemory::NONE });

/// How much memory for long-lived keys there is, and what protects it. For a metric and a warning at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockedMemory {
    /// Bytes set aside.
    pub total_bytes: usize,
    /// Of these, bytes that cannot be swapped out.
    pub locked_bytes: usize,
    /// Of the total, bytes that a core dump leaves out.
    pub undumpable_bytes: usize,
    /// Keys that live there now.
    pub keys: usize,
}

impl LockedMemory {
    const NONE: Self = Self { total_bytes: 0, locked_bytes: 0, undumpable_bytes: 0, keys: 0 };

    /// As it is now.
    pub fn now() -> Self {
        ARENA.lock().unwrap_or_else(PoisonError::into_inner).told
    }

    /// Whether all of it is locked and left out of dumps.
    pub fn is_complete(&self) -> bool {
        self.locked_bytes == self.total_bytes && self.undumpable_bytes == self.total_bytes
    }
}

struct Arena {
    /// Slots nobody holds, all zero.
    free: Vec<Slot>,
    told: LockedMemory,
}

/// Exclusive use of [`SLOT_BYTES`] bytes, zeroed when obtained. Whoever held it wipes it before [`Slot::give_back`].
///
/// INVARIANT: points to `SLOT_BYTES` readable and writable bytes of a mapping that is never unmapped, aligned to 16, and
/// no other live `Slot` points to any of them.
pub(crate) struct Slot(NonNull<u8>);

// SAFETY: a slot is plain memory bound to no thread, and its owner alone uses it (INVARIANT).
#[expect(unsafe_code, reason = "a raw pointer loses Send")]
unsafe impl Send for Slot {}

// SAFETY: through a shared slot its bytes are only read.
#[expect(unsafe_code, reason = "a raw pointer loses Sync")]
unsafe impl Sync for Slot {}

impl Slot {
    /// A slot of zeros; `None` when the system has no memory to map.
    pub(crate) fn obtain() -> Option<Self> {
        let mut arena = ARENA.lock().unwrap_or_else(PoisonError::into_inner);
        if arena.free.is_empty() {
            arena.grow();
        }
        let slot = arena.free.pop()?;
        arena.told.keys += 1;
        Some(slot)
    }

    /// Where the bytes are.
    pub(crate) fn as_ptr(&self) -> *mut u8 {
        self.0.as_ptr()
    }

    /// Gives a wiped slot back.
    pub(crate) fn give_back(&self) {
        let mut arena = ARENA.lock().unwrap_or_else(PoisonError::into_inner);
        arena.free.push(Self(self.0));
        arena.told.keys -= 1;
    }
}

impl Arena {
    fn grow(&mut self) {
        // SAFETY: a fresh private mapping at an address the system chooses; nothing else refers to it.
        #[expect(unsafe_code, reason = "memory of our own to lock")]
        let mapped =
            unsafe { mmap_anonymous(null_mut(), CHUNK_BYTES, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) };
        let Some(start) = mapped.ok().and_then(|start| NonNull::new(start.cast::<u8>())) else { return };
        // SAFETY: start and length are those of the mapping just made; neither call changes what its bytes are here.
        #[expect(unsafe_code, reason = "memory of our own to lock")]
        let (locked, undumpable) = unsafe {
            let _ = madvise(start.as_ptr().cast(), CHUNK_BYTES, Advice::LinuxWipeOnFork);
            (
                mlock(start.as_ptr().cast(), CHUNK_BYTES).is_ok(),
                madvise(start.as_ptr().cast(), CHUNK_BYTES, Advice::LinuxDontDump).is_ok(),
            )
        };
        self.told.total_bytes += CHUNK_BYTES;
        self.told.locked_bytes += if locked { CHUNK_BYTES } else { 0 };
        self.told.undumpable_bytes += if undumpable { CHUNK_BYTES } else { 0 };
        for offset in (0..CHUNK_BYTES).step_by(SLOT_BYTES).rev() {
            // SAFETY: the offset is inside the mapping. Slots are SLOT_BYTES apart and do not meet.
            #[expect(unsafe_code, reason = "memory of our own to lock")]
            let slot = unsafe { start.add(offset) };
            self.free.push(Slot(slot));
        }
    }
}
