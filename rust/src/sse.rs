//! Server-sent events, framed at byte level by the WHATWG rules.
//!
//! A [`Framer`] takes the chunks the network gave and hands out complete frames. Whatever the
//! cuts between chunks, the frames are the same, and the bytes of all frames one after the other
//! are the input without its leading byte order mark. One exception proves that rule: a CR that
//! ends a chunk ends its line at once, so an LF that follows in the next chunk is counted to the
//! next frame, where it stands for nothing.
//!
//! A frame inside one chunk is a slice of it. A frame cut by a chunk border is collected in one
//! buffer; no byte is searched twice.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use crate::block::{BASELINE, BLOCK, Engine, padded};
use crate::error::{Error, ErrorKind};

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Bytes of an unfinished frame from which on [`Framer::take_partial`] gives them away.
pub const PARTIAL_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// Has data.
    Event,
    /// Comment lines and nothing else.
    CommentOnly,
    /// Nothing a client would dispatch: blank lines, or fields without data.
    Empty,
}

/// One complete frame: everything up to and with its blank line. It is a view into the framer;
/// [`raw`](Self::raw) makes it last.
#[derive(Debug)]
pub struct Frame<'a> {
    /// What `bytes` is a part of.
    source: &'a Bytes,
    bytes: &'a [u8],
    released: usize,
    event: Option<&'a [u8]>,
    data: Cow<'a, [u8]>,
    span: Option<Range<usize>>,
    pub kind: FrameKind,
    /// False only for what the end of the stream has cut off, see [`Framer::finish`].
    pub is_terminated: bool,
}

impl Frame<'_> {
    /// The upstream's own bytes, comments and blank line included, without those that
    /// [`Framer::take_partial`] has given away before. Shared, not copied.
    pub fn raw(&self) -> Bytes {
        self.source.slice_ref(self.bytes.get(self.released..).unwrap_or_default())
    }

    /// Where `raw` stands in the chunk pushed last, unless a part of it came with an earlier
    /// one. Frames that follow each other there can be written as one slice.
    pub fn span(&self) -> Option<Range<usize>> {
        self.span.clone()
    }

    /// Where the data stands in [`raw`](Self::raw), unless it comes in several lines.
    pub fn data_range(&self) -> Option<Range<usize>> {
        let Cow::Borrowed(data) = &self.data else { return None };
        let start = (data.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize)?;
        let start = start.checked_sub(self.released)?;
        Some(start..start + data.len())
    }

    /// Bytes of this frame that were given away before it was complete.
    pub fn released(&self) -> usize {
        self.released
    }

    /// The value of the last `event` field.
    pub fn event(&self) -> Option<&[u8]> {
        self.event
    }

    /// The values of all `data` fields, joined with LF.
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

/// What the lines of the frame being read have said; offsets count from the frame's first byte.
#[derive(Debug, Default)]
struct Fields {
    event: Option<Range<usize>>,
    data: Option<Range<usize>>,
    more_data: Vec<Range<usize>>,
    has_comment: bool,
    has_field: bool,
}

/// Cuts a byte stream into frames.
#[derive(Debug)]
pub struct Framer {
    limit: usize,
    chunk: Bytes,
    /// Index in `chunk` of the first byte that belongs to no finished frame.
    start: usize,
    /// Index in `chunk` up to which lines have been read.
    at: usize,
    /// Line ends found ahead and not read yet: bit n is byte `block` + n of `chunk`.
    ends: u64,
    block: usize,
    /// Index in `chunk` up to which line ends have been looked for.
    searched: usize,
    /// The current frame's bytes from earlier chunks.
    held: Vec<u8>,
    /// Offset in the frame where the line being read starts.
    line_start: usize,
    /// Bytes at the frame's start that belong to no line: the LF of a CRLF cut in two.
    prefix: usize,
    fields: Fields,
    /// The last byte of the chunk before was a CR.
    after_cr: bool,
    /// Bytes of a byte order mark seen so far; nothing once the stream's start is behind us.
    bom: Option<usize>,
    /// Bytes of the current frame given away by `take_partial`.
    released: usize,
    /// The newest chunk's share of `held`, for giving away without a copy.
    newest: Bytes,
    /// The frame finished last, if it was cut by a chunk border.
    joined: Bytes,
    /// Bytes of finished frames.
    consumed: usize,
}

