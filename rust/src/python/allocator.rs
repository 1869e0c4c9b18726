//! How the C library's allocator gives memory back. glibc raises both limits by itself as large
//! blocks are freed, up to 32 and 64 MiB, and then keeps what a few large bodies took.

/// Larger blocks are the system's own pages, given back when freed. Bodies of ordinary size stay
/// below: fresh pages cost more than the bytes in them.
const MMAP_BYTES: libc::c_int = 2 * 1024 * 1024;
/// So much may lie unused at the end of a heap.
const TRIM_BYTES: libc::c_int = 4 * 1024 * 1024;

/// Fixes both limits for this process.
pub(super) fn limit() {
    #[cfg(target_env = "gnu")]
    // SAFETY: plain calls that change nothing but the allocator's parameters.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MMAP_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, TRIM_BYTES);
    }
}
