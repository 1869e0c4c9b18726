//! Pictures: what kind some bytes are, and leaving them out for models that cannot see.

use std::borrow::Cow;

use bytes::Bytes;

use super::mark::has_text;
use crate::canonical::NO_IMAGE;
use crate::json::{Body, Edit, Escaped, Kind, Node, Object, Writer};

/// What the types of all blocks with an image begin with.
const MARK: &[u8] = b"\"image";
/// Marks for a prompt cache that a notice takes over.
const CACHE_MARKS: [&str; 2] = ["cache_control", "prompt_cache_breakpoint"];

/// The edits that put a notice in place of each block of the type `kind`, in what users say and
/// tools return. Bodies without images are only searched for one.
pub(super) fn notices(body: &Body, object: &Object, kind: &str) -> Vec<Edit> {
    let messages = object.get("messages").filter(|_| has_text(body, MARK));
    let Some(messages) = messages else { return Vec::new() };
    let text = body.slice(messages.value.clone());
    let mut edits = Vec::new();
    for turn in Node::read(&text).map(Node::elements).unwrap_or_default() {
        let fields = turn.members();
        if fields.str("role").as_deref() == Some("assistant") {
            continue;
        }
        for block in fields.get("content").map(Node::elements).unwrap_or_default() {
            // The result of a tool is a list of blocks, too.
            let inner = block.members().get("content").map(Node::elements).unwrap_or_default();
            for block in std::iter::once(block).chain(inner) {
                if is_image(block, kind) {
                    let start = messages.value.start
                        + (block.text.as_ptr() as usize - text.as_ptr() as usize);
                    let range = start..start + block.text.len();
                    edits.push(Edit::Range { range, value: notice(block) });
                }
            }
        }
    }
    edits
}

fn is_image(block: Node<'_>, kind: &str) -> bool {
    block.kind == Kind::Object && block.members().str("type").as_deref() == Some(kind)
}

fn notice(block: Node<'_>) -> Bytes {
    let mut out = Writer::default();
    out.begin().member("type", "text").member("text", NO_IMAGE);
    let fields = block.members();
    for name in CACHE_MARKS {
        if let Some(mark) = fields.get(name) {
            out.key(name).raw(mark.text);
        }
    }
    out.end();
    out.into_bytes().into()
}

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

/// The media type that holds: what the bytes say, else the label, if it is one at all.
pub(super) fn media_type<'a>(label: Cow<'a, str>, data: &Escaped<'_>) -> Cow<'a, str> {
    match sniff(data) {
        Some(found) if found != label => Cow::Borrowed(found),
        None if !is_media_type(&label) => Cow::Borrowed("application/octet-stream"),
        _ => label,
    }
}

/// Whether `label` is a type and a subtype (RFC 6838, 4.2), of a length that occurs.
fn is_media_type(label: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    label.len() <= 128
        && label.split_once('/').is_some_and(|(kind, rest)| is_name(kind) && is_name(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{MAX_DEPTH, scan, splice};

    fn noticed(text: &str, cut: usize, kind: &str) -> (String, usize) {
        let (head, tail) = text.as_bytes().split_at(cut);
        let body = Body::from_parts([head, tail].map(Bytes::copy_from_slice));
        let object = scan(&body, MAX_DEPTH).unwrap();
        let edits = notices(&body, &object, kind);
        let parts = splice(&body, &object, &edits);
        (String::from_utf8(parts.concat()).unwrap(), edits.len())
    }

    #[test]
    fn a_label_that_is_no_media_type_is_not_passed_on() {
        let unknown = Escaped::text("AAAA");
        let of = |label: &str| media_type(Cow::Owned(label.to_owned()), &unknown).into_owned();
        assert_eq!(of("image/svg+xml"), "image/svg+xml");
        let long = format!("image/{}", "x".repeat(300));
        for label in
            ["", "image", "image/", "/png", "image/\u{7f}png", "a/b,c", "a/b;base64", &long]
        {
            assert_eq!(of(label), "application/octet-stream", "{label}");
        }
    }

    #[test]
    fn images_give_way_to_a_notice_and_every_other_byte_stays() {
        let image = r#"{ "type":"image","source":{"type":"base64","data":"iVBO"}}"#;
        let marked = r#"{"type":"image","source":{},"cache_control":{"type":"ephemeral"} }"#;
        let text = format!(
            r#"{{"messages":[ {{"role":"user","content":[{{"type":"text","text":"\"image\""}} , {image}]}},
            {{"role":"assistant","content":[{image}]}},
            {{"role":"user","content":[{{"type":"tool_result","content":[{marked},{image}]}},{{"type":"tool_result","content":"image"}}]}},
            {{"role":"user","content":"image"}} ],"system":[{image}]}}"#
        );
        let plain = format!(r#"{{"type":"text","text":"{NO_IMAGE}"}}"#);
        let kept = plain.replace("\"}", "\",\"cache_control\":{\"type\":\"ephemeral\"}}");
        let wanted = text
            .replacen(image, &plain, 1)
            .replace(&format!("{marked},{image}"), &format!("{kept},{plain}"));
        for cut in 0..text.len() {
            assert_eq!(noticed(&text, cut, "image"), (wanted.clone(), 3), "{cut}");
        }
        assert_eq!(noticed(&text, 0, "image_url"), (text.clone(), 0));
    }

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
