//! Errors as upstreams send them and as we answer them, in what all formats share.

use crate::json::{Fields, Kind, Value};

/// Characters of a body that is not JSON that are kept for the operator.
const SNIPPET_CHARS: usize = 200;

/// Characters of an upstream's message that are kept.
const MESSAGE_CHARS: usize = 2_000;

/// What an upstream said went wrong. Texts are the upstream's own, cut in length, with control
/// characters replaced; they may hold anything and belong into no log unfiltered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorFacts {
    /// `error.type`, or what stands in its place.
    pub kind: Option<String>,
    /// `error.code`; a number as its digits.
    pub code: Option<String>,
    /// `error.details.error_code`.
    pub error_code: Option<String>,
    pub param: Option<String>,
    /// Never empty.
    pub message: String,
    /// False for HTML and whatever else is not a JSON object.
    pub is_json_error: bool,
}

/// An error of ours, before it is put into a dialect.
#[derive(Debug, Clone, Copy)]
pub struct ErrorReply<'a> {
    /// The HTTP status it has, or would have had before the stream began.
    pub status: u16,
    /// Our stable code, such as `budget_exceeded`.
    pub code: &'a str,
    pub message: &'a str,
    pub request_id: Option<&'a str>,
}

/// Read the body of an error answer, tolerating every shape seen so far.
pub(super) fn read_error(status: u16, body: &[u8]) -> ErrorFacts {
    let unwrapped = unwrap_array(body);
    let fields = Fields::read(unwrapped.as_deref().unwrap_or(body));
    match fields {
        Some(fields) => read_fields(&fields, status),
        None => ErrorFacts {
            message: non_empty(clean(&String::from_utf8_lossy(head(body)), SNIPPET_CHARS), status),
            ..ErrorFacts::default()
        },
    }
}

/// The error in `fields` if they hold one: a top-level `error` that says something, or an object
/// that calls itself one.
pub(super) fn find_error(fields: &Fields<'_>) -> Option<ErrorFacts> {
    let has_error = fields.present("error").is_some_and(|error| match error.kind {
        Kind::Bool => error.as_bool() == Some(true),
        Kind::String | Kind::Object | Kind::Array => !is_hollow(&error),
        Kind::Number => error.text.as_ref() != b"0",
        Kind::Null => false,
    });
    let says_error = |name| fields.string(name).is_some_and(|kind| kind == "error");
    let is_error = has_error || says_error("type") || says_error("object");
    is_error.then(|| read_fields(fields, 0))
}

/// One object in an array, as Google's compatible endpoint sends errors.
pub(super) fn unwrap_array(body: &[u8]) -> Option<Vec<u8>> {
    let body = body.trim_ascii();
    if !body.starts_with(b"[") {
        return None;
    }
    let array = Value { kind: Kind::Array, text: body.into() };
    let elements = array.elements()?;
    let first = elements.first().filter(|first| first.kind == Kind::Object)?;
    Some(first.text.to_vec())
}

fn is_hollow(value: &Value<'_>) -> bool {
    let inside = value.text.get(1..value.text.len().saturating_sub(1)).unwrap_or_default();
    inside.trim_ascii().is_empty()
}

/// Read an error object that is known to be one.
pub(super) fn read_fields(fields: &Fields<'_>, status: u16) -> ErrorFacts {
    let error = fields.present("error");
    let inner = error.as_ref().and_then(Value::as_object);
    let source = inner.as_ref().unwrap_or(fields);
    let text = |name: &str| source.present(name).and_then(|value| as_text(&value));
    let details = source.present("details");
    let error_code = details
        .as_ref()
        .and_then(Value::as_object)
        .and_then(|details| details.string("error_code"));
    let message = text("message")
        .or_else(|| error.as_ref().and_then(Value::as_string))
        .or_else(|| text("detail"))
        .or_else(|| fields.present("detail").map(|value| raw_text(&value)))
        .or_else(|| fields.string("message"))
        .unwrap_or_default();
    // Without an inner object the type of the whole is a type only if it is not just `error`.
    let kind = text("type").filter(|kind| inner.is_some() || kind != "error");
    ErrorFacts {
        kind: kind.or_else(|| text("status")).map(|kind| clean(&kind, SNIPPET_CHARS)),
        code: text("code").map(|code| clean(&code, SNIPPET_CHARS)),
        error_code: error_code.map(|code| clean(&code, SNIPPET_CHARS)),
        param: text("param").map(|param| clean(&param, SNIPPET_CHARS)),
        message: non_empty(clean(&message, MESSAGE_CHARS), status),
        is_json_error: true,
    }
}

fn as_text(value: &Value<'_>) -> Option<String> {
    match value.kind {
        Kind::String => value.as_string().filter(|text| !text.is_empty()),
        Kind::Number => Some(raw_text(value)),
        _ => None,
    }
}

fn raw_text(value: &Value<'_>) -> String {
    value.as_string().unwrap_or_else(|| String::from_utf8_lossy(head(&value.text)).into_owned())
}

/// As much of a text as could be kept.
fn head(bytes: &[u8]) -> &[u8] {
    bytes.get(..4 * MESSAGE_CHARS).unwrap_or(bytes)
}

/// At most `limit` characters on one line.
fn clean(text: &str, limit: usize) -> String {
    let is_odd = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.trim().chars().take(limit).map(|c| if is_odd(c) { ' ' } else { c }).collect()
}

fn non_empty(message: String, status: u16) -> String {
    match (message.is_empty(), status) {
        (false, _) => message,
        (true, 0) => "the upstream gave no reason".into(),
        (true, _) => format!("the upstream answered {status} and gave no reason"),
    }
}
