//! Framing: the same frames for every split, the same bytes out as in.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod support;

use bytes::Bytes;
use codegate::error::ErrorKind;
use codegate::formats::Format;
use codegate::sse::{FrameKind, Framer, PARTIAL_BYTES};
use proptest::prelude::*;
use support::{Framed, corpus, cut, example, frame};

const BOM: &[u8] = b"\xEF\xBB\xBF";

fn whole(bytes: &[u8]) -> Framed {
    frame(&[Bytes::copy_from_slice(bytes)])
}

fn streams() -> impl Iterator<Item = (String, Vec<u8>)> {
    Format::ALL.into_iter().flat_map(|format| corpus(format, "streams"))
}

/// The split may move the LF of a cut CRLF to the next frame and, at the very end, into a frame of
/// its own; everything else is equal.
fn assert_same(name: &str, split: &Framed, whole: &Framed, bytes: &[u8]) {
    assert_eq!(split.events(), whole.events(), "{name}");
    let stripped = bytes.strip_prefix(BOM).unwrap_or(bytes);
    assert!(split.raw == stripped, "{name}: raw bytes differ");
    let extra = split.frames.len() - whole.frames.len();
    assert!(extra == 0 || (extra == 1 && bytes.ends_with(b"\r\n")), "{name}");
}

#[test]
fn case_86_any_split_same_output() {
    for (name, bytes) in streams() {
        let expected = whole(&bytes);
        let step = if bytes.len() > 4_000 { 61 } else { 1 };
        for at in (0..=bytes.len()).step_by(step) {
            assert_same(&name, &frame(&cut(&bytes, &[at])), &expected, &bytes);
        }
        for size in [1, 2, 3, 7, 64, 65] {
            let chunks: Vec<_> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
            assert_same(&name, &frame(&chunks), &expected, &bytes);
        }
    }
}

#[test]
fn f34_line_endings() {
    for (format, names) in [
        (Format::AnthropicMessages, &["crlf.sse", "cr.sse", "mixed_ends.sse", "bom.sse"][..]),
        (Format::OpenaiChat, &["crlf.sse", "mixed_ends.sse", "bom.sse"]),
    ] {
        let plain = whole(&example(format, "streams/text.sse"));
        for name in names {
            let other = whole(&example(format, &format!("streams/{name}")));
            assert_eq!(other.events(), plain.events(), "{name}");
        }
    }
}

#[test]
fn f34_field_rules() {
    let cases: [(&str, Option<&str>, &str, FrameKind); 14] = [
        ("data: a\n\n", None, "a", FrameKind::Event),
        ("data:a\n\n", None, "a", FrameKind::Event),
        ("data:  a \n\n", None, " a ", FrameKind::Event),
        ("data: a\ndata\ndata: b\n\n", None, "a\n\nb", FrameKind::Event),
        ("data:\ndata:\n\n", None, "\n", FrameKind::Event),
        ("data: a\nevent: x\n\n", Some("x"), "a", FrameKind::Event),
        ("event: x\nevent: y\ndata: a\n\n", Some("y"), "a", FrameKind::Event),
        ("event\ndata: a\n\n", Some(""), "a", FrameKind::Event),
        ("Data: a\n data: b\ndata2: c\n\n", None, "", FrameKind::Empty),
        ("event: ping\n\n", Some("ping"), "", FrameKind::Empty),
        ("id: 1\nretry: 5\n\n", None, "", FrameKind::Empty),
        ("data\n\n", None, "", FrameKind::Empty),
        (": note\n\n", None, "", FrameKind::CommentOnly),
        ("\n", None, "", FrameKind::Empty),
    ];
    for (text, event, data, kind) in cases {
        let framed = whole(text.as_bytes());
        assert_eq!(framed.frames.len(), 1, "{text:?}");
        let frame = &framed.frames[0];
        assert_eq!(frame.event.as_deref(), event.map(str::as_bytes), "{text:?}");
        assert_eq!(frame.data, data.as_bytes(), "{text:?}");
        assert_eq!(frame.kind, kind, "{text:?}");
        assert!(frame.is_terminated);
    }
}

#[test]
fn a_comment_belongs_to_the_frame_behind_it() {
    let framed = whole(b": one\ndata: a\n: two\n\n: three\n\n");
    let kinds: Vec<_> = framed.frames.iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [FrameKind::Event, FrameKind::CommentOnly]);
}

