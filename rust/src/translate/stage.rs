//! What happens to the events of an answer between the upstream's format and the client's.

use std::borrow::Cow;
use std::sync::Arc;

use super::recall::Recorder;
use super::{Plan, ids};
use crate::canonical::{Delta, Event, Opened, Stop, StopReason};
use crate::formats::Sink;
use crate::json::Escaped;

/// Input of nothing but white space that is longer than this will not end by itself.
const MOST_SPACE: usize = 16 * 1024;

const OPEN_TAG: &str = "<think>";
const CLOSE_TAG: &str = "</think>";
/// Tells the part made of tagged reasoning from the text it stood in.
const REASONING_BIT: u32 = 1 << 31;

/// Where a text stands that may begin with reasoning in tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tags {
    /// Nothing but what may become the opening tag was seen.
    Before,
    Inside,
    /// Behind the closing tag: white space up to the text is left out.
    After,
    Done,
}

pub(super) struct Stage {
    plan: Arc<Plan>,
    tags: Tags,
    /// Text that the answer may begin with again and should not.
    prefix: Option<String>,
    /// Text held back because it may be part of a tag or of the prefix.
    held: String,
    /// The text that is looked through, and what of it the client has open.
    text: Option<u32>,
    shown: Option<u32>,
    /// A reasoning that is open without a seal.
    unsealed: Option<u32>,
    /// White space at the end of the input that came last.
    space: usize,
    is_stuck: bool,
    /// A stop sequence was met: the answer is over, whatever else comes.
    is_cut: bool,
    /// Keeps reasoning that the client may drop.
    recorder: Option<Recorder>,
}

impl Stage {
    pub(super) fn new(plan: &Arc<Plan>) -> Self {
        Self {
            tags: if plan.has_think_tags { Tags::Before } else { Tags::Done },
            prefix: plan.prefix.clone(),
            plan: Arc::clone(plan),
            held: String::new(),
            text: None,
            shown: None,
            unsealed: None,
            space: 0,
            is_stuck: false,
            is_cut: false,
            recorder: plan.said.as_ref().map(|_| Recorder::default()),
        }
    }

    /// Whether the answer ended here, before the upstream ended it.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether the upstream writes white space without end.
    pub(super) fn is_stuck(&self) -> bool {
        self.is_stuck
    }

    /// The answer has come to its good end.
    pub(super) fn finish(&mut self) {
        if let (Some(recorder), Some(said)) = (self.recorder.take(), &self.plan.said) {
            recorder.finish(&self.plan, said);
        }
    }

    pub(super) fn pass(&mut self, event: Event<'_>, sink: &mut Sink<'_>) {
        if self.is_cut && !matches!(event, Event::Start { .. } | Event::Usage(_)) {
            return;
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.see(&event, &self.plan);
        }
        match event {
            Event::Open { part, opened } => self.open(part, opened, sink),
            Event::Delta { part, delta } => self.delta(part, delta, sink),
            Event::Close { part } => {
                if self.text == Some(part) {
                    self.end_text(sink);
                } else {
                    self.close(part, sink);
                }
            }
            other => sink(other),
        }
    }

    fn open(&mut self, part: u32, opened: Opened<'_>, sink: &mut Sink<'_>) {
        let opened = match opened {
            Opened::Text if self.is_looking() && self.text.is_none() => {
                self.text = Some(part);
                return;
            }
            Opened::Reasoning => {
                self.unsealed = self.plan.rules.needs_seal.then_some(part);
                Opened::Reasoning
            }
            Opened::Redacted { seal } => Opened::Redacted { seal: self.sealed(&seal) },
            Opened::Call { id, name } => {
                self.space = 0;
                let plan = Arc::clone(&self.plan);
                let id = ids::spelled(&id, &plan.rules);
                let opened = Opened::Call { id, name: Cow::Borrowed(plan.names.raised(&name)) };
                sink(Event::Open { part, opened });
                return;
            }
            other => other,
        };
        sink(Event::Open { part, opened });
    }

    fn delta(&mut self, part: u32, delta: Delta<'_>, sink: &mut Sink<'_>) {
        match delta {
            Delta::Text(text) if self.text == Some(part) => {
                self.held.push_str(&text.to_text());
                self.look(sink);
            }
            Delta::Seal(seal) => {
                if self.unsealed == Some(part) {
                    self.unsealed = None;
                }
                let delta = Delta::Seal(self.sealed(&seal));
                sink(Event::Delta { part, delta });
            }
            Delta::Input(input) => {
                self.measure(&input);
                sink(Event::Delta { part, delta: Delta::Input(input) });
            }
            delta => sink(Event::Delta { part, delta }),
        }
    }

    fn close(&mut self, part: u32, sink: &mut Sink<'_>) {
        if self.unsealed == Some(part) {
            self.unsealed = None;
            let seal = self.plan.seals.seal(self.plan.target, "");
            sink(Event::Delta { part, delta: Delta::Seal(Escaped::text(&seal)) });
        }
        sink(Event::Close { part });
    }

