//! What must not leave is masked with tokens before it goes up, and restored in what comes back.

pub mod category;
pub mod detectors;
mod masks;
pub mod scanner;
pub mod token;

pub use category::{Categories, Category};
pub use scanner::{Finding, Scanner, TooSlow};
