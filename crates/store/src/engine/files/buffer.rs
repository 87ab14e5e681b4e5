//! Buffers for direct I/O: page-aligned, made once, and used again. On a virtual machine, touching fresh memory costs as
//! much as writing it to the disk does, so a blob must not bring its own (docs/decisions/0002).

use std::sync::{Arc, Mutex, PoisonError};

/// Alignment of memory, offsets and lengths that direct I/O asks for on every disk in use.
pub(super) const ALIGN_BYTES: usize = 4096;

/// Longest piece appended at once: one sealed segment of 64 KiB with its tag, twice over.
pub(super) const FILL_BYTES_MAX: usize = 128 << 10;

/// Size of a buffer: four sealed segments (4 × 65,552) after a remainder of less than [`ALIGN_BYTES`].
pub(super) const BUFFER_BYTES: usize = 264 << 10;

/// Buffers kept when nobody uses them: 33 MiB.
const IDLE_BUFFERS_MAX: usize = 128;

const _: () = assert!(BUFFER_BYTES.is_multiple_of(ALIGN_BYTES));
const _: () = assert!(4 * (65_536 + 16) + ALIGN_BYTES <= BUFFER_BYTES);
const _: () = assert!(FILL_BYTES_MAX + ALIGN_BYTES <= BUFFER_BYTES, "a piece fits behind the remainder");

/// A buffer whose bytes begin at a multiple of [`ALIGN_BYTES`].
struct Memory {
    bytes: Box<[u8]>,
    start: usize,
}

impl Memory {
    fn new() -> Self {
        let bytes = vec![0; BUFFER_BYTES + ALIGN_BYTES].into_boxed_slice();
        // The box does not move its bytes for as long as it lives, so the offset stays right.
        let start = bytes.as_ptr().align_offset(ALIGN_BYTES);
        Self { bytes, start }
    }
}

/// Where buffers wait for the next blob.
#[derive(Default)]
pub(super) struct BufferPool {
    idle: Mutex<Vec<Memory>>,
}

impl BufferPool {
    /// A buffer, its content arbitrary.
    pub(super) fn take(self: &Arc<Self>) -> Buffer {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Buffer { memory: Some(idle.unwrap_or_else(Memory::new)), pool: Arc::clone(self) }
    }

    fn give_back(&self, memory: Memory) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_BUFFERS_MAX {
            idle.push(memory);
        }
    }
}

/// A buffer on loan; goes back to its pool when dropped.
pub(super) struct Buffer {
    memory: Option<Memory>,
    pool: Arc<BufferPool>,
}

impl Buffer {
    /// The aligned bytes, [`BUFFER_BYTES`] of them.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        match &mut self.memory {
            Some(memory) => &mut memory.bytes[memory.start..memory.start + BUFFER_BYTES],
            None => &mut [],
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            self.pool.give_back(memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_come_back() {
        let pool = Arc::new(BufferPool::default());
        let mut buffer = pool.take();
        let address = buffer.bytes().as_ptr();
        assert!(address.addr().is_multiple_of(ALIGN_BYTES));
        assert_eq!(buffer.bytes().len(), BUFFER_BYTES);
        drop(buffer);
        assert_eq!(pool.take().bytes().as_ptr(), address, "the same memory serves again");
    }
}