    fn sealed(&self, seal: &Escaped<'_>) -> Escaped<'static> {
        Escaped::text(&self.plan.seals.seal(self.plan.target, &seal.to_text()))
    }

    /// Counts the white space at the end of an input so far.
    fn measure(&mut self, input: &Escaped<'_>) {
        let text = input.to_text();
        let end = text.trim_end();
        let before = if end.is_empty() { self.space } else { 0 };
        self.space = before + text.len() - end.len();
        self.is_stuck |= self.space > MOST_SPACE;
    }

    /// Whether the text of the answer has to be looked at.
    fn is_looking(&self) -> bool {
        self.tags != Tags::Done || self.prefix.is_some() || !self.plan.stops.is_empty()
    }

    /// Lets go of what is certain.
    fn look(&mut self, sink: &mut Sink<'_>) {
        loop {
            match self.tags {
                Tags::Before => {
                    let text = self.held.trim_start();
                    if let Some(rest) = text.strip_prefix(OPEN_TAG) {
                        self.held = rest.trim_start_matches('\n').to_owned();
                        self.tags = Tags::Inside;
                    } else if OPEN_TAG.starts_with(text) {
                        return;
                    } else {
                        self.tags = Tags::Done;
                    }
                }
                Tags::Inside => {
                    if let Some((before, rest)) = self.held.split_once(CLOSE_TAG) {
                        let (before, rest) = (before.to_owned(), rest.to_owned());
                        self.show(&before, true, sink);
                        self.hide(sink);
                        self.held = rest;
                        self.tags = Tags::After;
                    } else {
                        let kept = overlap(&self.held, CLOSE_TAG);
                        let tail = self.held.split_off(self.held.len() - kept);
                        let before = std::mem::replace(&mut self.held, tail);
                        self.show(&before, true, sink);
                        return;
                    }
                }
                Tags::After => {
                    self.held = self.held.trim_start().to_owned();
                    if self.held.is_empty() {
                        return;
                    }
                    self.tags = Tags::Done;
                }
                Tags::Done => {
                    if let Some(prefix) = &self.prefix {
                        if let Some(rest) = self.held.strip_prefix(prefix.as_str()) {
                            self.held = rest.to_owned();
                        } else if prefix.starts_with(&self.held) {
                            return;
                        }
                        self.prefix = None;
                    }
                    self.release(sink);
                    return;
                }
            }
        }
    }

    /// Shows text up to a stop sequence, or up to what may become one.
    fn release(&mut self, sink: &mut Sink<'_>) {
        let plan = Arc::clone(&self.plan);
        let held = std::mem::take(&mut self.held);
        // The first that is whole ends the answer, as it would have ended the model's; of several
        // that end at the same place the longest is meant. So nothing depends on where deltas end.
        let first = plan
            .stops
            .iter()
            .filter_map(|stop| held.find(stop.as_str()).map(|at| (at, stop)))
            .min_by_key(|(at, stop)| (*at + stop.len(), *at));
        let Some((at, stop)) = first else {
            let kept = plan.stops.iter().map(|stop| overlap(&held, stop)).max().unwrap_or(0);
            let (text, rest) = held.split_at(held.len() - kept);
            self.show(text, false, sink);
            rest.clone_into(&mut self.held);
            return;
        };
        self.show(held.split_at(at).0, false, sink);
        self.hide(sink);
        self.is_cut = true;
        sink(Event::Stop(Stop {
            reason: StopReason::Sequence,
            sequence: Some(Escaped::text(stop)),
            explanation: None,
        }));
    }

    fn end_text(&mut self, sink: &mut Sink<'_>) {
        let held = std::mem::take(&mut self.held);
        match self.tags {
            Tags::Inside => self.show(&held, true, sink),
            Tags::Before | Tags::Done => self.show(&held, false, sink),
            Tags::After => {}
        }
        self.hide(sink);
        self.tags = Tags::Done;
        self.prefix = None;
        self.text = None;
    }

    fn show(&mut self, text: &str, is_reasoning: bool, sink: &mut Sink<'_>) {
        let Some(part) = self.text.filter(|_| !text.is_empty()) else { return };
        let part = if is_reasoning { part | REASONING_BIT } else { part };
        if self.shown != Some(part) {
            self.hide(sink);
            let opened = if is_reasoning { Opened::Reasoning } else { Opened::Text };
            if is_reasoning {
                self.unsealed = self.plan.rules.needs_seal.then_some(part);
            }
            sink(Event::Open { part, opened });
            self.shown = Some(part);
        }
        sink(Event::Delta { part, delta: Delta::Text(Escaped::text(text)) });
    }

    fn hide(&mut self, sink: &mut Sink<'_>) {
        if let Some(part) = self.shown.take() {
            self.close(part, sink);
        }
    }
}

/// How many bytes at the end of `text` may be the beginning of `tag`.
fn overlap(text: &str, tag: &str) -> usize {
    let begins = |len: &usize| tag.get(..*len).is_some_and(|begin| text.ends_with(begin));
    (1..tag.len()).rev().find(begins).unwrap_or(0)
}
