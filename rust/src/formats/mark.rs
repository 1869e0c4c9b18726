//! Looking for reasoning that was sealed here.

use memchr::memmem;

use super::SEAL_MARK;
use crate::json::Body;

/// Whether our mark stands anywhere in a body.
pub(super) fn has_mark(body: &Body) -> bool {
    let finder = memmem::Finder::new(SEAL_MARK.as_bytes());
    let mut border = 0;
    body.parts().iter().any(|part| {
        // A mark may lie across the border to the part before.
        let reach = SEAL_MARK.len();
        let across = body.slice(border - border.min(reach)..border + reach.min(part.len()));
        border += part.len();
        finder.find(part).is_some() || finder.find(&across).is_some()
    })
}
