//! An upstream's answer in the client's format.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::Plan;
use super::alike::{Alike, Likeness};
use super::stage::Stage;
use crate::canonical::{Event, Fold};
use crate::formats::{EventDecoder, EventEncoder};
use crate::json::{Members, Node};

/// Why nothing more can be made of an upstream's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It makes no sense and will not end by itself.
    Endless,
    /// The frame is not JSON: what it said is lost.
    NotJson,
}

/// Turns the frames of one stream into those of another.
pub struct AnswerStream {
    plan: Arc<Plan>,
    decoder: Box<dyn EventDecoder>,
    stage: Stage,
    encoder: Box<dyn EventEncoder>,
    /// The frame before, where it was one delta and nothing else.
    alike: Option<Alike>,
    is_over: bool,
}

impl AnswerStream {
    pub fn new(plan: Arc<Plan>) -> Self {
        Self {
            decoder: plan.target.wire().decoder(),
            stage: Stage::new(&plan),
            encoder: plan.client.wire().encoder(&plan.context),
            plan,
            alike: None,
            is_over: false,
        }
    }

    /// The data of the upstream's next frame; what the client gets for it is appended to `out`.
    pub fn frame(
        &mut self,
        event: Option<&[u8]>,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        let Self { decoder, stage, encoder, alike, .. } = self;
        if let Some(delta) = alike.as_ref().and_then(|alike| alike.delta(event, data)) {
            stage.pass(delta, &mut |event| encoder.event(&event, out));
        } else {
            let data = text(data);
            let mut likeness = Likeness::new(event, &data);
            let is_json = decoder.frame(event, &data, &mut |event| {
                likeness.see(&event);
                stage.pass(event, &mut |event| encoder.event(&event, out));
            });
            *alike = likeness.found();
            if !is_json {
                return Err(Broken::NotJson);
            }
        }
        if self.stage.is_stuck() { Err(Broken::Endless) } else { Ok(()) }
    }

    /// Whether the client has all that it wants: the upstream may go.
    pub fn is_cut(&self) -> bool {
        self.stage.is_cut()
    }

    /// The end of a stream that came to a good end. Does nothing the second time.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let Self { decoder, stage, encoder, .. } = self;
        decoder.finish(&mut |event| {
            stage.pass(event, &mut |event| encoder.event(&event, out));
        });
        stage.finish();
        encoder.finish(out);
    }

    /// A whole answer as the stream that was asked for.
    pub fn replay(&mut self, body: &[u8], out: &mut Vec<u8>) {
        let Self { plan, stage, encoder, .. } = self;
        let body = text(body);
        plan.target.wire().decode_answer(&members(&body), &mut |event| {
            stage.pass(event, &mut |event| encoder.event(&event, out));
        });
        stage.finish();
        encoder.finish(out);
        self.is_over = true;
    }
}

/// Gathers a stream into the whole answer that was asked for.
pub struct AnswerFold {
    plan: Arc<Plan>,
    decoder: Box<dyn EventDecoder>,
    stage: Stage,
    fold: Fold,
}

impl AnswerFold {
    pub fn new(plan: Arc<Plan>) -> Self {
        Self {
            decoder: plan.target.wire().decoder(),
            stage: Stage::new(&plan),
            fold: Fold::default(),
            plan,
        }
    }

    pub fn frame(&mut self, event: Option<&[u8]>, data: &[u8]) {
        let Self { decoder, stage, fold, .. } = self;
        decoder.frame(event, &text(data), &mut |event| {
            stage.pass(event, &mut |event| fold.event(&event));
        });
    }

    pub fn finish(mut self) -> Vec<Bytes> {
        let Self { decoder, stage, fold, .. } = &mut self;
        decoder.finish(&mut |event| {
            stage.pass(event, &mut |event| fold.event(&event));
        });
        stage.finish();
        self.plan.client.wire().encode_answer(&self.fold.finish(), &self.plan.context)
    }
}

/// A whole answer in the client's format, as pieces to send one after the other.
pub fn whole(plan: &Arc<Plan>, body: Bytes) -> Vec<Bytes> {
    let (mut stage, mut fold) = (Stage::new(plan), Fold::default());
    let body = match text(&body) {
        Cow::Borrowed(_) => body,
        Cow::Owned(mended) => mended.into(),
    };
    plan.target.wire().decode_answer(&members(&body), &mut |event: Event<'_>| {
        stage.pass(event, &mut |event| fold.event(&event));
    });
    stage.finish();
    // What follows has all of it, and large answers are not held three times.
    drop(body);
    plan.client.wire().encode_answer(&fold.finish(), &plan.context)
}

/// The same bytes as text: a client's parser would refuse anything else.
fn text(bytes: &[u8]) -> Cow<'_, [u8]> {
    if simdutf8::basic::from_utf8(bytes).is_ok() {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(String::from_utf8_lossy(bytes).into_owned().into_bytes())
}

fn members(body: &[u8]) -> Members<'_> {
    Node::read(body).map(Node::members).unwrap_or_default()
}
