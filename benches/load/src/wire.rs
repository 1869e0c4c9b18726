//! HTTP/1.1 framing without I/O: heads of requests and responses, and bodies by length or chunked.

const MAX_HEADERS: usize = 96;

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    /// The body lasts until the connection closes.
    UntilClose,
}

/// What a message head says, as far as the benches need it.
#[derive(Debug)]
pub(crate) struct Head {
    /// Bytes of the head, the empty line included.
    pub(crate) len: usize,
    /// Status of a response, 0 for a request.
    pub(crate) status: u16,
    pub(crate) framing: Framing,
    pub(crate) keep_alive: bool,
    pub(crate) is_event_stream: bool,
    pub(crate) expects_continue: bool,
}

impl Head {
    fn new(len: usize, status: u16, headers: &[httparse::Header<'_>], silent: Framing) -> Self {
        let mut head = Self {
            len,
            status,
            framing: silent,
            keep_alive: true,
            is_event_stream: false,
            expects_continue: false,
        };
        for header in headers {
            let (name, value) = (header.name, header.value);
            if name.eq_ignore_ascii_case("content-length") {
                let length = std::str::from_utf8(value).ok().and_then(|v| v.trim().parse().ok());
                if let Some(length) = length {
                    head.framing = Framing::Length(length);
                }
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                head.framing = Framing::Chunked;
            } else if name.eq_ignore_ascii_case("connection") {
                head.keep_alive = !value.eq_ignore_ascii_case(b"close");
            } else if name.eq_ignore_ascii_case("content-type") {
                head.is_event_stream = value.starts_with(b"text/event-stream");
            } else if name.eq_ignore_ascii_case("expect") {
                head.expects_continue = true;
            }
        }
        head
    }
}

/// Reads a response head; `None` while it is incomplete.
pub(crate) fn response_head(bytes: &[u8]) -> Result<Option<Head>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(len) = response.parse(bytes)? else {
        return Ok(None);
    };
    let status = response.code.unwrap_or(0);
    Ok(Some(Head::new(len, status, response.headers, Framing::UntilClose)))
}

