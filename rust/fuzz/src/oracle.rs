//! The other parser's opinion.

use serde::de::IgnoredAny;

/// Whether another parser takes `text` for one JSON value. Lone surrogates pass.
pub(crate) fn is_json(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}
