//! Writing canonical requests and answers.

pub(super) mod answer;
pub(super) mod content;
pub(super) mod request;
