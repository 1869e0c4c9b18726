//! A tap on a Chat Completions stream.
//!
//! Most chunks are only looked at for the keys that matter; one that holds usage, a finish reason
//! or an error is read in full.

use super::response::{finish_reason, read_usage};
use crate::formats::errors::{find_error, read_error, read_fields};
use crate::formats::{StreamTap, TapState, Verdict};
use crate::json::{Fields, Keys, Kind, probe};
use crate::sse::Frame;

const KEYS: Keys = Keys { names: &[b"usage\"", b"finish_reason\"", b"error\""], first: *b"ufe" };

pub(super) struct Tap {
    state: TapState,
    /// Usage was asked for on our own account, so its chunk is not for the client.
    usage_added: bool,
}

impl Tap {
    pub(super) fn new(usage_added: bool) -> Self {
        Self { state: TapState::default(), usage_added }
    }

    /// A chunk that holds one of the keys.
    fn read(&mut self, data: &[u8]) -> Verdict {
        let Some(fields) = Fields::read(data) else { return self.state.malformed() };
        if let Some(facts) = find_error(&fields) {
            return self.state.fail(facts);
        }
        if let Some(stop) = finish_reason(&fields) {
            self.state.finish_seen = true;
            self.state.stop = Some(stop);
        }
        let usage = fields.present("usage").filter(|usage| usage.kind == Kind::Object);
        if let Some(usage) = &usage {
            // Hosts that report in every chunk report sums: the last one holds.
            let bad_before = self.state.usage.estimated;
            self.state.usage = read_usage(usage);
            self.state.usage.estimated |= bad_before;
        }
        if self.usage_added && usage.is_some() && has_no_choices(&fields) {
            return Verdict::Drop;
        }
        self.event()
    }

    fn event(&mut self) -> Verdict {
        self.state.events += 1;
        self.state.started = true;
        Verdict::Forward
    }
}

impl StreamTap for Tap {
    fn frame(&mut self, frame: &Frame<'_>) -> Verdict {
        if let Some(verdict) = self.state.without_data(frame) {
            return verdict;
        }
        let data = frame.data();
        if data.trim_ascii() == b"[DONE]" {
            return self.state.end();
        }
        let probe = probe(data, Some(&KEYS));
        if !probe.is_sound {
            return match (frame.is_terminated, frame.event()) {
                (false, _) => Verdict::Truncated,
                (true, Some(b"error")) => self.state.fail(read_error(0, data)),
                (true, _) => self.state.malformed(),
            };
        }
        if frame.event() == Some(b"error") {
            return match Fields::read(data) {
                Some(fields) => self.state.fail(read_fields(&fields, 0)),
                None => self.state.fail(read_error(0, data)),
            };
        }
        if probe.hits == 0 { self.event() } else { self.read(data) }
    }

    fn state(&self) -> &TapState {
        &self.state
    }
}

fn has_no_choices(fields: &Fields<'_>) -> bool {
    match fields.present("choices") {
        None => true,
        Some(choices) => choices.elements().is_some_and(|choices| choices.is_empty()),
    }
}
