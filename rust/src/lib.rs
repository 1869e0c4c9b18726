//! The byte-moving core of CodeGate.
//!
//! Bodies and streams live here from the first byte to the last: framing (`sse`), splicing
//! (`json`), what each wire format means (`formats`), what all of them mean (`canonical`) and the
//! way from one to another (`translate`), the way to an upstream (`transport`), one try at it
//! (`attempt`) and the stream back (`relay`). Nothing outside `python` knows Python.

pub mod attempt;
mod block;
pub mod canonical;
mod conversation;
mod delay;
pub mod error;
pub mod formats;
pub mod guardrails;
pub mod headers;
pub mod inbox;
pub mod json;
pub mod pace;
#[cfg(feature = "python")]
mod python;
pub mod relay;
pub mod request;
pub mod sse;
pub mod translate;
pub mod transport;
