//! What every wire format can say, in words of none of them.
//!
//! A request is turns made of ordered parts, a response a sequence of events. Text, numbers,
//! schemas and tool input stay JSON text as it came; what a format says that the others cannot is
//! kept beside it, under its own name, and counted as a loss where it cannot go along.

mod event;
mod loss;
mod profile;
mod request;
mod response;
mod usage;

pub use event::{Delta, Event, Opened, Stop, StopReason};
pub use loss::{IMAGE, Loss, Losses, Severity};
pub use profile::{Abilities, Echo, Profile};
pub use request::{
    Cache, Call, CallResult, Content, Effort, Extra, Input, Media, MediaKind, NO_IMAGE, Output,
    Part, Reasoning, Request, Role, Sampling, Source, Tier, Tool, ToolChoice, ToolKind, Turn,
};
pub use response::{Answer, Fold, Piece};
pub use usage::Usage;
