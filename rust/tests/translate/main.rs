//! Translation between the wire formats, by the acceptance cases whose numbers the tests bear.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]
#![allow(clippy::needless_pass_by_value, reason = "values are written where they are used")]
#![allow(clippy::format_push_string, clippy::format_collect, reason = "tests may be slow")]

mod answers;
mod first;
mod history;
mod laws;
mod recall;
mod requests;
mod stage;
mod streams;
mod tools;
