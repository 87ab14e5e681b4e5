//! How the allocator treats the buffers that bodies pass through.
//!
//! glibc maps every allocation of 128 KiB or more anew and gives it back at once, so that each piece of a body pays for
//! fresh, zeroed pages: about half of the CPU of a large GET. With these two settings such buffers come from the heap
//! and stay there for the next piece. The server's memory is bounded by its streams either way.

/// Buffers up to this size come from the heap.
const MAP_THRESHOLD_BYTES: libc::c_int = 64 << 20;
/// So much may stay free at the heap's end before it goes back to the system.
const TRIM_THRESHOLD_BYTES: libc::c_int = 64 << 20;

/// Applies the settings. Called once, before threads start.
pub(super) fn keep_buffers() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "mallopt has no safe wrapper")]
    // SAFETY: mallopt only stores the values; it takes no pointer, and no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAP_THRESHOLD_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES);
    }
}
