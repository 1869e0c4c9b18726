//! Bodies: scanned the same however they are cut, as another parser reads them, and edited without
//! touching anything else.

use bytes::Bytes;
use codegate::error::{Error, ErrorKind};
use codegate::formats::{Format, TargetOptions};
use codegate::json::{
    Body, Edit, MAX_DEPTH, Node, Object, Value, decode_string, is_valid, scan, splice,
};

use crate::input::{Input, seeds as corpus};
use crate::oracle::is_json;

/// Members that may be another for another target.
const EDITED: [&str; 6] =
    ["model", "messages", "thinking", "stream_options", "max_tokens", "max_completion_tokens"];

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let of = |format| [corpus(format, "requests"), corpus(format, "responses")].concat();
    Format::ALL.into_iter().flat_map(of).collect()
}

pub(crate) fn run(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let whole = Body::from(Bytes::copy_from_slice(input.text));
    let cut = Body::from_parts(input.pieces());
    let is_json = is_json(input.text);
    if is_valid(input.text) {
        assert!(is_json, "the other parser refuses it");
    }
    let _ = decode_string(input.text);
    if let Some(node) = Node::read(input.text) {
        walk(node, 0);
    }
    match (scan(&whole, MAX_DEPTH), scan(&cut, MAX_DEPTH)) {
        (Ok(object), Ok(other)) => {
            assert_eq!(ranges(&object), ranges(&other));
            edit(&whole, &object, &cut, is_json);
        }
        (Err(error), Err(other)) => {
            // Each piece is checked for UTF-8 before it is scanned: which fault shows first may
            // depend on the cuts.
            let is_text = |error: &Error| error.kind == ErrorKind::InvalidUtf8;
            assert!(error == other || is_text(&error) || is_text(&other), "{error}, cut: {other}");
            let is_limit = matches!(
                error.kind,
                ErrorKind::NotAnObject
                    | ErrorKind::DuplicateKey { .. }
                    | ErrorKind::Depth { .. }
                    | ErrorKind::TooManyMembers { .. }
            );
            assert!(is_limit || !is_json, "{error:?} where another parser reads it");
        }
        (whole, cut) => panic!("{whole:?} but cut: {cut:?}"),
    }
}

fn ranges(object: &Object) -> Vec<String> {
    object.members().iter().map(|member| format!("{member:?}")).collect()
}

fn joined(pieces: &[Bytes]) -> Vec<u8> {
    pieces.concat()
}

fn edit(body: &Body, object: &Object, cut: &Body, is_json: bool) {
    assert_eq!(joined(&splice(cut, object, &[])), body.joined());
    let edits = [Edit::set("model", &b"\"m\""[..]), Edit::delete("stream")];
    let written = joined(&splice(body, object, &edits));
    assert_eq!(joined(&splice(cut, object, &edits)), written);
    check_edited(object, body, &written, &["model", "stream"]);
    for format in Format::ALL {
        let Ok(facts) = format.wire().read_request(body, object) else { continue };
        let options =
            TargetOptions { model: Some("other"), max_output: Some(5), include_usage: true };
        let edits = format.wire().request_edits(body, object, &facts, &options).edits;
        let written = joined(&splice(cut, object, &edits));
        check_edited(object, body, &written, &EDITED);
        assert!(!is_json || crate::oracle::is_json(&written), "an edit broke it");
        let body = Body::from(Bytes::from(written));
        let object = scan(&body, MAX_DEPTH).expect("a sound body");
        let facts = format.wire().read_request(&body, &object);
        assert_eq!(facts.map(|facts| facts.model), Ok("other".to_owned()));
    }
}

/// All members but the `edited` ones stand there as before.
fn check_edited(object: &Object, body: &Body, written: &[u8], edited: &[&str]) {
    let now = Body::from(Bytes::copy_from_slice(written));
    let after = match scan(&now, MAX_DEPTH) {
        Ok(after) => after,
        Err(error) => panic!("{error:?}: {}", String::from_utf8_lossy(written)),
    };
    let others = |body: &Body, object: &Object| -> Vec<_> {
        let all = object.members().iter();
        all.filter(|member| !edited.iter().any(|name| object.name(member) == name.as_bytes()))
            .map(|member| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                (text(object.name(member)), text(&Value::in_body(body, member).text))
            })
            .collect()
    };
    assert_eq!(others(body, object), others(&now, &after));
}

fn walk(node: Node<'_>, depth: usize) {
    assert!(depth <= MAX_DEPTH);
    let _ = (node.str(), node.bool(), node.integer(), node.number());
    for (_, node) in node.members().iter() {
        walk(node, depth + 1);
    }
    for node in node.elements() {
        walk(node, depth + 1);
    }
}
