//! Reasoning in a history that came from a service of another format: this one would refuse it.

use bytes::Bytes;

use crate::formats::SEAL_MARK;
use crate::formats::mark::has_mark;
use crate::json::{Body, Edit, Escaped, Kind, Node, Object};

/// Stands for a turn that was nothing but such reasoning.
const NOTHING: &[u8] = br#"[{"type":"text","text":"(no answer)"}]"#;

/// The edits that leave it out. Bodies without our mark are only searched for it.
pub(super) fn edits(body: &Body, object: &Object) -> Vec<Edit> {
    if has_mark(body) { without(body, object, is_foreign) } else { Vec::new() }
}

/// The edits that leave all reasoning out, whoever gave it.
pub(super) fn without_thinking(body: &Body, object: &Object) -> Vec<Edit> {
    without(body, object, |block| seal(block).is_some())
}

fn without(body: &Body, object: &Object, is_left_out: fn(Node<'_>) -> bool) -> Vec<Edit> {
    let Some(messages) = object.get("messages") else { return Vec::new() };
    let text = body.slice(messages.value.clone());
    let mut edits = Vec::new();
    for message in Node::read(&text).map(Node::elements).unwrap_or_default() {
        let Some(content) = message.members().get("content").filter(|c| c.kind == Kind::Array)
        else {
            continue;
        };
        let blocks = content.elements();
        let kept: Vec<&[u8]> =
            blocks.iter().filter(|block| !is_left_out(**block)).map(|block| block.text).collect();
        if kept.len() == blocks.len() {
            continue;
        }
        let start =
            messages.value.start + (content.text.as_ptr() as usize - text.as_ptr() as usize);
        let value = if kept.is_empty() {
            Bytes::from_static(NOTHING)
        } else {
            [b"[".as_slice(), &kept.join(&b','), b"]"].concat().into()
        };
        edits.push(Edit::Range { range: start..start + content.text.len(), value });
    }
    edits
}

/// The seal of a block of reasoning.
fn seal(block: Node<'_>) -> Option<Escaped<'_>> {
    let fields = block.members();
    match fields.str("type").as_deref() {
        Some("thinking") => Some(fields.string("signature").unwrap_or_default()),
        Some("redacted_thinking") => Some(fields.string("data").unwrap_or_default()),
        _ => None,
    }
}

fn is_foreign(block: Node<'_>) -> bool {
    seal(block).is_some_and(|seal| seal.as_bytes().starts_with(SEAL_MARK.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{MAX_DEPTH, scan, splice};

    fn edited(text: &str, cut: usize) -> String {
        let (head, tail) = text.as_bytes().split_at(cut.min(text.len()));
        let body = Body::from_parts([head, tail].map(Bytes::copy_from_slice));
        let object = scan(&body, MAX_DEPTH).unwrap();
        let parts = splice(&body, &object, &edits(&body, &object));
        String::from_utf8(parts.concat()).unwrap()
    }

    #[test]
    fn case_055_foreign_thinking_is_left_out_of_the_clients_own_bytes() {
        let ours = r#"{ "type": "thinking", "thinking": "x", "signature": "EqQ" }"#;
        let text = format!(
            r#"{{ "model":"m", "messages": [ {{"role":"user","content":"cg1."}},
            {{"role":"assistant","content":[{ours} ,{{"type":"thinking","thinking":"y","signature":"cg1.a.b"}}, {{"type":"text","text":"z"}}]}},
            {{"role":"assistant","content":[{{"type":"redacted_thinking","data":"cg1.a.b"}}]}} ] }}"#
        );
        let wanted = text
            .replace(
                &format!(r#"{ours} ,{{"type":"thinking","thinking":"y","signature":"cg1.a.b"}}, "#),
                &format!("{ours},"),
            )
            .replace(
                r#"[{"type":"redacted_thinking","data":"cg1.a.b"}]"#,
                r#"[{"type":"text","text":"(no answer)"}]"#,
            );
        for cut in 0..text.len() {
            if text.is_char_boundary(cut) {
                assert_eq!(edited(&text, cut), wanted, "{cut}");
            }
        }
        let plain = text.replace("cg1.", "xyz.");
        assert_eq!(edited(&plain, 7), plain);
    }
}
