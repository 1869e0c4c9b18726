//! A client's request as attempts use it: scanned once, spliced or translated for each target.

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::RwLock;

use crate::canonical::{Abilities, IMAGE, Losses, Profile};
use crate::conversation;
use crate::error::Error;
use crate::formats::{Format, Header, RequestFacts, Rescue, TargetOptions};
use crate::guardrails::{Category, Guard, Issued, TooSlow, mask};
use crate::json::{self, Body, Edit, Object};
use crate::translate::{self, Plan, Seals};

/// A scanned body and the facts in it. Shared by all attempts of an exchange.
pub struct ParsedRequest {
    pub format: Format,
    pub facts: RequestFacts,
    /// What was masked in it, and has to be restored in its answer.
    pub issued: Option<Arc<Issued>>,
    body: RwLock<Body>,
    object: Object,
    has_images: OnceLock<bool>,
}

/// A request that was looked through.
pub struct MaskedRequest {
    /// Nothing where the request may go as it is.
    pub request: Option<Arc<ParsedRequest>>,
    /// Findings by category.
    pub counts: [u32; Category::COUNT],
    /// The tenant refuses requests that hold this.
    pub blocked: Option<Category>,
}

/// What one target gets.
pub struct Encoded {
    /// The body as pieces to write one after the other.
    pub body: Arc<[Bytes]>,
    /// The stream will hold usage that the client did not ask for.
    pub usage_added: bool,
    /// How to read the answer, where it comes in another format than the client's.
    pub plan: Option<Arc<Plan>>,
    pub losses: Losses,
    /// A header of the target's that the request needs.
    pub header: Option<Header>,
}

/// What a request is encoded for.
pub struct Goal<'a> {
    pub format: Format,
    /// The model as the target knows it.
    pub model: &'a str,
    /// The output limit of that model, in tokens.
    pub max_output: Option<u64>,
    pub profile: &'a Profile,
    pub abilities: Abilities,
    pub seals: &'a Arc<Seals>,
    /// Refuse what would be lost in meaning.
    pub is_strict: bool,
    /// Set where the same was refused before.
    pub rescue: Option<Rescue>,
}

impl ParsedRequest {
    /// Checks the structure of `parts` and reads the facts.
    pub fn parse(format: Format, parts: impl IntoIterator<Item = Bytes>) -> Result<Self, Error> {
        let body = Body::from_parts(parts);
        let object = json::scan(&body, json::MAX_DEPTH)?;
        let facts = format.wire().read_request(&body, &object)?;
        let (body, has_images) = (RwLock::new(body), OnceLock::new());
        Ok(Self { format, facts, issued: None, body, object, has_images })
    }

    /// The request with tokens in place of what `guard` finds: the client's own bytes otherwise.
    pub fn masked(&self, guard: &Guard) -> Result<MaskedRequest, TooSlow> {
        let held = self.body.read();
        let text = held.slice(0..held.len());
        let masking = mask::mask(guard, self.format, &text, &self.object)?;
        let (counts, blocked) = (masking.counts, masking.blocked);
        if blocked.is_some() || !masking.issued.is_needed() {
            return Ok(MaskedRequest { request: None, counts, blocked });
        }
        let body = Bytes::from(masking.apply(&text));
        let object = self.object.shifted(&masking.edits);
        let issued = Some(Arc::new(masking.issued));
        let facts = self.facts.clone();
        let body = RwLock::new(Body::from(body));
        let has_images = self.has_images.clone();
        let request = Self { format: self.format, facts, issued, body, object, has_images };
        Ok(MaskedRequest { request: Some(Arc::new(request)), counts, blocked })
    }

    /// The whole body as it would go up unedited.
    #[cfg(test)]
    pub(crate) fn text(&self) -> Vec<u8> {
        let body = self.body.read();
        body.slice(0..body.len()).into_owned()
    }

    pub fn body_bytes(&self) -> usize {
        self.body.read().len()
    }

    /// See [`conversation::prefix_hash`].
    pub fn prefix_hash(&self) -> Option<u64> {
        conversation::prefix_hash(&self.body.read(), &self.object)
    }

