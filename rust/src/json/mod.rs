//! JSON as bytes: find top-level members, read a few of them, replace them, leave the rest alone.
//!
//! A body arrives as several parts and is never joined. [`scan`] walks it once, checks its
//! structure and remembers where each top-level member stands; [`splice`] cuts the parts at those
//! places and puts new values between, so that every byte we do not mean to change stays the
//! sender's own. Nested scalars are not judged: that is the upstream's business.

mod body;
mod escaped;
mod node;
mod probe;
mod scan;
mod settled;
mod skip;
mod splice;
mod text;
mod utf8;
mod valid;
mod value;
mod word;
mod write;
mod writer;

pub use body::Body;
pub use escaped::Escaped;
pub use node::{Members, Node};
pub(crate) use node::{each_element, each_member, value};
pub use probe::{Keys, Probe, probe};
pub use scan::{Duplicates, Kind, Member, Object, Scanner, scan, scan_slice};
pub(crate) use skip::{nest_end, string_end};
pub use splice::{Edit, splice};
pub(crate) use text::decode_into;
pub use text::decode_string;
pub use valid::{is_valid, is_valid_object};
pub use value::{Fields, Value};
pub use write::{push_string, push_string_lossy};
pub use writer::Writer;

/// Levels of objects and arrays inside each other that a body may have.
pub const MAX_DEPTH: usize = 256;