/// Reads a request head and hands its method and path to `target`; `None` while incomplete.
pub(crate) fn request_head<T>(
    bytes: &[u8],
    target: impl FnOnce(&str, &str) -> T,
) -> Result<Option<(Head, T)>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(len) = request.parse(bytes)? else {
        return Ok(None);
    };
    let found = target(request.method.unwrap_or(""), request.path.unwrap_or(""));
    Ok(Some((Head::new(len, 0, request.headers, Framing::Length(0)), found)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Size(u64),
    /// A chunk extension, legal and without meaning here, after this size.
    Extension(u64),
    Data(u64),
    DataEnd,
    /// Bytes seen on the current trailer line.
    Trailer(u64),
    UntilClose,
    Done,
}

/// Where one body stands.
pub(crate) struct Body {
    part: Part,
    is_chunked: bool,
}

impl Body {
    pub(crate) fn new(framing: Framing) -> Self {
        let part = match framing {
            Framing::Length(0) => Part::Done,
            Framing::Length(length) => Part::Data(length),
            Framing::Chunked => Part::Size(0),
            Framing::UntilClose => Part::UntilClose,
        };
        Self { part, is_chunked: framing == Framing::Chunked }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.part == Part::Done
    }

    /// Whether the end of the connection ends this body well.
    pub(crate) fn may_close(&self) -> bool {
        matches!(self.part, Part::Done | Part::UntilClose)
    }

    /// Bytes that are certain to be content, without framing between them.
    pub(crate) fn plain_run(&self) -> u64 {
        if let Part::Data(left) = self.part { left } else { 0 }
    }

    /// Counts content that was taken off the connection elsewhere; at most `plain_run` bytes.
    pub(crate) fn skip(&mut self, count: u64) {
        if let Part::Data(left) = self.part {
            self.part = self.after_data(left.saturating_sub(count));
        }
    }

    /// Passes the content in `input` to `sink`; returns how much of `input` belongs to this body,
    /// or `None` when the chunked framing is broken.
    pub(crate) fn feed(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> Option<usize> {
        let mut rest = input;
        while let Some(&byte) = rest.first() {
            match self.part {
                Part::Done => break,
                Part::UntilClose => {
                    sink(rest);
                    rest = &[];
                }
                Part::Data(left) => {
                    let run = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let (data, after) = rest.split_at(run);
                    sink(data);
                    rest = after;
                    self.part = self.after_data(left - run as u64);
                }
                part => {
                    self.part = Self::framing_byte(part, byte)?;
                    rest = &rest[1..];
                }
            }
        }
        Some(input.len() - rest.len())
    }

    fn after_data(&self, left: u64) -> Part {
        match (left, self.is_chunked) {
            (0, true) => Part::DataEnd,
            (0, false) => Part::Done,
            _ => Part::Data(left),
        }
    }

    fn framing_byte(part: Part, byte: u8) -> Option<Part> {
        Some(match (part, byte) {
            (Part::Size(size), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16)?;
                Part::Size(size.checked_mul(16)?.checked_add(u64::from(digit))?)
            }
            (Part::Size(0) | Part::Extension(0), b'\n') => Part::Trailer(0),
            (Part::Size(size) | Part::Extension(size), b'\n') => Part::Data(size),
            (Part::Size(size), b';' | b' ' | b'\t') => Part::Extension(size),
            (Part::Extension(_), _) | (Part::Size(_) | Part::DataEnd, b'\r') => part,
            (Part::DataEnd, b'\n') => Part::Size(0),
            (Part::Trailer(0), b'\n') => Part::Done,
            (Part::Trailer(_), b'\n') => Part::Trailer(0),
            (Part::Trailer(seen), b'\r') => Part::Trailer(seen),
            (Part::Trailer(seen), _) => Part::Trailer(seen + 1),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(framing: Framing, pieces: &[&[u8]]) -> Option<(Vec<u8>, usize, bool)> {
        let mut body = Body::new(framing);
        let (mut content, mut used) = (Vec::new(), 0);
        for piece in pieces {
            used += body.feed(piece, |data| content.extend_from_slice(data))?;
        }
        Some((content, used, body.is_done()))
    }

    #[test]
    fn chunked_bodies_survive_every_split() {
        let wire = b"5\r\nhello\r\n00b;x=1\r\n, big world\r\n0\r\nt: 1\r\n\r\nNEXT";
        let body = wire.len() - 4;
        for cut in 0..=wire.len() {
            let (left, right) = wire.split_at(cut);
            let found = decode(Framing::Chunked, &[left, right]);
            assert_eq!(found, Some((b"hello, big world".to_vec(), body, true)), "cut at {cut}");
        }
    }

    #[test]
    fn bodies_by_length_stop_at_their_end() {
        let found = decode(Framing::Length(3), &[b"a", b"bcd"]);
        assert_eq!(found, Some((b"abc".to_vec(), 3, true)));
        assert!(Body::new(Framing::Length(0)).is_done());
    }

    #[test]
    fn broken_chunks_are_refused() {
        assert_eq!(decode(Framing::Chunked, &[b"zz\r\n"]), None);
        assert_eq!(decode(Framing::Chunked, &[b"1\r\nab"]), None);
        assert_eq!(decode(Framing::Chunked, &[b"ffffffffffffffffff\r\n"]), None);
    }

    #[test]
    fn heads_tell_framing_and_kind() {
        let wire = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
            Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        assert!(matches!(response_head(&wire[..20]), Ok(None)));
        let Ok(Some(head)) = response_head(wire) else { panic!("a whole head") };
        assert_eq!((head.status, head.framing, head.len), (200, Framing::Chunked, wire.len()));
        assert!(head.is_event_stream && !head.keep_alive);
    }
}
