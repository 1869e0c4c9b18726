//! The byte-moving core of CodeGate.
//!
//! Bodies and streams live here from the first byte to the last: framing (`sse`), splicing
//! (`json`), what each wire format means (`formats`), the way to an upstream (`transport`), one
//! try at it (`attempt`) and the stream back (`relay`). Nothing outside `python` knows Python.

pub mod attempt;
mod block;
mod conversation;
mod delay;
pub mod error;
pub mod formats;
pub mod guardrails;
pub mod headers;
pub mod json;
#[cfg(feature = "python")]
mod python;
pub mod relay;
pub mod request;
pub mod sse;
pub mod transport;
