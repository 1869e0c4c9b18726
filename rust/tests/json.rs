//! Scan and splice: judged against another JSON parser, for every cut of the body.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod support;

use std::borrow::Cow;

use bytes::Bytes;
use codegate::error::{Error, ErrorKind};
use codegate::formats::Format;
use codegate::json::{
    Body, Duplicates, Edit, Fields, Kind, MAX_DEPTH, Object, Value, scan, scan_slice, splice,
};
use proptest::prelude::*;
use support::{body_cut, corpus, example};

fn scan_bytes(bytes: &[u8]) -> Result<Object, Error> {
    scan(&Body::from(Bytes::copy_from_slice(bytes)), MAX_DEPTH)
}

fn refused(text: &str) -> ErrorKind {
    scan_bytes(text.as_bytes()).expect_err(text).kind
}

fn requests() -> impl Iterator<Item = (String, Vec<u8>)> {
    Format::ALL.into_iter().flat_map(|format| corpus(format, "requests"))
}

/// Key, value text and type of each member.
fn members(body: &Body, object: &Object) -> Vec<(Vec<u8>, Vec<u8>, Kind)> {
    let of = |member: &codegate::json::Member| {
        let value = Value::in_body(body, member);
        (object.name(member).to_vec(), value.text.into_owned(), member.kind)
    };
    object.members().iter().map(of).collect()
}

fn joined(pieces: &[Bytes]) -> Vec<u8> {
    pieces.iter().flatten().copied().collect()
}

fn edited(text: &str, edits: &[Edit]) -> String {
    let body = Body::from(Bytes::copy_from_slice(text.as_bytes()));
    let object = scan(&body, MAX_DEPTH).expect("a sound body");
    String::from_utf8(joined(&splice(&body, &object, edits))).expect("text")
}

#[test]
fn members_are_those_another_parser_finds() {
    for (name, bytes) in requests() {
        let body = Body::from(Bytes::from(bytes));
        let object = scan(&body, MAX_DEPTH).unwrap();
        let Ok(expected) = serde_json::from_slice::<serde_json::Value>(&body.slice(0..body.len()))
        else {
            // Lone surrogates are the one thing here that the other parser refuses.
            assert!(name == "pretty.json", "{name}");
            continue;
        };
        let expected = expected.as_object().unwrap();
        let found = members(&body, &object);
        assert_eq!(found.len(), expected.len(), "{name}");
        for (key, text, _) in found {
            let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert_eq!(&value, &expected[std::str::from_utf8(&key).unwrap()], "{name}");
        }
    }
}

#[test]
fn every_cut_of_every_request_scans_the_same() {
    for (name, bytes) in requests() {
        let whole = Body::from(Bytes::copy_from_slice(&bytes));
        let expected = members(&whole, &scan(&whole, MAX_DEPTH).unwrap());
        // The time goes with the square of the length: of long bodies every 13th cut is enough.
        let step = if bytes.len() > 20_000 { 13 } else { 1 };
        for at in (0..=bytes.len()).step_by(step) {
            let body = body_cut(&bytes, &[at]);
            let object = scan(&body, MAX_DEPTH).unwrap_or_else(|e| panic!("{name} at {at}: {e}"));
            assert_eq!(members(&body, &object), expected, "{name} at {at}");
        }
        let bytewise = Body::from_parts(bytes.chunks(1).map(Bytes::copy_from_slice));
        let object = scan(&bytewise, MAX_DEPTH).unwrap();
        assert_eq!(members(&bytewise, &object), expected, "{name} bytewise");
    }
}

#[test]
fn f57_what_is_not_an_object_is_refused() {
    for text in ["", " ", "\n\t \r"] {
        assert_eq!(refused(text), ErrorKind::Empty, "{text:?}");
    }
    for text in ["null", "[]", "\"x\"", "0", " true", "\u{FEFF}{}", "}"] {
        assert_eq!(refused(text), ErrorKind::NotAnObject, "{text:?}");
    }
}