#[test]
fn a_lone_cr_dispatches_at_once() {
    let mut framer = Framer::new(1000);
    framer.push(Bytes::from_static(b"data: a\r\r"));
    assert_eq!(framer.next().unwrap().unwrap().data(), b"a");
    assert!(framer.next().unwrap().is_none());
    assert!(framer.at_boundary() && framer.ends_in_cr());
    // The LF of the cut CRLF opens the next frame's bytes and means nothing there.
    framer.push(Bytes::from_static(b"\n"));
    assert!(framer.next().unwrap().is_none());
    assert!(framer.at_boundary() && !framer.ends_in_cr());
    framer.push(Bytes::from_static(b"data: b\n\n"));
    let frame = framer.next().unwrap().unwrap();
    assert_eq!((frame.data(), frame.raw().as_ref()), (&b"b"[..], &b"\ndata: b\n\n"[..]));
}

#[test]
fn a_boundary_is_where_no_frame_has_begun() {
    let mut framer = Framer::new(1000);
    assert!(framer.at_boundary());
    for (chunk, frames, at_boundary) in [
        ("data: a\n", 0, false),
        ("\n", 1, true),
        ("data: b\n\ndata", 1, false),
        (": c\n\n", 1, true),
        (":", 0, false),
        ("\n\n", 1, true),
    ] {
        framer.push(Bytes::from_static(chunk.as_bytes()));
        let mut seen = 0;
        while framer.next().unwrap().is_some() {
            seen += 1;
        }
        assert_eq!((seen, framer.at_boundary()), (frames, at_boundary), "{chunk:?}");
    }
}

#[test]
fn a_frame_within_one_chunk_is_not_copied() {
    let chunk = Bytes::from_static(b"data: a\n\nevent: x\ndata: b\n\n");
    let mut framer = Framer::new(1000);
    framer.push(chunk.clone());
    let mut at = 0;
    while let Some(frame) = framer.next().unwrap() {
        assert_eq!(frame.raw().as_ptr(), chunk[at..].as_ptr());
        assert!(chunk.as_ptr_range().contains(&frame.data().as_ptr()));
        at += frame.raw().len();
    }
    assert_eq!(at, chunk.len());
}

#[test]
fn the_byte_order_mark_goes_only_at_the_start_and_only_whole() {
    for (bytes, raw) in [
        (&b"\xEF\xBB\xBFdata: a\n\n"[..], &b"data: a\n\n"[..]),
        (b"\xEF\xBB\xBF\xEF\xBB\xBFdata: a\n\n", b"\xEF\xBB\xBFdata: a\n\n"),
        (b"\xEF\xBBdata: a\n\n", b"\xEF\xBBdata: a\n\n"),
        (b"\xEF\xEF\xBB\xBF\n\n", b"\xEF\xEF\xBB\xBF\n\n"),
        (b"\xEF\xBB", b"\xEF\xBB"),
        (b"\xEF\xBB\xBF", b""),
    ] {
        for cuts in [vec![], vec![1], vec![2], vec![3], vec![1, 2], vec![1, 2, 3, 4]] {
            assert_eq!(frame(&cut(bytes, &cuts)).raw, raw, "{bytes:?} at {cuts:?}");
        }
    }
}

#[test]
fn what_the_end_cuts_off_is_marked() {
    let framed = whole(b"data: a\n\nevent: x\ndata: {\"b\":1}");
    let last = framed.frames.last().unwrap();
    assert!(!last.is_terminated);
    assert_eq!(last.data, br#"{"b":1}"#);
    assert_eq!(last.event.as_deref(), Some(&b"x"[..]));
}

#[test]
fn an_event_over_the_limit_is_refused_however_it_is_cut() {
    let limit = 100;
    let event = |len: usize| format!("data: {}\n\n", "x".repeat(len - 8)).into_bytes();
    for size in [1, 7, 99, 1000] {
        for (len, is_ok) in [(limit, true), (limit + 1, false)] {
            let mut bytes = b"data: a\r\n\r\n".to_vec();
            bytes.extend(event(len));
            let mut framer = Framer::new(limit);
            let mut seen = 0;
            let mut error = None;
            'chunks: for chunk in bytes.chunks(size) {
                framer.push(Bytes::copy_from_slice(chunk));
                loop {
                    match framer.next() {
                        Ok(None) => break,
                        Ok(Some(_)) => seen += 1,
                        Err(refused) => {
                            error = Some(refused.kind);
                            break 'chunks;
                        }
                    }
                }
            }
            assert_eq!(seen, if is_ok { 2 } else { 1 }, "{size} {len}");
            let expected = (!is_ok).then_some(ErrorKind::TooLarge { limit });
            assert_eq!(error, expected, "{size} {len}");
        }
    }
}