impl Framer {
    /// A frame longer than `limit` bytes is an error.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            chunk: Bytes::new(),
            start: 0,
            at: 0,
            ends: 0,
            block: 0,
            searched: 0,
            held: Vec::new(),
            line_start: 0,
            prefix: 0,
            fields: Fields::default(),
            after_cr: false,
            bom: Some(0),
            released: 0,
            newest: Bytes::new(),
            joined: Bytes::new(),
            consumed: 0,
        }
    }

    /// Take the next chunk. Frames of the chunk before must have been taken with
    /// [`next`](Self::next) until there were none; those that were not are lost.
    pub fn push(&mut self, chunk: Bytes) {
        self.newest = Bytes::new();
        self.start = 0;
        self.at = 0;
        self.ends = 0;
        self.searched = 0;
        self.chunk = chunk;
        if self.bom.is_some() {
            self.skip_bom();
        }
        if self.after_cr && self.at < self.chunk.len() {
            self.after_cr = false;
            if self.chunk.get(self.at) == Some(&b'\n') {
                self.at += 1;
                self.line_start += 1;
                if self.held.len() == self.prefix {
                    self.prefix += 1;
                }
            }
        }
    }

    fn skip_bom(&mut self) {
        while let Some(seen) = self.bom {
            let Some(wanted) = BOM.get(seen) else {
                self.bom = None;
                break;
            };
            match self.chunk.get(self.at) {
                None => break,
                Some(byte) if byte == wanted => {
                    self.bom = Some(seen + 1);
                    self.at += 1;
                }
                Some(_) => {
                    // It was none: what looked like its beginning is the stream's own.
                    let from_before = seen - self.at;
                    self.held.extend_from_slice(BOM.get(..from_before).unwrap_or_default());
                    self.at = 0;
                    self.bom = None;
                }
            }
        }
        self.start = self.at;
    }

    /// The next complete frame of the chunk, if there is one.
    #[expect(clippy::should_implement_trait, reason = "an error does not end it like an iterator")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, Error> {
        if !self.joined.is_empty() {
            self.joined = Bytes::new();
        }
        loop {
            let Some(line_end) = self.line_end() else {
                self.hold()?;
                return Ok(None);
            };
            let mut next = line_end + 1;
            if self.chunk.get(line_end) == Some(&b'\r') {
                match self.chunk.get(next) {
                    Some(b'\n') => next += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            self.at = next;
            if self.read_line(line_end, next) {
                return self.finish_frame().map(Some);
            }
        }
    }

    /// Index in the chunk of the next CR or LF that no line has used.
    fn line_end(&mut self) -> Option<usize> {
        loop {
            while self.ends != 0 {
                let index = self.block + self.ends.trailing_zeros() as usize;
                self.ends &= self.ends - 1;
                if index >= self.at {
                    return Some(index);
                }
            }
            let rest = self.chunk.get(self.searched..).unwrap_or_default();
            self.block = self.searched;
            if let Some(block) = rest.first_chunk::<BLOCK>() {
                self.ends = BASELINE.any_of(block, *b"\n\r");
                self.searched += BLOCK;
            } else if rest.is_empty() {
                return None;
            } else {
                self.ends = BASELINE.any_of(&padded(rest), *b"\n\r");
                self.searched += rest.len();
            }
        }
    }

    /// Read the line that ends at `line_end` of the chunk; true if it was the blank one.
    fn read_line(&mut self, line_end: usize, next: usize) -> bool {
        if self.held.is_empty() {
            let frame = self.chunk.get(self.start..line_end).unwrap_or_default();
            let line_start = self.line_start;
            self.line_start = next - self.start;
            self.fields.read(frame, line_start)
        } else {
            let unread = self.chunk.get(self.start..next).unwrap_or_default();
            let before = self.held.len();
            self.held.extend_from_slice(unread);
            let frame = self.held.get(..before + line_end - self.start).unwrap_or_default();
            let line_start = self.line_start;
            self.start = next;
            self.line_start = self.held.len();
            self.fields.read(frame, line_start)
        }
    }

    /// Keep the unfinished end of the chunk for the next one.
    fn hold(&mut self) -> Result<(), Error> {
        let rest = self.chunk.slice(self.start.min(self.chunk.len())..);
        // An idle stream must not keep the chunk's memory.
        self.chunk = Bytes::new();
        self.start = 0;
        self.at = 0;
        self.searched = 0;
        self.held.extend_from_slice(&rest);
        if self.held.len() > PARTIAL_BYTES {
            self.newest = rest;
        }
        self.check_size(self.held.len())
    }

    fn check_size(&self, len: usize) -> Result<(), Error> {
        if len - self.prefix.min(len) > self.limit {
            return Err(Error::new(ErrorKind::TooLarge { limit: self.limit }, self.consumed));
        }
        Ok(())
    }

    fn finish_frame(&mut self) -> Result<Frame<'_>, Error> {
        let is_joined = !self.held.is_empty();
        let span = self.start..self.at;
        self.check_size(if is_joined { self.held.len() } else { span.len() })?;
        if is_joined {
            self.joined = Bytes::from(std::mem::take(&mut self.held));
        }
        self.start = self.at;
        Ok(self.frame((!is_joined).then_some(span), true))
    }

    /// The frame at `span` of the chunk, or else the joined one.
    fn frame(&mut self, span: Option<Range<usize>>, is_terminated: bool) -> Frame<'_> {
        let (source, bytes) = match &span {
            Some(span) => (&self.chunk, self.chunk.get(span.clone()).unwrap_or_default()),
            None => (&self.joined, self.joined.as_ref()),
        };
        let fields = std::mem::take(&mut self.fields);
        let data = fields.data(bytes);
        let kind = match (data.is_empty(), fields.has_field) {
            (false, _) => FrameKind::Event,
            (true, false) if fields.has_comment => FrameKind::CommentOnly,
            (true, _) => FrameKind::Empty,
        };
        self.consumed += bytes.len();
        self.line_start = 0;
        self.prefix = 0;
        let released = std::mem::take(&mut self.released);
        let event = fields.event.and_then(|range| bytes.get(range));
        Frame { source, bytes, released, event, data, span, kind, is_terminated }
    }

    /// Whether everything pushed so far belongs to finished frames, so that something of our own
    /// may be written.
    pub fn at_boundary(&self) -> bool {
        self.held.len() <= self.prefix && self.start >= self.chunk.len()
    }

    /// Whether the last byte so far is a CR, so that an LF to come would belong to its line.
    pub fn ends_in_cr(&self) -> bool {
        self.after_cr
    }

    /// Bytes held of an unfinished frame that have not been given away.
    pub fn partial_len(&self) -> usize {
        self.held.len().saturating_sub(self.released)
    }

    /// Give away the bytes of an unfinished frame, once it holds more than [`PARTIAL_BYTES`]. The
    /// framer keeps its own copy for the frame's data; the frame's `raw` will not repeat them.
    pub fn take_partial(&mut self) -> Option<Bytes> {
        if self.held.len() <= PARTIAL_BYTES || self.partial_len() == 0 {
            return None;
        }
        let unreleased = self.partial_len();
        let newest = std::mem::take(&mut self.newest);
        let bytes = if newest.len() == unreleased {
            newest
        } else {
            Bytes::copy_from_slice(self.held.get(self.released..).unwrap_or_default())
        };
        self.released = self.held.len();
        Some(bytes)
    }

    /// What is left when the stream has ended without a blank line: a frame that is not
    /// terminated, whose data counts only if it is complete. Nothing if nothing is left.
    pub fn finish(&mut self) -> Option<Frame<'_>> {
        if let Some(seen @ 1..=2) = self.bom.take() {
            self.held.extend_from_slice(BOM.get(..seen).unwrap_or_default());
        }
        let rest = self.chunk.split_off(self.start.min(self.chunk.len()));
        self.held.extend_from_slice(&rest);
        self.chunk = Bytes::new();
        self.start = 0;
        self.at = 0;
        self.newest = Bytes::new();
        if self.held.is_empty() {
            return None;
        }
        if self.line_start < self.held.len() {
            self.fields.read(&self.held, self.line_start);
        }
        self.joined = Bytes::from(std::mem::take(&mut self.held));
        Some(self.frame(None, false))
    }
}

