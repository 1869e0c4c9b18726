//! From one wire format to another: decode, repair, lower to the target, encode, and back.
//!
//! Same-format traffic never comes here. What a target cannot be told is a loss that is named and
//! counted, never silence.

mod abilities;
mod alike;
mod answer;
mod base64;
mod error;
mod estimate;
mod ids;
mod names;
mod pairs;
mod recall;
mod repair;
mod seal;
mod stage;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use bytes::Bytes;

pub use answer::{AnswerFold, AnswerStream, Broken, whole};
pub use error::{Recast, recast};
pub use seal::Seals;

use crate::canonical::{Losses, Profile, Request};
use crate::formats::{AnswerContext, BadRequest, Format, Rules};
use crate::json::{Members, Node, Object};

/// What a translation is made for.
pub struct Goal<'a> {
    pub client: Format,
    pub target: Format,
    /// The model as the target knows it.
    pub model: &'a str,
    pub profile: &'a Profile,
    pub seals: &'a Arc<Seals>,
    /// Reasoning of the history may be sent.
    pub has_reasoning: bool,
    /// Seconds since 1970.
    pub now: u64,
}

/// A request in the target's format.
pub struct Translated {
    pub body: Vec<Bytes>,
    pub losses: Losses,
    pub plan: Arc<Plan>,
}

/// What reading the answer needs to know of the request.
pub struct Plan {
    pub client: Format,
    pub target: Format,
    pub(self) context: AnswerContext,
    pub(self) rules: Rules,
    pub(self) names: names::Names,
    pub(self) has_think_tags: bool,
    /// Text that the answer goes on from and should not repeat.
    pub(self) prefix: Option<String>,
    /// Sequences that end the answer's text here, because the target could not be told of them.
    pub(self) stops: Vec<String>,
    pub(self) seals: Arc<Seals>,
    /// What was said, where the answer's reasoning is to be kept for a client that may drop it.
    pub(self) said: Option<recall::Said>,
}

/// The body for the target. Fails where no honest request can be made.
pub fn request(body: &Bytes, goal: &Goal<'_>) -> Result<Translated, BadRequest> {
    read(body, Node::read(body).map(Node::members).unwrap_or_default(), goal)
}

/// As [`request`], for a body whose members were found already.
pub(crate) fn scanned(
    body: &Bytes,
    object: &Object,
    goal: &Goal<'_>,
) -> Result<Translated, BadRequest> {
    read(body, Members::scanned(body, object), goal)
}

fn read(body: &Bytes, members: Members<'_>, goal: &Goal<'_>) -> Result<Translated, BadRequest> {
    let mut losses = Losses::default();
    let mut request = goal.client.wire().decode_request(&members, &mut losses)?;
    drop(members);
    let context = AnswerContext {
        model: std::mem::replace(&mut request.model, goal.model.to_owned()),
        id: answer_id(),
        created: goal.now,
        wants_usage: request.wants_usage,
        estimated_input: estimate::tokens(&request),
    };
    let rules = goal.target.wire().rules(goal.model, goal.profile);
    let client_rules = goal.client.wire().rules("", &Profile::default());
    let may_drop_seals = rules.needs_seal && !client_rules.needs_seal;
    let said = may_drop_seals
        .then(|| recall::remember(&mut request, goal.target, goal.seals, !goal.has_reasoning));
    if goal.has_reasoning {
        seal::unseal(&mut request, goal.target, rules, goal.seals, &mut losses);
    } else {
        seal::strip(&mut request);
    }
    abilities::lower(&mut request, goal.profile, &mut losses);
    let prefix = repair::repair(&mut request, rules, &mut losses);
    let stops = untold_stops(&mut request, rules);
    let names = names::lower(&mut request, rules);
    ids::lower(&mut request, rules);
    let wire = goal.target.wire();
    let parts = wire.encode_request(&request, goal.profile, body, &mut losses);
    Ok(Translated {
        body: parts,
        losses,
        plan: Arc::new(Plan {
            client: goal.client,
            target: goal.target,
            context,
            rules: client_rules,
            names,
            has_think_tags: goal.profile.has_think_tags,
            prefix,
            stops,
            seals: Arc::clone(goal.seals),
            said,
        }),
    })
}

/// Stop sequences beyond what the target takes; they are taken out of the request.
fn untold_stops(request: &mut Request<'_>, rules: Rules) -> Vec<String> {
    request.stop.retain(|stop| !stop.is_empty());
    let most = rules.most_stops.min(request.stop.len());
    request.stop.split_off(most).iter().map(|stop| stop.to_text().into_owned()).collect()
}

/// An id for an answer whose upstream gave it none.
fn answer_id() -> String {
    let number = RandomState::new().build_hasher().finish();
    let digit =
        |shift: u32| char::from_digit(((number >> shift) & 0xF) as u32, 16).unwrap_or_default();
    (0..16).rev().map(|place| digit(place * 4)).collect()
}

/// How many tokens the prompt of a body has, as far as its length tells.
pub fn estimated_tokens(format: Format, body: &[u8]) -> Result<u64, BadRequest> {
    let members = Node::read(body).map(Node::members).unwrap_or_default();
    let request = format.wire().decode_request(&members, &mut Losses::default())?;
    Ok(estimate::tokens(&request))
}