#[test]
fn f38_a_huge_event_is_given_away_while_it_grows() {
    let len = 8 << 20;
    let payload = "y".repeat(len);
    let bytes = format!("event: big\ndata: {payload}\n\ndata: next\n\n").into_bytes();
    let mut framer = Framer::new(64 << 20);
    let mut raw = Vec::new();
    let mut early = 0;
    let mut data = Vec::new();
    for chunk in bytes.chunks(50_000) {
        let chunk = Bytes::copy_from_slice(chunk);
        framer.push(chunk.clone());
        while let Some(frame) = framer.next().unwrap() {
            data.push((frame.data().len(), frame.released()));
            raw.extend_from_slice(&frame.raw());
        }
        if let Some(partial) = framer.take_partial() {
            if early > 0 {
                assert_eq!(partial.as_ptr(), chunk.as_ptr(), "a later part is not copied");
            }
            early += partial.len();
            raw.extend_from_slice(&partial);
            assert!(framer.take_partial().is_none(), "nothing is given twice");
            assert_eq!(framer.partial_len(), 0);
        }
        assert!(framer.partial_len() <= PARTIAL_BYTES);
    }
    assert!(raw == bytes);
    assert_eq!(data, [(len, early), (4, 0)]);
}

#[test]
fn f39_many_tiny_events() {
    let bytes: Vec<u8> = b"data: 1\n\n".repeat(100_000);
    let framed = frame(&bytes.chunks(4096).map(Bytes::copy_from_slice).collect::<Vec<_>>());
    assert_eq!(framed.frames.len(), 100_000);
    assert!(framed.raw == bytes);
}

/// Lines as streams have them, with every line end, whole and broken.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => "data: ?[a-z{}\"\\\\: é🦀]{0,20}".prop_map(String::into_bytes),
        1 => "event: ?[a-z]{0,5}".prop_map(String::into_bytes),
        1 => ": ?[a-z]{0,5}".prop_map(String::into_bytes),
        1 => "(id|retry|data|event|x)".prop_map(String::into_bytes),
        4 => Just(Vec::new()),
        1 => proptest::collection::vec(any::<u8>(), 0..10),
        1 => Just(BOM.to_vec()),
    ];
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    proptest::collection::vec((line, end), 0..30).prop_map(|lines| {
        let ended = lines.into_iter().flat_map(|(line, end)| [line, end.as_bytes().to_vec()]);
        ended.flatten().collect()
    })
}

/// The rules once more, in the plainest way: split into lines, then into events.
fn reference(bytes: &[u8]) -> Vec<(Option<Vec<u8>>, Vec<u8>)> {
    let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
    let mut lines = vec![Vec::new()];
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'\r' => {
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
                lines.push(Vec::new());
            }
            b'\n' => lines.push(Vec::new()),
            byte => lines.last_mut().unwrap().push(*byte),
        }
    }
    lines.pop();
    let (mut events, mut event, mut data) = (Vec::new(), None, Vec::new());
    for line in lines {
        if line.is_empty() {
            data.pop();
            if data.is_empty() {
                event = None;
            } else {
                events.push((event.take(), std::mem::take(&mut data)));
            }
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => {
                data.extend_from_slice(value);
                data.push(b'\n');
            }
            b"event" => event = Some(value.to_vec()),
            _ => {}
        }
    }
    events
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn case_86_random_streams_and_splits(bytes in any_stream(), cuts: Vec<usize>) {
        let expected = whole(&bytes);
        let split = frame(&cut(&bytes, &cuts));
        let terminated: Vec<_> = expected
            .events()
            .iter()
            .filter(|frame| frame.is_terminated)
            .map(|frame| (frame.event.clone(), frame.data.clone()))
            .collect();
        prop_assert_eq!(terminated, reference(&bytes));
        prop_assert_eq!(split.events(), expected.events());
        prop_assert_eq!(split.raw.as_slice(), bytes.strip_prefix(BOM).unwrap_or(&bytes));
        let bytewise: Vec<_> = bytes.chunks(1).map(Bytes::copy_from_slice).collect();
        let bytewise = frame(&bytewise);
        prop_assert_eq!(bytewise.events(), expected.events());
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, cuts: Vec<usize>) {
        let framed = frame(&cut(&bytes, &cuts));
        prop_assert_eq!(framed.raw.as_slice(), bytes.strip_prefix(BOM).unwrap_or(&bytes));
    }
}