    /// See [`conversation::asks_long_cache`].
    pub fn asks_long_cache(&self) -> bool {
        conversation::asks_long_cache(&self.body.read())
    }

    /// Whether the conversation holds images. Worked out once, and only when somebody asks.
    pub fn has_images(&self) -> bool {
        *self.has_images.get_or_init(|| !self.image_edits().is_empty())
    }

    /// Whether tools may be called.
    pub fn has_tools(&self) -> bool {
        self.format.wire().has_tools(&self.body.read(), &self.object)
    }

    fn image_edits(&self) -> Vec<Edit> {
        self.format.wire().image_edits(&self.body.read(), &self.object)
    }

    /// The same with a notice in place of each image, and how many there were.
    fn without_images(&self) -> Option<(Self, usize)> {
        if self.has_images.get() == Some(&false) {
            return None;
        }
        let edits = self.image_edits();
        if edits.is_empty() {
            return None;
        }
        let body = Body::from_parts(json::splice(&self.body.read(), &self.object, &edits));
        let object = json::scan(&body, json::MAX_DEPTH).ok()?;
        let (facts, issued) = (self.facts.clone(), self.issued.clone());
        let has_images = OnceLock::from(false);
        let body = RwLock::new(body);
        Some((Self { format: self.format, facts, issued, body, object, has_images }, edits.len()))
    }

    /// The body for a target. In the client's own format everything outside the edited members is
    /// the client's own bytes, not copied; in another format it is written anew. Fails, with words
    /// for the client, where that cannot be done.
    pub fn encode(&self, goal: &Goal<'_>) -> Result<Encoded, String> {
        if goal.format != self.format {
            return self.translate(goal);
        }
        if goal.abilities.vision == Some(false)
            && let Some((seeable, images)) = self.without_images()
        {
            let mut encoded = seeable.edited(goal);
            for _ in 0..images {
                encoded.losses.degraded(IMAGE);
            }
            return Ok(encoded);
        }
        Ok(self.edited(goal))
    }

    /// The client's own bytes with the spans edited that the target needs otherwise.
    fn edited(&self, goal: &Goal<'_>) -> Encoded {
        let options = TargetOptions {
            model: Some(goal.model),
            max_output: goal.max_output,
            include_usage: true,
        };
        let wire = self.format.wire();
        let body = self.body.read();
        let edits = wire.request_edits(&body, &self.object, &self.facts, &options);
        let (mut all, header) = match goal.rescue {
            Some(rescue) => wire.rescue_edits(&body, &self.object, rescue),
            None => (Vec::new(), None),
        };
        all.extend(edits.edits);
        Encoded {
            body: json::splice(&body, &self.object, &all).into(),
            header,
            usage_added: edits.usage_added,
            plan: None,
            losses: Losses::default(),
        }
    }

    /// The body in one piece, which is kept in place of those that it came in.
    fn joined(&self) -> Bytes {
        if let [only] = self.body.read().parts() {
            return only.clone();
        }
        let mut body = self.body.write();
        let joined = body.joined();
        *body = Body::from(joined.clone());
        joined
    }

    fn translate(&self, goal: &Goal<'_>) -> Result<Encoded, String> {
        let profile = goal.profile.with_model(goal.max_output, goal.abilities);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let translated = translate::scanned(
            &self.joined(),
            &self.object,
            &translate::Goal {
                client: self.format,
                target: goal.format,
                model: goal.model,
                profile: &profile,
                seals: goal.seals,
                has_reasoning: goal.rescue.is_none(),
                now,
            },
        )
        .map_err(|error| error.to_string())?;
        let refused = translated.losses.refused();
        if goal.is_strict && !refused.is_empty() {
            return Err(format!(
                "the account that serves this model cannot be told: {}; leave it out, or let the \
                 operator turn strict_conversion off",
                refused.join(", ")
            ));
        }
        Ok(Encoded {
            body: translated.body.into(),
            usage_added: false,
            plan: Some(translated.plan),
            losses: translated.losses,
            header: None,
        })
    }

    /// How many tokens the prompt has, as far as its length tells.
    pub fn estimated_tokens(&self) -> Result<u64, String> {
        translate::estimated_tokens(self.format, &self.joined()).map_err(|error| error.to_string())
    }
}
