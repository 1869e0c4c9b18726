//! What must not leave is masked with tokens before it goes up, and restored in what comes back.
//!
//! [`scanner`] finds values, [`token`] names them, [`mask`] puts the names in their places, in the
//! client's own bytes, and [`frames`] puts the values back. [`policy`] holds what one tenant wants.

mod carriers;
pub mod category;
pub mod detectors;
pub mod frames;
mod known;
pub mod mask;
mod masks;
mod memo;
mod near;
mod overlap;
pub mod policy;
mod repeats;
pub mod restore;
pub mod scanner;
pub mod token;

pub use category::{Categories, Category};
pub use frames::StreamRestorer;
pub use policy::Guard;
pub use restore::Issued;
pub use scanner::{Finding, Scanner, TooSlow};

#[cfg(test)]
mod draws {
    /// Numbers below what is asked for, the same in each run.
    pub(super) fn draws() -> impl FnMut(usize) -> usize {
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        move |below| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 33) as usize % below
        }
    }
}
