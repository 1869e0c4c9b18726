//! What kind of picture some bytes are.

use std::borrow::Cow;

use crate::json::Escaped;

/// The media type of base64 `data` by its first bytes, where they give it away.
fn sniff(data: &Escaped<'_>) -> Option<&'static str> {
    // These prefixes are the base64 of the magic bytes; none of them can hold an escape but `/`.
    let head = data.as_bytes().get(..16)?;
    let head: Vec<u8> = head.iter().copied().filter(|byte| *byte != b'\\').collect();
    Some(match head.as_slice() {
        h if h.starts_with(b"iVBORw0KGgo") => "image/png",
        h if h.starts_with(b"/9j/") => "image/jpeg",
        h if h.starts_with(b"R0lGOD") => "image/gif",
        h if h.starts_with(b"UklGR") => "image/webp",
        h if h.starts_with(b"JVBERi") => "application/pdf",
        _ => return None,
    })
}

/// The media type that holds: what the bytes say, else the label.
pub(super) fn media_type<'a>(label: Cow<'a, str>, data: &Escaped<'_>) -> Cow<'a, str> {
    match sniff(data) {
        Some(found) if found != label => Cow::Borrowed(found),
        _ => label,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_106_the_bytes_decide() {
        let kind = |label: &'static str, data: &str| {
            media_type(Cow::Borrowed(label), &Escaped::raw(data.as_bytes())).into_owned()
        };
        assert_eq!(kind("image/png", "/9j/4AAQSkZJRgABAQ"), "image/jpeg");
        assert_eq!(kind("image/png", "\\/9j\\/4AAQSkZJRgABAQ"), "image/jpeg");
        assert_eq!(kind("image/jpeg", "iVBORw0KGgoAAAANSU"), "image/png");
        assert_eq!(kind("image/gif", "AAAAAAAAAAAAAAAAAA"), "image/gif");
        assert_eq!(kind("image/png", "AA"), "image/png");
    }
}