#[test]
fn f58_depth_is_limited_in_objects_and_arrays() {
    // The whole object is one level itself.
    for (open, close, levels) in
        [("[", "]", 1), ("{\"a\":", "}", 1), ("[{\"a\":", "}]", 2), ("[[],", "]", 1)]
    {
        let body = |depth: usize| {
            let n = (depth - 1) / levels;
            format!("{{\"a\":{}0{}}}", open.repeat(n), close.repeat(n))
        };
        for depth in [129, MAX_DEPTH - 1] {
            assert!(scan_bytes(body(depth).as_bytes()).is_ok(), "{open} {depth}");
        }
        for depth in [MAX_DEPTH + 2, 100_001] {
            let kind = refused(&body(depth));
            assert_eq!(kind, ErrorKind::Depth { limit: MAX_DEPTH }, "{open} {depth}");
        }
    }
    let exact = |depth: usize| "[".repeat(depth - 1) + &"]".repeat(depth - 1);
    assert!(scan_bytes(format!("{{\"a\":{}}}", exact(MAX_DEPTH)).as_bytes()).is_ok());
    assert!(scan_bytes(format!("{{\"a\":{}}}", exact(MAX_DEPTH + 1)).as_bytes()).is_err());
    assert!(scan_bytes(format!("{{\"a\":\"{}\"}}", "[".repeat(100_000)).as_bytes()).is_ok());
}

