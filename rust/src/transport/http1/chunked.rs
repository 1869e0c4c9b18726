//! Chunked bodies (RFC 9112, 7.1), decoded within the buffer that they were read into: what several
//! chunks hold is moved together, so that a burst of small chunks becomes one piece.

use bytes::{Buf, Bytes, BytesMut};

use super::Invalid;

/// Extensions and trailers mean nothing to us; more of them than this is an attack.
const MAX_IGNORED_BYTES: usize = 16 * 1024;
const MAX_SIZE_DIGITS: u8 = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the digits of a size, of which so many were read.
    Size(u8),
    /// Behind the digits, before CR or a semicolon.
    AfterSize,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a trailer or of the last line.
    EndCr,
    Trailer,
    TrailerLf,
    EndLf,
    Done,
    /// What came is no chunk; what came before it is good.
    Broken,
}

/// What was read of a chunked body so far.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    /// Of the present chunk.
    left: u64,
    ignored: usize,
}

impl Default for Chunked {
    fn default() -> Self {
        Self { state: State::Size(0), left: 0, ignored: 0 }
    }
}

impl Chunked {
    /// The last chunk and the trailers behind it were read.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes the body's bytes out of `input`, all but what lies behind its end. `None`: it holds
    /// nothing but framing.
    pub(super) fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Bytes>, Invalid> {
        let mut read = 0;
        // What was found of the body so far lies here, the first of it where it came in.
        let mut found = 0..0;
        while !matches!(self.state, State::Done | State::Broken) {
            if self.state == State::Data {
                let have = (input.len() - read) as u64;
                if have == 0 {
                    break;
                }
                #[expect(clippy::cast_possible_truncation, reason = "at most what is in memory")]
                let take = self.left.min(have) as usize;
                if found.is_empty() {
                    found = read..read + take;
                } else {
                    input.copy_within(read..read + take, found.end);
                    found.end += take;
                }
                read += take;
                self.left -= take as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            let Some(byte) = input.get(read) else { break };
            self.state = self.step(*byte).unwrap_or(State::Broken);
            if self.state == State::Broken {
                break;
            }
            read += 1;
        }
        let size = found.len();
        if size == 0 && self.state == State::Broken {
            return Err(Invalid);
        }
        if size == 0 {
            input.advance(read);
            return Ok(None);
        }
        input.advance(found.start);
        let out = input.split_to(size).freeze();
        input.advance(read - found.end);
        Ok(Some(out))
    }

    /// Where one byte of framing leads.
    fn step(&mut self, byte: u8) -> Result<State, Invalid> {
        Ok(match (self.state, byte) {
            (State::Size(digits), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                if digits == MAX_SIZE_DIGITS {
                    return Err(Invalid);
                }
                let digit = (byte as char).to_digit(16).ok_or(Invalid)?;
                self.left = self.left << 4 | u64::from(digit);
                State::Size(digits + 1)
            }
            (State::Size(1..) | State::AfterSize, b' ' | b'\t') => self.ignore(State::AfterSize)?,
            (State::Size(1..) | State::AfterSize | State::Extension, b'\r') => State::SizeLf,
            (State::SizeLf, b'\n') if self.left == 0 => State::EndCr,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size(0),
            (State::EndCr, b'\r') => State::EndLf,
            (State::EndLf, b'\n') => State::Done,
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::TrailerLf, b'\n') => State::EndCr,
            (State::Extension | State::EndCr | State::Trailer, b'\n') => return Err(Invalid),
            (State::Size(1..) | State::AfterSize, b';') | (State::Extension, _) => {
                self.ignore(State::Extension)?
            }
            (State::EndCr | State::Trailer, _) => self.ignore(State::Trailer)?,
            _ => return Err(Invalid),
        })
    }

    fn ignore(&mut self, next: State) -> Result<State, Invalid> {
        self.ignored += 1;
        if self.ignored > MAX_IGNORED_BYTES { Err(Invalid) } else { Ok(next) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The body in `pieces`, and what lies behind its end.
    fn decoded(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool, Vec<u8>), Invalid> {
        let (mut chunked, mut input, mut out) = (Chunked::default(), BytesMut::new(), Vec::new());
        for piece in pieces {
            input.extend_from_slice(piece);
            while let Some(part) = chunked.decode(&mut input)? {
                out.extend_from_slice(&part);
            }
        }
        Ok((out, chunked.is_done(), input.to_vec()))
    }

    #[test]
    fn chunks_side_by_side_become_one_piece() {
        let mut input = BytesMut::from(&b"3\r\nabc\r\n2;x=y\r\nde\r\n1 \r\nf\r\n0\r\n\r\nrest"[..]);
        let mut chunked = Chunked::default();
        let out = chunked.decode(&mut input).unwrap_or_default();
        assert_eq!(out.as_deref(), Some(&b"abcdef"[..]));
        assert!(chunked.is_done());
        assert_eq!(&input[..], b"rest");
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        let long = format!("5;{}\r\n", "x".repeat(MAX_IGNORED_BYTES));
        let trailers = format!("0\r\nx: {}\r\n\r\n", "y".repeat(MAX_IGNORED_BYTES));
        for text in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "0x5\r\nabcde\r\n",
            "5\nabcde\r\n",
            "5\r\nabcdeX",
            "5\r\nabcde\n",
            "5 5\r\n",
            "11111111111111111\r\n",
            "0\r\n\n",
            long.as_str(),
            trailers.as_str(),
        ] {
            assert!(decoded(&[text.as_bytes()]).is_err(), "{text:.40}");
        }
    }

    #[test]
    fn what_came_before_a_bad_chunk_is_good() {
        let (mut input, mut chunked) = (BytesMut::from(&b"3\r\nabc\r\nx"[..]), Chunked::default());
        let first = chunked.decode(&mut input).unwrap_or_default();
        assert_eq!(first.as_deref(), Some(&b"abc"[..]));
        assert!(chunked.decode(&mut input).is_err());
    }

    #[test]
    fn an_unfinished_body_is_not_done() {
        for text in ["", "5", "5\r\nabc", "5\r\nabcde\r\n", "0\r\n", "0\r\nx: y\r\n", "0\r\n\r"] {
            let (_, is_done, rest) = decoded(&[text.as_bytes()]).unwrap_or_default();
            assert!(!is_done && rest.is_empty(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_body(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..12),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
            tail in prop::collection::vec(any::<u8>(), 0..8),
        ) {
            let mut text = Vec::new();
            for chunk in &chunks {
                text.extend_from_slice(format!("{:X};e=1\r\n", chunk.len()).as_bytes());
                text.extend_from_slice(chunk);
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(b"000\r\nx-trailer: y\r\n\r\n");
            text.extend_from_slice(&tail);
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            let (out, is_done, rest) = decoded(&pieces).unwrap_or_default();
            prop_assert_eq!(out, chunks.concat());
            prop_assert!(is_done);
            prop_assert_eq!(rest, tail);
        }

        #[test]
        fn nothing_panics(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decoded(&[&text]);
        }
    }
}
