//! The byte-moving core of CodeGate.

mod block;
pub mod error;
pub mod formats;
pub mod json;
pub mod sse;
