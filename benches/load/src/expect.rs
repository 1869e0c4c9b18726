//! Byte-for-byte comparison of an answer with the one that is due, while it arrives. Send times in
//! deltas are the only bytes that may differ; each is read as the age of its delta.

use std::ops::Range;

use crate::answers::{Format, STAMP_LEN, Stream, json};

/// Stands for any byte in an answer that is given as a file.
const ANY: u8 = 1;

/// The answer that is due.
pub(crate) struct Expected {
    bytes: Vec<u8>,
    /// Start of every send time, ascending.
    stamps: Vec<usize>,
    /// End of every event, ascending; empty for a JSON answer.
    event_ends: Vec<usize>,
    /// Some bytes are `ANY`.
    has_any: bool,
}

impl Expected {
    /// An answer as it is, but for its bytes `ANY`.
    pub(crate) fn template(bytes: Vec<u8>, is_stream: bool) -> Self {
        let ends = memchr::memmem::find_iter(&bytes, b"\n\n").map(|at| at + 2);
        let event_ends = if is_stream { ends.collect() } else { Vec::new() };
        let has_any = bytes.contains(&ANY);
        Self { bytes, stamps: Vec::new(), event_ends, has_any }
    }

    fn is_due(&self, due: &[u8], got: &[u8]) -> bool {
        due == got || self.has_any && due.iter().zip(got).all(|(d, g)| d == g || *d == ANY)
    }

    pub(crate) fn json(format: Format) -> Self {
        Self::template(json(format).into_bytes(), false)
    }

    pub(crate) fn stream(format: Format, deltas: usize) -> Self {
        let stream = Stream::new(format, deltas);
        let mut expected = Self::template(Vec::new(), true);
        for event in &stream.opening {
            expected.push_event(event, None);
        }
        for _ in 0..deltas {
            expected.push_event(&stream.delta, Some(&stream.stamp));
        }
        for event in &stream.closing {
            expected.push_event(event, None);
        }
        expected
    }

    fn push_event(&mut self, event: &str, stamp: Option<&Range<usize>>) {
        if let Some(stamp) = stamp {
            self.stamps.push(self.bytes.len() + stamp.start);
        }
        self.bytes.extend_from_slice(event.as_bytes());
        self.event_ends.push(self.bytes.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_stream(&self) -> bool {
        !self.event_ends.is_empty()
    }

    fn events_before(&self, position: usize) -> usize {
        self.event_ends.partition_point(|&end| end <= position)
    }
}

/// How far one answer has been compared.
#[derive(Default)]
pub(crate) struct Progress {
    position: usize,
    /// Deltas whose send time has arrived.
    pub(crate) deltas: usize,
    stamp: u64,
}

impl Progress {
    /// Compares the next bytes; `age` is given the send time of each delta that is not zero.
    /// The error says where and what differed.
    pub(crate) fn feed(
        &mut self,
        expected: &Expected,
        input: &[u8],
        mut age: impl FnMut(u64),
    ) -> Result<(), String> {
        let mut rest = input;
        while !rest.is_empty() {
            let stamp = expected.stamps.get(self.deltas).copied().unwrap_or(expected.len());
            if self.position < stamp {
                let run = rest.len().min(stamp - self.position);
                let due = &expected.bytes[self.position..self.position + run];
                if !expected.is_due(due, &rest[..run]) {
                    return Err(self.difference(expected, due, rest));
                }
                self.position += run;
                rest = &rest[run..];
            } else if stamp == expected.len() {
                return Err(Self::too_long(expected, rest));
            } else {
                rest = self.read_stamp(expected, stamp, rest)?;
                if self.position == stamp + STAMP_LEN {
                    self.deltas += 1;
                    if self.stamp != 0 {
                        age(self.stamp);
                    }
                    self.stamp = 0;
                }
            }
        }
        Ok(())
    }

    fn read_stamp<'a>(
        &mut self,
        expected: &Expected,
        start: usize,
        input: &'a [u8],
    ) -> Result<&'a [u8], String> {
        let run = input.len().min(start + STAMP_LEN - self.position);
        let (digits, rest) = input.split_at(run);
        for digit in digits {
            if !digit.is_ascii_digit() {
                return Err(self.difference(expected, b"a send time", input));
            }
            self.stamp = self.stamp.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        }
        self.position += run;
        Ok(rest)
    }

