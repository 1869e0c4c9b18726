//! Reading requests and answers into canonical form.

pub(super) mod answer;
pub(super) mod content;
pub(super) mod request;
