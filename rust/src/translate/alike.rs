//! Frames that differ from the one before in a text alone.
//!
//! Deltas mostly do, and then nothing but their text has to be read: what stands before and behind
//! it was understood with the frame before, and what comes of it has not changed since.

use std::ops::Range;

use crate::canonical::{Delta, Event};
use crate::json::{Escaped, string_end};

/// Of what stands around a text no more is kept than this many bytes.
const MOST_AROUND: usize = 4096;

/// A frame that was one delta, and nothing else to anybody.
pub(super) struct Alike {
    event: Option<Vec<u8>>,
    /// The data up to the text and its opening quote.
    before: Vec<u8>,
    /// The data from the text's closing quote on.
    after: Vec<u8>,
    part: u32,
    is_input: bool,
}

impl Alike {
    /// The delta that the frame is, if it is like this one.
    pub(super) fn delta<'a>(&self, event: Option<&[u8]>, data: &'a [u8]) -> Option<Event<'a>> {
        let rest = data.strip_prefix(self.before.as_slice())?;
        let text = rest.strip_suffix(self.after.as_slice())?;
        let is_same = event == self.event.as_deref();
        // It must end at the quote that is known, and at no other before.
        if !is_same || text.is_empty() || string_end(rest, 0) != Some(text.len()) {
            return None;
        }
        simdutf8::basic::from_utf8(text).ok()?;
        let text = Escaped::raw(text);
        let delta = if self.is_input { Delta::Input(text) } else { Delta::Text(text) };
        Some(Event::Delta { part: self.part, delta })
    }
}

/// Looks for the one delta in the events of a frame.
pub(super) struct Likeness<'d> {
    event: Option<&'d [u8]>,
    data: &'d [u8],
    events: u32,
    /// Its part, whether it is input, and where its text stands.
    delta: Option<(u32, bool, Range<usize>)>,
}

impl<'d> Likeness<'d> {
    pub(super) fn new(event: Option<&'d [u8]>, data: &'d [u8]) -> Self {
        Self { event, data, events: 0, delta: None }
    }

    pub(super) fn see(&mut self, event: &Event<'_>) {
        self.events += 1;
        self.delta = match event {
            Event::Delta { part, delta: Delta::Text(text) } => {
                self.place(text).map(|place| (*part, false, place))
            }
            Event::Delta { part, delta: Delta::Input(text) } => {
                self.place(text).map(|place| (*part, true, place))
            }
            _ => None,
        };
    }

    pub(super) fn found(self) -> Option<Alike> {
        let (part, is_input, place) = self.delta.filter(|_| self.events == 1)?;
        if self.data.len() - place.len() > MOST_AROUND {
            return None;
        }
        Some(Alike {
            event: self.event.map(<[u8]>::to_vec),
            before: self.data.get(..place.start)?.to_vec(),
            after: self.data.get(place.end..)?.to_vec(),
            part,
            is_input,
        })
    }

    /// Where `text` stands in the data, if that is where it was read from, as a string.
    fn place(&self, text: &Escaped<'_>) -> Option<Range<usize>> {
        let (all, text) = (self.data.as_ptr_range(), text.as_bytes().as_ptr_range());
        if text.start <= all.start || text.end >= all.end {
            return None;
        }
        let start = text.start as usize - all.start as usize;
        let end = text.end as usize - all.start as usize;
        let is_string =
            self.data.get(start - 1) == Some(&b'"') && self.data.get(end) == Some(&b'"');
        is_string.then_some(start..end)
    }
}
