//! Which headers cross the proxy, in either direction. Whatever is not listed stays here.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::formats::Format;

/// Names, and prefixes ending in `-`, that go up for every format.
const UP: &[&str] = &["accept", "user-agent", "idempotency-key", "x-stainless-"];
/// Ids of the client's own organisation mean nothing under our account's credential.
const NEVER_UP: &[&str] = &[
    "anthropic-workspace-id",
    "anthropic-user-profile-id",
    "openai-organization",
    "openai-project",
];

const DOWN: &[&str] = &[
    "content-type",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "request-id",
    "x-request-id",
    "anthropic-",
    "openai-",
    "x-ratelimit-",
];
const NEVER_DOWN: &[&str] = &["anthropic-organization-id", "openai-organization", "openai-project"];

fn is_listed(name: &str, list: &[&str]) -> bool {
    list.iter()
        .any(|entry| if entry.ends_with('-') { name.starts_with(entry) } else { name == *entry })
}

/// Whether a client's header goes to an upstream of `format`.
pub fn goes_up(format: Format, name: &HeaderName) -> bool {
    let name = name.as_str();
    (is_listed(name, UP) || is_listed(name, format.wire().headers_up()))
        && !NEVER_UP.contains(&name)
}

/// Whether an upstream's header goes to the client.
pub fn goes_down(name: &HeaderName) -> bool {
    let name = name.as_str();
    is_listed(name, DOWN) && !NEVER_DOWN.contains(&name)
}

/// The media type without parameters, in lower case.
pub fn media_type(headers: &HeaderMap) -> String {
    headers
        .get(http::header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes)
        .map(|value| String::from_utf8_lossy(value).to_ascii_lowercase())
        .and_then(|value| value.split(';').next().map(|kind| kind.trim().to_owned()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s25_s26_only_listed_headers_cross() {
        let name = |text: &'static str| HeaderName::from_static(text);
        for up in ["anthropic-version", "anthropic-beta", "x-stainless-lang", "x-app", "user-agent"]
        {
            assert!(goes_up(Format::AnthropicMessages, &name(up)), "{up}");
        }
        for kept in [
            "authorization",
            "x-api-key",
            "x-goog-api-key",
            "cookie",
            "host",
            "baggage",
            "x-forwarded-for",
            "anthropic-workspace-id",
            "openai-organization",
            "openai-project",
            "x-codegate-account",
            "connection",
        ] {
            assert!(!goes_up(Format::AnthropicMessages, &name(kept)), "{kept}");
            assert!(!goes_up(Format::OpenaiChat, &name(kept)), "{kept}");
        }
        assert!(!goes_up(Format::OpenaiChat, &name("anthropic-version")));
        assert!(goes_up(Format::OpenaiChat, &name("openai-beta")));
        for kept in ["set-cookie", "server", "alt-svc", "x-accel-buffering", "cf-ray", "connection"]
        {
            assert!(!goes_down(&name(kept)), "{kept}");
        }
        assert!(goes_down(&name("anthropic-ratelimit-requests-reset")));
    }
}
