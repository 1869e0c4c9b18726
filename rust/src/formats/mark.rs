//! Looking for a text anywhere in a body.

use memchr::memmem;

use super::SEAL_MARK;
use crate::json::Body;

/// Whether our mark, on reasoning that was sealed here, stands anywhere in a body.
pub(super) fn has_mark(body: &Body) -> bool {
    has_text(body, SEAL_MARK.as_bytes())
}

/// Whether `text` stands anywhere in a body.
pub(super) fn has_text(body: &Body, text: &[u8]) -> bool {
    let finder = memmem::Finder::new(text);
    let mut border = 0;
    body.parts().iter().any(|part| {
        // A mark may lie across the border to the part before.
        let reach = text.len();
        let across = body.slice(border - border.min(reach)..border + reach.min(part.len()));
        border += part.len();
        finder.find(part).is_some() || finder.find(&across).is_some()
    })
}
