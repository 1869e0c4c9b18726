//! An upstream's error in the words on which the client's own logic acts.

use crate::formats::{ErrorFacts, ErrorReply, Format};

/// An error as the client gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recast {
    pub status: u16,
    pub code: String,
    pub message: String,
}

/// What clients look for when a conversation has grown too long.
const TOO_LONG: &str = "context_length_exceeded";

/// `facts` of an answer with `status`, for a client of `client`.
pub fn recast(client: Format, status: u16, facts: &ErrorFacts) -> Recast {
    let code = facts.error_code.as_deref().or(facts.code.as_deref());
    let names = [code, facts.kind.as_deref()];
    let has = |wanted: &[&str]| names.iter().flatten().any(|name| wanted.contains(name));
    let message = facts.message.clone();
    if status < 429 && is_too_long(facts) {
        let message = client.wire().too_long(&message);
        return Recast { status: 400, code: TOO_LONG.into(), message };
    }
    let is_exhausted = status == 402
        || has(&[
            "insufficient_quota",
            "billing_error",
            "enforced_spend_limit_reached",
            "contract_spend_limit_reached",
        ]);
    if is_exhausted {
        let status = client.wire().exhausted_status();
        return Recast { status, code: "insufficient_quota".into(), message };
    }
    let (status, own) = match status {
        // Whoever called has no part in what our account lacks.
        401 | 403 => (502, "account_login_required"),
        404 => (404, "model_not_found"),
        429 => (429, "rate_limit_exceeded"),
        503 | 529 => (client.wire().overloaded_status(), "server_is_overloaded"),
        504 => (504, "upstream_timeout"),
        500.. => (status, "upstream_error"),
        _ => (status, code.unwrap_or("invalid_request_error")),
    };
    Recast { status, code: own.to_owned(), message }
}

impl Recast {
    pub fn body(&self, client: Format, request_id: Option<&str>) -> Vec<u8> {
        client.wire().error_body(&self.reply(request_id))
    }

    pub fn event(&self, client: Format) -> Vec<u8> {
        client.wire().error_event(None, &self.reply(None))
    }

    fn reply<'a>(&'a self, request_id: Option<&'a str>) -> ErrorReply<'a> {
        ErrorReply { status: self.status, code: &self.code, message: &self.message, request_id }
    }
}

fn is_too_long(facts: &ErrorFacts) -> bool {
    const WORDS: &[&str] = &[
        "prompt is too long",
        "maximum context length",
        "context window",
        "context length exceeded",
        "exceeds the context",
        "input is too long",
        "too many tokens",
        "reduce the length of the messages",
    ];
    let message = facts.message.to_ascii_lowercase();
    facts.code.as_deref() == Some(TOO_LONG) || WORDS.iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: Format = Format::AnthropicMessages;
    const CHAT: Format = Format::OpenaiChat;

    fn facts(kind: &str, code: &str, message: &str) -> ErrorFacts {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ErrorFacts {
            kind: some(kind),
            code: some(code),
            message: message.into(),
            is_json_error: true,
            ..ErrorFacts::default()
        }
    }

    #[test]
    fn case_101_agents_see_that_they_must_compact() {
        let long = "This model's maximum context length is 128000 tokens. However, your messages \
                    resulted in 130500 tokens.";
        let recast_error = recast(MESSAGES, 400, &facts("", TOO_LONG, long));
        assert_eq!(recast_error.status, 400);
        assert_eq!(recast_error.message, "prompt is too long: 130500 tokens > 128000 maximum");
        let unknown = recast(MESSAGES, 400, &facts("", TOO_LONG, "no"));
        assert!(unknown.message.starts_with("prompt is too long"), "{}", unknown.message);
        let chat = recast(
            CHAT,
            400,
            &facts(
                "invalid_request_error",
                "",
                "prompt is too long: 201000 tokens > 200000 maximum",
            ),
        );
        assert_eq!((chat.status, chat.code.as_str()), (400, TOO_LONG));
        let body = String::from_utf8(chat.body(CHAT, None)).unwrap();
        assert!(body.contains("\"code\":\"context_length_exceeded\""), "{body}");
    }

    #[test]
    fn each_dialect_gets_its_own_status() {
        let overloaded = facts("overloaded_error", "", "busy");
        assert_eq!(recast(CHAT, 529, &overloaded).status, 503);
        assert_eq!(recast(MESSAGES, 503, &facts("", "", "busy")).status, 529);
        let empty = facts("", "insufficient_quota", "no money");
        assert_eq!(recast(MESSAGES, 429, &empty).status, 402);
        let billing = facts("billing_error", "", "no money");
        let chat = recast(CHAT, 402, &billing);
        assert_eq!((chat.status, chat.code.as_str()), (429, "insufficient_quota"));
        assert_eq!(recast(MESSAGES, 401, &facts("", "invalid_api_key", "x")).status, 502);
        assert_eq!(
            recast(CHAT, 429, &facts("rate_limit_error", "", "slow")).code,
            "rate_limit_exceeded"
        );
    }
}
