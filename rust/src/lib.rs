//! The byte-moving core of CodeGate.

pub mod error;
pub mod formats;
pub mod json;
pub mod sse;
