//! Digests that names and ids are made of.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest as sha256};

/// The first 32 bits of a text's SHA-256.
pub fn digest(text: &str) -> u32 {
    let bytes = sha256(&SHA256, text.as_bytes());
    let head = bytes.as_ref().first_chunk().copied().unwrap_or_default();
    u32::from_be_bytes(head)
}

/// The first 128 bits of a text's SHA-256 in 32 hexadecimal digits.
pub fn digest_hex(text: &str) -> String {
    let bytes = sha256(&SHA256, text.as_bytes());
    bytes.as_ref().iter().take(16).fold(String::new(), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
