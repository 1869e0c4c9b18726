//! A tap on a Messages stream.
//!
//! Deltas are only checked for matching brackets. The few events that carry usage, the stop
//! reason or an error are read in full.

use super::response::read_usage;
use crate::formats::answer::short;
use crate::formats::errors::{find_error, read_error, read_fields};
use crate::formats::{StreamTap, TapState, Usage, Verdict};
use crate::json::{Fields, Value, probe};
use crate::sse::Frame;

#[derive(Default)]
pub(super) struct Tap {
    state: TapState,
}

impl StreamTap for Tap {
    fn frame(&mut self, frame: &Frame<'_>) -> Verdict {
        if let Some(verdict) = self.state.without_data(frame) {
            return verdict;
        }
        let data = frame.data();
        let probe = probe(data, None);
        if !probe.is_sound {
            return if frame.is_terminated { self.unsound(frame) } else { Verdict::Truncated };
        }
        // The JSON names its own type; the event line only stands in where it does not.
        if let Some(kind) = kind(data).or(frame.event()) {
            return self.dispatch(kind, data, frame);
        }
        let kind = Fields::read(data).and_then(|fields| fields.string("type"));
        self.dispatch(kind.unwrap_or_default().as_bytes(), data, frame)
    }

    fn state(&self) -> &TapState {
        &self.state
    }
}

impl Tap {
    fn dispatch(&mut self, kind: &[u8], data: &[u8], frame: &Frame<'_>) -> Verdict {
        match kind {
            b"ping" => Verdict::Forward,
            b"content_block_delta" | b"content_block_start" | b"content_block_stop" => self.event(),
            b"message_start" => self.message_start(data),
            b"message_delta" => self.message_delta(data),
            b"message_stop" => {
                self.event();
                self.state.end()
            }
            _ => self.other(data, frame),
        }
    }

    fn event(&mut self) -> Verdict {
        self.state.events += 1;
        self.state.started = true;
        Verdict::Forward
    }

    fn message_start(&mut self, data: &[u8]) -> Verdict {
        let Some(fields) = Fields::read(data) else { return self.state.malformed() };
        let message = fields.present("message");
        if let Some(message) = message.as_ref().and_then(Value::as_object)
            && let Some(usage) = message.present("usage")
        {
            self.merge(&read_usage(&usage));
        }
        self.event()
    }

    fn message_delta(&mut self, data: &[u8]) -> Verdict {
        let Some(fields) = Fields::read(data) else { return self.state.malformed() };
        if let Some(usage) = fields.present("usage") {
            self.merge(&read_usage(&usage));
        }
        let delta = fields.present("delta");
        let delta = delta.as_ref().and_then(Value::as_object);
        if let Some(stop) = delta.and_then(|delta| delta.string("stop_reason")) {
            self.state.finish_seen = true;
            self.state.stop = Some(short(&stop));
        }
        self.event()
    }

    /// An error, or something this code does not know.
    fn other(&mut self, data: &[u8], frame: &Frame<'_>) -> Verdict {
        let Some(fields) = Fields::read(data) else { return self.state.malformed() };
        if frame.event() == Some(b"error") {
            return self.state.fail(read_fields(&fields, 0));
        }
        match find_error(&fields) {
            Some(facts) => self.state.fail(facts),
            None => self.event(),
        }
    }

    /// Data that is not JSON: forwarded, unless the event line says that it is an error.
    fn unsound(&mut self, frame: &Frame<'_>) -> Verdict {
        if frame.event() == Some(b"error") {
            let facts = read_error(0, frame.data());
            return self.state.fail(facts);
        }
        self.state.malformed()
    }

    /// Counts are cumulative, so the newest holds; but a zero or a gap erases nothing.
    fn merge(&mut self, new: &Usage) {
        let newest = |old: &mut Option<u64>, new: Option<u64>| {
            if new.is_some_and(|count| count > 0 || old.is_none()) {
                *old = new;
            }
        };
        let usage = &mut self.state.usage;
        newest(&mut usage.input, new.input);
        newest(&mut usage.output, new.output);
        newest(&mut usage.cache_read, new.cache_read);
        newest(&mut usage.cache_write, new.cache_write);
        newest(&mut usage.cache_write_1h, new.cache_write_1h);
        newest(&mut usage.reasoning, new.reasoning);
        usage.estimated |= new.estimated;
    }
}

/// The value of `type` where it is the first member, as every event writes it.
fn kind(data: &[u8]) -> Option<&[u8]> {
    let rest = data.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"type\"")?.trim_ascii_start();
    let rest = rest.strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    rest.get(..memchr::memchr(b'"', rest)?)
}
