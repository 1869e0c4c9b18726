//! Which headers cross the proxy, in either direction. Whatever is not listed stays here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::formats::Format;

/// Names, and prefixes ending in `-`, that go up for every format.
const UP: &[&str] = &["accept", "user-agent", "idempotency-key", "x-stainless-"];
const UP_ANTHROPIC_MESSAGES: &[&str] = &["anthropic-", "x-app", "x-claude-code-"];
const UP_OPENAI_CHAT: &[&str] = &["openai-", "x-client-request-id"];
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
    let own = match format {
        Format::AnthropicMessages => UP_ANTHROPIC_MESSAGES,
        Format::OpenaiChat => UP_OPENAI_CHAT,
    };
    let name = name.as_str();
    (is_listed(name, UP) || is_listed(name, own)) && !NEVER_UP.contains(&name)
}

/// Whether an upstream's header goes to the client.
pub fn goes_down(name: &HeaderName) -> bool {
    let name = name.as_str();
    is_listed(name, DOWN) && !NEVER_DOWN.contains(&name)
}

/// A delay may be asked for, but not for longer than this.
const LONGEST_DELAY_MS: u64 = 24 * 3600 * 1000;

/// The delay that an answer asks for: `retry-after-ms`, else `retry-after` as seconds (with
/// fraction) or as an HTTP date. A date in the past is no delay; nonsense counts as absent.
pub fn retry_after_ms(headers: &HeaderMap, now: SystemTime) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(ms) = text("retry-after-ms").and_then(non_negative) {
        return Some(bounded(ms));
    }
    let value = text("retry-after")?;
    if value.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let at = httpdate::parse_http_date(value).ok()?;
        let delay = at.duration_since(now).unwrap_or(Duration::ZERO);
        return Some(bounded(delay.as_secs_f64() * 1000.0));
    }
    non_negative(value).map(|seconds| bounded(seconds * 1000.0))
}

fn non_negative(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
}

fn bounded(ms: f64) -> u64 {
    (ms.ceil() as u64).min(LONGEST_DELAY_MS)
}

/// Milliseconds since 1970, for tests and logs.
pub fn unix_ms(now: SystemTime) -> u128 {
    now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis())
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

    fn delay(name: &'static str, value: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).expect("valid"));
        retry_after_ms(&headers, UNIX_EPOCH + Duration::from_secs(1_000_000_000))
    }

    #[test]
    fn f13_retry_after_spellings() {
        assert_eq!(delay("retry-after", "2"), Some(2000));
        assert_eq!(delay("retry-after", "1.5"), Some(1500));
        assert_eq!(delay("retry-after-ms", "750"), Some(750));
        assert_eq!(delay("retry-after", "Sun, 09 Sep 2001 01:46:43 GMT"), Some(3000));
        assert_eq!(delay("retry-after", "Sun, 09 Sep 2001 01:46:30 GMT"), Some(0));
        assert_eq!(delay("retry-after", "-1"), None);
        assert_eq!(delay("retry-after", "abc"), None);
        assert_eq!(delay("retry-after", "99999999999"), Some(LONGEST_DELAY_MS));
    }

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