impl Fields {
    /// Read the line of `frame` from `line_start` to its end; true if it is blank.
    fn read(&mut self, frame: &[u8], line_start: usize) -> bool {
        let line = frame.get(line_start..).unwrap_or_default();
        if line.is_empty() {
            return true;
        }
        if let Some(value) = field(line, b"data") {
            let range = frame.len() - value.len()..frame.len();
            self.has_field = true;
            if self.data.is_none() {
                self.data = Some(range);
            } else {
                self.more_data.push(range);
            }
        } else if let Some(value) = field(line, b"event") {
            self.has_field = true;
            self.event = Some(frame.len() - value.len()..frame.len());
        } else if line.starts_with(b":") {
            self.has_comment = true;
        } else {
            self.has_field = true;
        }
        false
    }

    fn data<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let get = |range: &Range<usize>| bytes.get(range.clone()).unwrap_or_default();
        let Some(first) = &self.data else { return Cow::Borrowed(&[]) };
        if self.more_data.is_empty() {
            return Cow::Borrowed(get(first));
        }
        let lines: Vec<&[u8]> = std::iter::once(first).chain(&self.more_data).map(get).collect();
        Cow::Owned(lines.join(&b'\n'))
    }
}

/// The value of the field called `name`, if this is its line.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    match rest.split_first() {
        None => Some(rest),
        Some((b':', value)) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        Some(_) => None,
    }
}