    /// Whether the whole answer has come; the error says what is missing.
    pub(crate) fn finish(&self, expected: &Expected) -> Result<(), String> {
        if self.position == expected.len() {
            return Ok(());
        }
        let (got, due) = (self.position, expected.len());
        if !expected.is_stream() {
            return Err(format!("short answer: {got} of {due} bytes"));
        }
        let (events, all) = (expected.events_before(got), expected.event_ends.len());
        Err(format!("short stream: {events} of {all} events, {got} of {due} bytes"))
    }

    fn difference(&self, expected: &Expected, due: &[u8], got: &[u8]) -> String {
        let same = due.iter().zip(got).take_while(|(a, b)| a == b || **a == ANY).count();
        let from = same.saturating_sub(16);
        format!(
            "wrong byte at {} (event {}): expected `{}`, got `{}`",
            self.position + same,
            expected.events_before(self.position + same) + 1,
            excerpt(&due[from..]),
            excerpt(&got[from.min(got.len())..]),
        )
    }

    fn too_long(expected: &Expected, got: &[u8]) -> String {
        format!("answer goes on after its {} bytes: `{}`", expected.len(), excerpt(got))
    }
}

/// The first bytes as text fit for a report.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed_in(
        pieces: usize,
        bytes: &[u8],
        due: &Expected,
    ) -> (Progress, Vec<u64>, Option<String>) {
        let (mut progress, mut ages) = (Progress::default(), Vec::new());
        for piece in bytes.chunks(pieces) {
            if let Err(reason) = progress.feed(due, piece, |stamp| ages.push(stamp)) {
                return (progress, ages, Some(reason));
            }
        }
        (progress, ages, None)
    }

    fn stamped(due: &Expected) -> Vec<u8> {
        let mut bytes = due.bytes.clone();
        for (count, &at) in due.stamps.iter().enumerate() {
            bytes[at..at + STAMP_LEN].copy_from_slice(format!("{:020}", count + 7).as_bytes());
        }
        bytes
    }

    #[test]
    fn streams_are_equal_at_every_piece_size_and_give_their_send_times() {
        let due = Expected::stream(Format::AnthropicMessages, 3);
        let bytes = stamped(&due);
        for pieces in 1..bytes.len() {
            let (progress, ages, error) = feed_in(pieces, &bytes, &due);
            assert_eq!((error, ages, progress.deltas), (None, vec![7, 8, 9], 3));
            assert_eq!(progress.finish(&due), Ok(()));
        }
    }

    #[test]
    fn any_changed_byte_is_found() {
        let due = Expected::stream(Format::OpenaiChat, 2);
        let bytes = stamped(&due);
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] = b'~';
            assert!(feed_in(64, &wrong, &due).2.is_some(), "byte {at}");
        }
    }

    #[test]
    fn any_byte_may_stand_where_a_template_says_so() {
        let due = Expected::template(b"{\"id\":\"\x01\x01\",\"n\":1}".to_vec(), false);
        for (answer, is_right) in [
            (&b"{\"id\":\"ab\",\"n\":1}"[..], true),
            (b"{\"id\":\"zz\",\"n\":1}", true),
            (b"{\"id\":\"ab\",\"n\":2}", false),
            (b"{\"id\":\"abc\",\"n\":1}", false),
        ] {
            let (progress, _, error) = feed_in(5, answer, &due);
            assert_eq!(error.is_none() && progress.finish(&due).is_ok(), is_right);
        }
    }

    #[test]
    fn short_and_long_answers_are_told() {
        let due = Expected::stream(Format::OpenaiChat, 2);
        let bytes = stamped(&due);
        let (progress, _, _) = feed_in(64, &bytes[..bytes.len() - 1], &due);
        let reason = progress.finish(&due).err().unwrap_or_default();
        assert!(reason.starts_with("short stream: 5 of 6 events"), "{reason}");
        let longer = [bytes.as_slice(), b"x"].concat();
        assert!(feed_in(64, &longer, &due).2.is_some());
    }
}
