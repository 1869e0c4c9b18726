//! Proof of where reasoning comes from, carried through clients that cannot read it.
//!
//! A provider's own seal leaves for a client of another format only inside an envelope that says
//! whose it is, signed with our key; on its way back it goes to that provider's format and to no
//! other. Reasoning without a seal gets an empty envelope, so that it is never taken for somebody
//! else's.

use ring::hmac;

use super::base64;
use super::recall::{Namer, Recall};
use crate::canonical::{Content, Losses, Request};
use crate::formats::{Format, Rules, SEAL_MARK as MARK};
use crate::json::Escaped;

const MAC_BYTES: usize = 8;

/// Signs and checks envelopes, and keeps what clients drop.
pub struct Seals {
    pub(super) key: hmac::Key,
    pub(super) recall: Recall,
    pub(super) namer: Namer,
}

/// What an envelope held.
#[derive(Debug, PartialEq, Eq)]
struct Opened {
    format: String,
    payload: String,
}

impl Seals {
    pub fn new(key: &[u8]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        Self { namer: Namer::new(&key), key, recall: Recall::default() }
    }

    /// An envelope around `payload`, which a provider of `format` gave.
    pub(super) fn seal(&self, format: Format, payload: &str) -> String {
        let from = base64::encode(format.name().as_bytes());
        let signed = format!("{MARK}{from}.{payload}");
        let mac = self.mac(&signed);
        format!("{signed}.{mac}")
    }

    fn mac(&self, signed: &str) -> String {
        let tag = hmac::sign(&self.key, signed.as_bytes());
        base64::encode(tag.as_ref().get(..MAC_BYTES).unwrap_or_default())
    }

    fn open(&self, text: &str) -> Option<Opened> {
        let rest = text.strip_prefix(MARK)?;
        let (signed, mac) = text.rsplit_once('.')?;
        // A forged mark costs the forger nothing but its own reasoning: no secret hangs on time.
        if self.mac(signed) != mac {
            return None;
        }
        let (from, payload) = rest.rsplit_once('.')?.0.split_once('.')?;
        let format = String::from_utf8(base64::decode(from)?).ok()?;
        Some(Opened { format, payload: payload.to_owned() })
    }
}

/// Leaves the reasoning that the target may see, with its own seal where it needs one.
pub(super) fn unseal(
    request: &mut Request<'_>,
    target: Format,
    rules: Rules,
    seals: &Seals,
    losses: &mut Losses,
) {
    for turn in &mut request.turns {
        turn.parts.retain_mut(|part| {
            let is_kept = match &mut part.content {
                Content::Reasoning { seal, .. } if rules.needs_seal => {
                    let own = seal.as_ref().and_then(|seal| own(seal, target, seals));
                    *seal = own.map(|payload| Escaped::text(&payload));
                    seal.is_some()
                }
                Content::Reasoning { .. } => true,
                Content::Redacted { seal } => match own(seal, target, seals) {
                    Some(payload) if rules.needs_seal => {
                        *seal = Escaped::text(&payload);
                        true
                    }
                    _ => false,
                },
                _ => return true,
            };
            if !is_kept {
                losses.note("thinking");
            }
            is_kept
        });
    }
}

/// Leaves no reasoning at all.
pub(super) fn strip(request: &mut Request<'_>) {
    for turn in &mut request.turns {
        turn.parts.retain(|part| {
            !matches!(part.content, Content::Reasoning { .. } | Content::Redacted { .. })
        });
    }
}

/// The seal inside an envelope that came from the target's own format.
fn own(seal: &Escaped<'_>, target: Format, seals: &Seals) -> Option<String> {
    let opened = seals.open(&seal.to_text())?;
    (opened.format == target.name() && !opened.payload.is_empty()).then_some(opened.payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_opens_with_its_own_key_only() {
        let seals = Seals::new(b"0123456789abcdef0123456789abcdef");
        let text = seals.seal(Format::AnthropicMessages, "EqQBCg+/==");
        let opened = seals.open(&text).unwrap();
        assert_eq!(
            (opened.format.as_str(), opened.payload.as_str()),
            ("anthropic_messages", "EqQBCg+/==")
        );
        assert!(Seals::new(b"another").open(&text).is_none());
        let forged = text.replace("EqQ", "EqR");
        assert!(seals.open(&forged).is_none());
        for text in ["", "cg1.", "cg1.a.b", "cg1...", "EqQBCg=="] {
            assert!(seals.open(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_seal_goes_back_to_the_format_it_came_from_and_to_no_other() {
        let seals = Seals::new(b"0123456789abcdef0123456789abcdef");
        let own_of = |from, payload| {
            let text = Escaped::text(&seals.seal(from, payload));
            own(&text, Format::AnthropicMessages, &seals)
        };
        assert_eq!(own_of(Format::AnthropicMessages, "EqQ"), Some("EqQ".into()));
        assert_eq!(own_of(Format::OpenaiChat, "EqQ"), None);
        assert_eq!(own_of(Format::AnthropicMessages, ""), None);
    }
}