#[test]
fn f59_duplicate_keys_are_refused_after_escape_decoding() {
    let duplicate = |name: &str| ErrorKind::DuplicateKey { name: name.into() };
    assert_eq!(refused(r#"{"model":1,"model":1}"#), duplicate("model"));
    assert_eq!(refused(r#"{"model":1,"mod\u0065l":2}"#), duplicate("model"));
    assert_eq!(refused(r#"{"\u006dodel":1,"x":0,"model":2}"#), duplicate("model"));
    assert_eq!(refused(r#"{"other":1,"other":2}"#), duplicate("other"));
    assert_eq!(refused(r#"{"":1,"":2}"#), duplicate(""));
    assert!(scan_bytes(br#"{"a":{"x":1,"x":2},"b":[{"y":1,"y":1}]}"#).is_ok());
    assert!(scan_bytes(br#"{"\ud800":1,"\ud801":2,"\ufffd":3,"Model":4,"model":5}"#).is_ok());
    let object = scan_slice(br#"{"a":1,"a":2}"#, MAX_DEPTH, Duplicates::LastWins).unwrap();
    assert_eq!(object.get("a").unwrap().value, 11..12);
}

#[test]
fn an_escaped_key_is_found_by_its_name() {
    let body =
        Body::from(Bytes::from(example(Format::AnthropicMessages, "requests/escaped_key.json")));
    let object = scan(&body, MAX_DEPTH).unwrap();
    let model = Value::in_body(&body, object.get("model").unwrap());
    assert_eq!(model.as_string().as_deref(), Some("claude-haiku-4-5"));
}

#[test]
fn f60_numbers_at_the_top_level() {
    for text in ["0", "-0", "1.0", "-1.5e+10", "1E5", "1e999", "18446744073709551616", "0.1e-2"] {
        let body = format!("{{\"a\":{text} , \"b\":[{text}]}}");
        let object = scan_bytes(body.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"));
        let member = object.get("a").unwrap();
        assert_eq!(&body[member.value.clone()], text);
        assert_eq!(member.kind, Kind::Number);
    }
    assert!(scan_bytes(format!("{{\"a\":{}}}", "7".repeat(40)).as_bytes()).is_ok());
    for text in ["NaN", "Infinity", "-Infinity", "-NaN"] {
        assert_eq!(refused(&format!("{{\"a\":{text}}}")), ErrorKind::NonFiniteNumber, "{text}");
        assert!(scan_bytes(format!("{{\"a\":[{text}]}}").as_bytes()).is_ok(), "nested {text}");
    }
    for text in ["01", "1.", ".5", "+1", "1e", "1e+", "-", "0x1", "1_000", "--1", "1.e1"] {
        let kind = refused(&format!("{{\"a\":{text}}}"));
        assert!(matches!(kind, ErrorKind::Syntax { .. }), "{text}: {kind:?}");
    }
}

#[test]
fn f61_odd_strings_pass_untouched() {
    let text = "{\"a\":\"\\ud800 \\u0000 \u{2028}\u{2029} \\q \u{1}\",\"\\udfff\":[\"\\ud800\"]}";
    assert_eq!(edited(text, &[]), text);
    let changed = edited(text, &[Edit::set("a", "1")]);
    assert_eq!(changed, "{\"a\":1,\"\\udfff\":[\"\\ud800\"]}");
}

#[test]
fn the_top_level_grammar_is_followed_exactly() {
    for text in [
        r#"{"a" 1}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        r#"{"a":1 "b":2}"#,
        r#"{"a":1,,"b":2}"#,
        r"{a:1}",
        r"{'a':1}",
        r#"{"a":1]"#,
        r#"{"a":[1}"#,
        r#"{"a":{"b":[}]}}"#,
        r#"{"a":tru}"#,
        r#"{"a":t rue}"#,
        r#"{"a":nulll}"#,
        r#"{"a":True}"#,
        r#"{"a"::1}"#,
        r#"{"\q":1}"#,
        r#"{"\u12":1}"#,
        r#"{"a":undefined}"#,
        "{\"a\nb\":1}",
        "{\"a\":\u{A0}1}",
        "{// c\n\"a\":1}",
    ] {
        let kind = refused(text);
        assert!(matches!(kind, ErrorKind::Syntax { .. }), "{text}: {kind:?}");
    }
    for text in ["{", r#"{"a"#, r#"{"a""#, r#"{"a":"#, r#"{"a":"x\""#, r#"{"a":[{}"#, r#"{"a":1"#] {
        assert_eq!(refused(text), ErrorKind::Unclosed, "{text}");
    }
    for text in ["{}{}", "{} x", "{}\n}", "{},"] {
        assert_eq!(refused(text), ErrorKind::TrailingBytes, "{text}");
    }
    for text in ["{}", " { } \n", "\t{\"a\" : true , \"b\":false,\"c\":null}\r\n"] {
        assert!(scan_bytes(text.as_bytes()).is_ok(), "{text}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused_wherever_they_stand() {
    for bad in [&b"\xFF"[..], b"\xC0\x80", b"\xED\xA0\x80", b"\xE6\xBC", b"\xF5\x80\x80\x80"] {
        for place in ["{\"a\":\"#\"}", "{\"a\":[{\"b\":\"#\"}]}", "{\"#\":1}", "{\"a\":1}#"] {
            let (before, after) = place.split_once('#').unwrap();
            let bytes = [before.as_bytes(), bad, after.as_bytes()].concat();
            for at in 0..=bytes.len() {
                let error = scan(&body_cut(&bytes, &[at]), MAX_DEPTH).expect_err(place);
                let is_expected = error.kind == ErrorKind::InvalidUtf8
                    || (place.ends_with('#') && error.kind == ErrorKind::TrailingBytes);
                assert!(is_expected, "{bytes:?} at {at}: {error:?}");
            }
        }
    }
}

#[test]
fn errors_name_the_offset_in_the_whole_body() {
    let text = r#"{"aaaa":"é","b":nope}"#;
    for at in 0..text.len() {
        let error = scan(&body_cut(text.as_bytes(), &[at]), MAX_DEPTH).unwrap_err();
        assert_eq!(error.offset, text.find("ope").unwrap());
    }
}

#[test]
fn members_are_limited_in_number() {
    let body = |n: usize| {
        let members: Vec<String> = (0..n).map(|i| format!("\"k{i}\":{i}")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert_eq!(scan_bytes(body(1024).as_bytes()).unwrap().members().len(), 1024);
    assert_eq!(refused(&body(1025)), ErrorKind::TooManyMembers { limit: 1024 });
}

#[test]
fn case_109_nested_model_untouched() {
    for format in Format::ALL {
        let text = String::from_utf8(example(format, "requests/nested_model.json")).unwrap();
        let changed = edited(&text, &[Edit::set("model", "\"target\"")]);
        let mut expected: serde_json::Value = serde_json::from_str(&text).unwrap();
        let client_model = expected["model"].as_str().unwrap().to_owned();
        assert_eq!(changed, text.replace(&format!("{client_model:?}"), "\"target\""));
        expected["model"] = "target".into();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&changed).unwrap(), expected);
    }
}

#[test]
fn case_108_unknown_members_keep_their_bytes() {
    for (name, bytes) in requests() {
        let text = String::from_utf8(bytes).unwrap();
        let object = scan_bytes(text.as_bytes()).unwrap();
        let value = object.get("model").unwrap().value.clone();
        let changed = edited(&text, &[Edit::set("model", "\"x\"")]);
        let expected = format!("{}\"x\"{}", &text[..value.start], &text[value.end..]);
        assert_eq!(changed, expected, "{name}");
    }
}

#[test]
fn untouched_bytes_are_shared() {
    let bytes = Bytes::from(example(Format::AnthropicMessages, "requests/agent.json"));
    let body = Body::from(bytes.clone());
    let object = scan(&body, MAX_DEPTH).unwrap();
    let pieces = splice(&body, &object, &[Edit::set("model", "\"x\"")]);
    assert_eq!(pieces.len(), 3);
    assert_eq!(pieces[0].as_ptr(), bytes.as_ptr());
    assert!(bytes.as_ptr_range().contains(&pieces[2].as_ptr()));
}

#[test]
fn missing_members_go_right_behind_the_brace() {
    let set = [Edit::set("x", "1"), Edit::set("y\"", "[]")];
    assert_eq!(edited(r#" { "a":1}"#, &set), r#" {"x":1,"y\"":[], "a":1}"#);
    assert_eq!(edited("{}", &set), r#"{"x":1,"y\"":[]}"#);
    assert_eq!(edited("{ }", &set), r#"{"x":1,"y\"":[] }"#);
}

#[test]
fn a_deleted_member_takes_one_comma_with_it() {
    let text = "{ \"a\" : 1 , \"b\":\"},\" ,\n\"c\":[2] }";
    let delete = |names: &[&'static str]| {
        let edits: Vec<Edit> = names.iter().map(|name| Edit::delete(name)).collect();
        edited(text, &edits)
    };
    assert_eq!(delete(&["a"]), "{ \"b\":\"},\" ,\n\"c\":[2] }");
    assert_eq!(delete(&["b"]), "{ \"a\" : 1 , \"c\":[2] }");
    assert_eq!(delete(&["c"]), "{ \"a\" : 1 , \"b\":\"},\" }");
    assert_eq!(delete(&["a", "b"]), "{ \"c\":[2] }");
    assert_eq!(delete(&["b", "c"]), "{ \"a\" : 1 }");
    assert_eq!(delete(&["a", "c"]), "{ \"b\":\"},\" }");
    assert_eq!(delete(&["c", "b", "a"]), "{  }");
    assert_eq!(delete(&["d"]), text);
    let both = [Edit::delete("a"), Edit::delete("b"), Edit::delete("c"), Edit::set("n", "0")];
    assert_eq!(edited(text, &both), "{\"n\":0  }");
}

#[test]
fn a_range_is_replaced_inside_a_member() {
    let text = r#"{"o":{"p":false},"q":1}"#;
    let at = text.find("false").unwrap();
    let range = |range, value: &'static [u8]| Edit::Range { range, value: value.into() };
    assert_eq!(edited(text, &[range(at..at + 5, b"true")]), r#"{"o":{"p":true},"q":1}"#);
    assert_eq!(edited(text, &[range(6..6, b"\"z\":0,")]), r#"{"o":{"z":0,"p":false},"q":1}"#);
    let overlapping = [range(at..at + 5, b"true"), Edit::set("o", "{}")];
    assert_eq!(edited(text, &overlapping), r#"{"o":{},"q":1}"#);
}

/// JSON values with the shapes that scanners trip over.
fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        // Eighths, because the other parser does not read every number back exactly.
        any::<i32>().prop_map(|n| (f64::from(n) / 8.0).into()),
        "[\\\\\"{}\\[\\],: a-cé漢🦀\n]{0,90}".prop_map(Into::into),
        ".{0,10}".prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            any_object(inner),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![Just("model".to_owned()), "[\\\\\"{}a-c/\u{7f}é🦀\n]{0,6}", "[a-z]{1,12}"]
}

fn any_object(
    value: impl Strategy<Value = serde_json::Value>,
) -> impl Strategy<Value = serde_json::Value> {
    proptest::collection::btree_map(any_key(), value, 0..8)
        .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into())
}

fn written(value: &serde_json::Value, is_pretty: bool) -> Vec<u8> {
    if is_pretty { serde_json::to_vec_pretty(value) } else { serde_json::to_vec(value) }.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_objects_scan_as_another_parser_reads_them(
        value in any_object(any_value()),
        is_pretty: bool,
        cuts: Vec<usize>,
    ) {
        let bytes = written(&value, is_pretty);
        let body = body_cut(&bytes, &cuts);
        let object = scan(&body, MAX_DEPTH).unwrap();
        let expected = value.as_object().unwrap();
        prop_assert_eq!(object.members().len(), expected.len());
        for (key, value) in expected {
            let found = Value::in_body(&body, object.get(key).unwrap());
            let read: serde_json::Value = serde_json::from_slice(&found.text).unwrap();
            prop_assert_eq!(&read, value);
            prop_assert_eq!(found.as_string(), value.as_str().map(str::to_owned));
            prop_assert_eq!(found.as_bool(), value.as_bool());
            prop_assert_eq!(found.as_integer(), value.as_u64());
            if let Some(items) = value.as_array() {
                let texts: Vec<serde_json::Value> = found
                    .elements()
                    .unwrap()
                    .iter()
                    .map(|item| serde_json::from_slice(&item.text).unwrap())
                    .collect();
                prop_assert_eq!(&texts, items);
            }
        }
    }

    #[test]
    fn case_109_random_edits_change_only_what_they_name(
        value in any_object(any_value()),
        is_pretty: bool,
        cuts: Vec<usize>,
        deleted in proptest::collection::vec(any_key(), 0..5),
        set in proptest::collection::btree_map(any_key(), any_value(), 0..4),
    ) {
        let bytes = written(&value, is_pretty);
        let body = body_cut(&bytes, &cuts);
        let object = scan(&body, MAX_DEPTH).unwrap();
        let mut expected = value.as_object().unwrap().clone();
        let mut edits = Vec::new();
        for name in deleted.into_iter().filter(|name| !set.contains_key(name)) {
            expected.remove(&name);
            edits.push(Edit::Delete { name: Cow::Owned(name) });
        }
        for (name, value) in set {
            let text = Bytes::from(serde_json::to_vec(&value).unwrap());
            edits.push(Edit::Set { name: Cow::Owned(name.clone()), value: text });
            expected.insert(name, value);
        }
        let out = joined(&splice(&body, &object, &edits));
        let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(read.as_object().unwrap(), &expected);
        let again = scan_bytes(&out).unwrap();
        prop_assert_eq!(again.members().len(), expected.len());
    }

    /// Whatever the other parser accepts as one object, the scan accepts, for every cut; and cuts
    /// never change the answer.
    #[test]
    fn random_damage_never_panics(
        value in any_object(any_value()),
        at: usize,
        byte: u8,
        cuts: Vec<usize>,
    ) {
        let mut bytes = written(&value, false);
        let at = at % bytes.len();
        bytes[at] = byte;
        let whole = scan_bytes(&bytes);
        let split = scan(&body_cut(&bytes, &cuts), MAX_DEPTH);
        prop_assert_eq!(whole.is_ok(), split.is_ok());
        let parsed = serde_json::from_slice::<serde_json::Value>(&bytes);
        if let (Err(error), Ok(serde_json::Value::Object(_))) = (&whole, parsed) {
            let is_stricter = matches!(error.kind, ErrorKind::DuplicateKey { .. });
            prop_assert!(is_stricter, "{error:?} in {}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, text in "[{}\\[\\]\",:\\\\a0tn. -]{0,60}") {
        for bytes in [bytes, text.into_bytes()] {
            let _ = scan_bytes(&bytes);
            let _ = Fields::read(&bytes);
            let array = Value { kind: Kind::Array, text: Cow::Borrowed(&bytes) };
            let _ = array.elements();
        }
    }
}
