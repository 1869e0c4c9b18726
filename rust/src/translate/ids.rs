//! Ids of calls as a target allows them, the same for a call and its result.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::base64;
use crate::canonical::{Content, Request};
use crate::formats::{Rules, digest, digest_hex};

/// What ids of our own spelling begin with.
const PREFIX: &str = "cgi_";

/// `id` as `rules` allow it: as it is, else in a spelling that can be read back, else its digest.
pub(super) fn spelled<'a>(id: &'a str, rules: &Rules) -> Cow<'a, str> {
    if let Some(original) = original(id)
        && (rules.is_id_byte.is_none() || fits(&original, rules))
    {
        // A host wants its own id back, letter by letter.
        return Cow::Owned(original);
    }
    if fits(id, rules) {
        return Cow::Borrowed(id);
    }
    let readable = format!("{PREFIX}{}", base64::encode(id.as_bytes()));
    if readable.len() <= rules.id_bytes {
        return Cow::Owned(readable);
    }
    Cow::Owned(format!("{PREFIX}{}", digest_hex(id)))
}

fn fits(id: &str, rules: &Rules) -> bool {
    !id.is_empty()
        && id.len() <= rules.id_bytes
        && rules.is_id_byte.is_none_or(|is_allowed| id.bytes().all(is_allowed))
}

/// The id that a readable spelling stands for.
fn original(id: &str) -> Option<String> {
    let bytes = base64::decode(id.strip_prefix(PREFIX)?)?;
    let text = String::from_utf8(bytes).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
}

/// Gives every call and its result the id that goes to the target.
pub(super) fn lower(request: &mut Request<'_>, rules: Rules) {
    let mut used: HashSet<String> = HashSet::new();
    // The newest call of each id, by which its results are found.
    let mut newest: HashMap<String, String> = HashMap::new();
    for (turn_index, turn) in request.turns.iter_mut().enumerate() {
        let mut ordinal = 0;
        for part in &mut turn.parts {
            match &mut part.content {
                Content::Call(call) => {
                    ordinal += 1;
                    let mut id = spelled(&call.id, &rules).into_owned();
                    if rules.has_unique_ids && used.contains(&id) {
                        id = distinct(&id, turn_index, ordinal, &rules);
                    }
                    used.insert(id.clone());
                    newest.insert(call.id.clone().into_owned(), id.clone());
                    call.id = Cow::Owned(id);
                }
                Content::Result(result) => {
                    result.call_id = match newest.get(result.call_id.as_ref()) {
                        Some(id) => Cow::Owned(id.clone()),
                        None => Cow::Owned(spelled(&result.call_id, &rules).into_owned()),
                    };
                }
                _ => {}
            }
        }
    }
}

/// The id with its turn, for hosts that begin to count anew in each.
fn distinct(id: &str, turn: usize, ordinal: usize, rules: &Rules) -> String {
    let long = format!("{id}_{turn}_{ordinal}");
    if long.len() <= rules.id_bytes { long } else { format!("{PREFIX}{}", digest_hex(&long)) }
}

/// An id for a call that has none.
pub(super) fn made_up(turn: usize, ordinal: usize, name: &str) -> String {
    format!("call_{:08x}", digest(&format!("{turn}.{ordinal}.{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::Profile;
    use crate::formats::Format;

    fn rules(format: Format) -> Rules {
        format.wire().rules("", &Profile::default())
    }

    #[test]
    fn case_025_a_hosts_own_id_comes_back() {
        let to_messages = rules(Format::AnthropicMessages);
        let spelled_id = spelled("functions.Bash:0", &to_messages).into_owned();
        assert!(spelled_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        assert_eq!(spelled(&spelled_id, &rules(Format::OpenaiChat)), "functions.Bash:0");
        assert_eq!(spelled("toolu_01A", &to_messages), "toolu_01A");
    }

    #[test]
    fn case_026_long_ids_stay_distinct() {
        let to_chat = rules(Format::OpenaiChat);
        let (a, b) = ("x".repeat(44) + "a", "x".repeat(44) + "b");
        let (a, b) = (spelled(&a, &to_chat).into_owned(), spelled(&b, &to_chat).into_owned());
        assert_ne!(a, b);
        assert!(a.len() <= 40 && b.len() <= 40, "{a} {b}");
    }
}
