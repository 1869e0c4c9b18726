//! Sealed reasoning in a history that came from a service of another format.

use bytes::Bytes;

use crate::formats::SEAL_MARK;
use crate::formats::mark::has_mark;
use crate::json::{Body, Duplicates, Edit, Kind, MAX_DEPTH, Node, Object, scan_slice, splice};

const MEMBER: &str = "reasoning_details";

/// The edits that leave it out. Bodies without our mark are only searched for it.
pub(super) fn edits(body: &Body, object: &Object) -> Vec<Edit> {
    let Some(messages) = object.get("messages").filter(|_| has_mark(body)) else {
        return Vec::new();
    };
    let text = body.slice(messages.value.clone());
    let mut edits = Vec::new();
    for message in Node::read(&text).map(Node::elements).unwrap_or_default() {
        let details = message.members().get(MEMBER).filter(|node| node.kind == Kind::Array);
        if !details.is_some_and(|details| details.elements().into_iter().any(is_foreign)) {
            continue;
        }
        let Ok(scanned) = scan_slice(message.text, MAX_DEPTH, Duplicates::LastWins) else {
            continue;
        };
        let start =
            messages.value.start + (message.text.as_ptr() as usize - text.as_ptr() as usize);
        let whole = Body::from(Bytes::copy_from_slice(message.text));
        let value = splice(&whole, &scanned, &[Edit::delete(MEMBER)]).concat().into();
        edits.push(Edit::Range { range: start..start + message.text.len(), value });
    }
    edits
}

fn is_foreign(detail: Node<'_>) -> bool {
    let seal = detail.members().string("data");
    seal.is_some_and(|seal| seal.as_bytes().starts_with(SEAL_MARK.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::scan;

    #[test]
    fn case_055_foreign_seals_are_left_out_of_the_clients_own_bytes() {
        let text = r#"{"messages":[ {"role":"user","content":"cg1."},{"role":"assistant", "content":"x","reasoning_content":"t","reasoning_details":[{"data":"cg1.a.b"}]} ,{"reasoning_details":[{"data":"y"}]}]}"#;
        let body = Body::from(Bytes::from_static(text.as_bytes()));
        let object = scan(&body, MAX_DEPTH).unwrap();
        let edited = splice(&body, &object, &edits(&body, &object)).concat();
        let wanted = text.replace(r#","reasoning_details":[{"data":"cg1.a.b"}]"#, "");
        assert_eq!(String::from_utf8(edited).unwrap(), wanted);
    }
}
