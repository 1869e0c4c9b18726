//! The head of an HTTP/1 answer: where it ends, what it says, how its body is delimited (RFC 9112).

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, TRANSFER_ENCODING};
use http::{HeaderValue, StatusCode};

use super::Invalid;
use crate::transport::MAX_HEADERS;

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    /// By the end of the connection.
    Close,
}

#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) framing: Framing,
    /// The connection may serve again after the body.
    pub(super) is_persistent: bool,
}

/// Where the head in `input` ends, if it does. The first `seen` bytes hold no end.
pub(super) fn end_of(input: &[u8], seen: usize) -> Option<usize> {
    let start = seen.saturating_sub(2);
    memchr::memchr_iter(b'\n', input.get(start..)?).find_map(|offset| {
        let next = start + offset + 1;
        match input.get(next..)? {
            [b'\n', ..] => Some(next + 1),
            [b'\r', b'\n', ..] => Some(next + 2),
            _ => None,
        }
    })
}

/// Reads one whole head.
pub(super) fn parse(text: &Bytes) -> Result<Head, Invalid> {
    let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, text, &mut slots)
        .ok()
        .filter(httparse::Status::is_complete)
        .ok_or(Invalid)?;
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(Invalid)?;
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    for header in response.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| Invalid)?;
        let value = HeaderValue::from_maybe_shared(text.slice_ref(header.value));
        headers.append(name, value.map_err(|_| Invalid)?);
    }
    let is_http_10 = response.version == Some(0);
    let framing = framing(status, is_http_10, &headers)?;
    let is_ambiguous =
        headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH);
    let is_kept = if is_http_10 {
        has_token(&headers, &CONNECTION, "keep-alive")
    } else {
        !has_token(&headers, &CONNECTION, "close")
    };
    let is_persistent = is_kept && framing != Framing::Close && !is_ambiguous;
    Ok(Head { status, headers, framing, is_persistent })
}

fn framing(status: StatusCode, is_http_10: bool, headers: &HeaderMap) -> Result<Framing, Invalid> {
    let is_bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if is_bodiless || status.is_informational() {
        return Ok(Framing::Length(0));
    }
    if let Some(last) = headers.get_all(TRANSFER_ENCODING).iter().next_back() {
        // Before HTTP/1.1 there was none: whoever sent it means something else than we would read.
        if is_http_10 {
            return Err(Invalid);
        }
        let coding = last.as_bytes().rsplit(|byte| *byte == b',').next().unwrap_or_default();
        let is_chunked = coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
        return Ok(if is_chunked { Framing::Chunked } else { Framing::Close });
    }
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        for one in value.as_bytes().split(|byte| *byte == b',') {
            let one = number(one.trim_ascii()).ok_or(Invalid)?;
            if length.replace(one).is_some_and(|other| other != one) {
                return Err(Invalid);
            }
        }
    }
    Ok(length.map_or(Framing::Close, Framing::Length))
}

/// A number of digits alone: a sign would be read differently by others.
fn number(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|part| part.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &str) -> Result<Head, Invalid> {
        parse(&Bytes::from(format!("{}\r\n\r\n", lines.replace('\n', "\r\n"))))
    }

    fn framing_of(lines: &str) -> Option<Framing> {
        head(lines).ok().map(|head| head.framing)
    }

    #[test]
    fn the_end_is_found_however_the_head_arrives() {
        for text in ["HTTP/1.1 200 OK\r\na: b\r\n\r\nbody\n\n", "HTTP/1.1 200 OK\na: b\n\nbody\r\n"]
        {
            let end = text.find("body");
            let mut seen = 0;
            let mut found = None;
            for size in 0..=text.len() {
                found = end_of(&text.as_bytes()[..size], seen);
                if found.is_some() {
                    break;
                }
                seen = size;
            }
            assert_eq!(found, end, "{text:?}");
            assert_eq!(end_of(text.as_bytes(), 0), end, "{text:?}");
        }
    }

    #[test]
    fn a_body_ends_where_the_head_says() {
        let ok = "HTTP/1.1 200 OK\n";
        let cases = [
            ("content-length: 5", Some(Framing::Length(5))),
            ("content-length: 5\ncontent-length: 5", Some(Framing::Length(5))),
            ("content-length: 5, 5", Some(Framing::Length(5))),
            ("content-length: 5\ncontent-length: 6", None),
            ("content-length: +5", None),
            ("content-length: ", None),
            ("content-length: 99999999999999999999", None),
            ("transfer-encoding: Chunked", Some(Framing::Chunked)),
            ("transfer-encoding: gzip, chunked\ncontent-length: 5", Some(Framing::Chunked)),
            ("transfer-encoding: gzip", Some(Framing::Close)),
            ("x: y", Some(Framing::Close)),
        ];
        for (lines, wanted) in cases {
            assert_eq!(framing_of(&format!("{ok}{lines}")), wanted, "{lines}");
        }
        assert_eq!(framing_of("HTTP/1.0 200 OK\ntransfer-encoding: chunked"), None);
        for status in ["204 No Content", "304 Not Modified", "100 Continue"] {
            let lines = format!("HTTP/1.1 {status}\ncontent-length: 9");
            assert_eq!(framing_of(&lines), Some(Framing::Length(0)), "{status}");
        }
    }

    #[test]
    fn a_connection_serves_again_unless_told_otherwise() {
        let cases = [
            ("HTTP/1.1 200 OK\ncontent-length: 0", true),
            ("HTTP/1.1 200 OK\ncontent-length: 0\nconnection: x, Close", false),
            ("HTTP/1.0 200 OK\ncontent-length: 0", false),
            ("HTTP/1.0 200 OK\ncontent-length: 0\nconnection: keep-alive", true),
            ("HTTP/1.1 200 OK", false),
            ("HTTP/1.1 200 OK\ntransfer-encoding: chunked\ncontent-length: 0", false),
        ];
        for (lines, wanted) in cases {
            assert_eq!(head(lines).map(|head| head.is_persistent).ok(), Some(wanted), "{lines}");
        }
    }

    #[test]
    fn what_is_no_head_is_refused() {
        let many = format!("HTTP/1.1 200 OK{}", "\nx: y".repeat(MAX_HEADERS + 1));
        for lines in [
            "HTTP/2 200 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1 099 OK",
            "220 smtp.example.com ESMTP",
            "HTTP/1.1 200 OK\nno colon",
            "HTTP/1.1 200 OK\nna me: x",
            "HTTP/1.1 200 OK\nname : x",
            "HTTP/1.1 200 OK\nx: a\n folded",
            "HTTP/1.1 200 OK\nx: a\0b",
            many.as_str(),
        ] {
            assert!(head(lines).is_err(), "{lines:.60}");
        }
    }
}
