//! Sealed reasoning, kept for clients that drop what they do not know.
//!
//! A client whose format has no place for seals mostly loses those that came beside an answer. They
//! are kept in memory, in this process alone, under the id of the answer's first call, or else under
//! a hash of all that was said up to it: where a client changed anything before, the seals would
//! not fit any more. The newest are kept, up to a number of bytes and for two days after the last
//! use.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use highway::{HighwayHash, HighwayHasher, Key};
use parking_lot::Mutex;
use ring::hmac;

use super::{Plan, Seals, ids};
use crate::canonical::{Content, Delta, Event, Opened, Part, Request, Role, Turn};
use crate::formats::Format;
use crate::json::Escaped;

/// All that is kept, in bytes.
const STORE_BYTES: usize = 32 * 1024 * 1024;
/// Of one answer.
const ANSWER_BYTES: usize = 512 * 1024;
/// What an entry costs beside its texts.
const ENTRY_BYTES: usize = 256;
const LIFE: Duration = Duration::from_hours(48);

type Name = [u8; 16];

/// One piece of reasoning: its text, if it has one, and the seal as the client was given it. Both
/// are contents of JSON strings.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sealed {
    text: Option<Vec<u8>>,
    seal: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    pieces: Arc<[Sealed]>,
    bytes: usize,
    use_number: u64,
    used_at: Instant,
}

/// What is kept, the least recently used first to go.
#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<Name, Entry>,
    by_use: BTreeMap<u64, Name>,
    uses: u64,
    bytes: usize,
}

/// The reasoning of many answers.
#[derive(Debug, Default)]
pub(super) struct Recall(Mutex<Kept>);

impl Kept {
    fn remove(&mut self, name: &Name) -> Option<Entry> {
        let entry = self.entries.remove(name)?;
        self.by_use.remove(&entry.use_number);
        self.bytes -= entry.bytes;
        Some(entry)
    }

    fn insert(&mut self, name: Name, pieces: Arc<[Sealed]>, now: Instant) {
        self.remove(&name);
        let texts: usize =
            pieces.iter().map(|p| p.seal.len() + p.text.as_ref().map_or(0, Vec::len)).sum();
        let bytes = texts + ENTRY_BYTES;
        self.uses += 1;
        self.bytes += bytes;
        self.by_use.insert(self.uses, name);
        let entry = Entry { pieces, bytes, use_number: self.uses, used_at: now };
        self.entries.insert(name, entry);
    }

    fn drop_old(&mut self, now: Instant) {
        while let Some((_, name)) = self.by_use.first_key_value() {
            let name = *name;
            let is_old = |entry: &Entry| now.duration_since(entry.used_at) > LIFE;
            if self.bytes <= STORE_BYTES && !self.entries.get(&name).is_some_and(is_old) {
                break;
            }
            self.remove(&name);
        }
    }
}

impl Recall {
    /// Whether anything is kept at all.
    fn has_any(&self) -> bool {
        !self.0.lock().entries.is_empty()
    }

    fn put(&self, name: Name, pieces: Vec<Sealed>, now: Instant) {
        let mut kept = self.0.lock();
        kept.insert(name, pieces.into(), now);
        kept.drop_old(now);
    }

    fn get(&self, name: &Name, now: Instant) -> Option<Arc<[Sealed]>> {
        let mut kept = self.0.lock();
        kept.drop_old(now);
        let entry = kept.remove(name)?;
        kept.insert(*name, Arc::clone(&entry.pieces), now);
        Some(entry.pieces)
    }
}

/// Begins names, under a key of this installation.
pub(super) struct Namer(HighwayHasher);

impl Namer {
    pub(super) fn new(key: &hmac::Key) -> Self {
        let secret = hmac::sign(key, b"conversations");
        let mut words = secret
            .as_ref()
            .chunks_exact(8)
            .map(|chunk| chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        Self(HighwayHasher::new(Key(std::array::from_fn(|_| words.next().unwrap_or(0)))))
    }

    fn of(&self, target: Format) -> Said {
        let mut said = Said(self.0.clone());
        said.add(b'f', target.name());
        said
    }

    /// The name of an answer that calls, by its first call.
    fn of_call(&self, target: Format, id: &str) -> Name {
        let mut said = self.of(target);
        said.add(b'i', id);
        said.finish()
    }
}

/// What was said so far, as far as every client repeats it. All of a conversation goes through it
/// with each request.
#[derive(Clone)]
pub(super) struct Said(HighwayHasher);

impl Said {
    fn add(&mut self, tag: u8, text: &str) {
        self.0.append(text.as_bytes());
        self.end(tag, text.len());
    }

    /// The texts as one, however they are cut and spelled.
    fn add_texts<'e>(&mut self, tag: u8, texts: impl IntoIterator<Item = &'e Escaped<'e>>) {
        let mut len = 0;
        for text in texts {
            let text = text.settled();
            self.0.append(&text);
            len += text.len();
        }
        self.end(tag, len);
    }

    /// Behind what was added, where its length is known; read from the end, this says one thing
    /// only.
    fn end(&mut self, tag: u8, len: usize) {
        let mut end = [tag; 9];
        if let Some(place) = end.first_chunk_mut() {
            *place = (len as u64).to_be_bytes();
        }
        self.0.append(&end);
    }

    fn finish(self) -> Name {
        let [high, low] = self.0.finalize128();
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }

    fn turn(&mut self, turn: &Turn<'_>) {
        let is_assistant = turn.role == Role::Assistant;
        self.add_texts(if is_assistant { b'a' } else { b'u' }, texts(&turn.parts));
        for part in &turn.parts {
            match &part.content {
                Content::Call(call) => self.add(b'c', &call.id),
                Content::Result(result) => {
                    self.add(b'r', &result.call_id);
                    self.add_texts(b't', texts(&result.parts));
                }
                _ => {}
            }
        }
    }

    /// The name of an answer of nothing but text.
    fn name<'e>(&self, texts: impl IntoIterator<Item = &'e Escaped<'e>>) -> Name {
        let mut said = self.clone();
        said.add_texts(b'a', texts);
        said.finish()
    }
}

fn texts<'p>(parts: &'p [Part<'p>]) -> impl Iterator<Item = &'p Escaped<'p>> {
    parts.iter().filter_map(|part| match &part.content {
        Content::Text { text, .. } => Some(text),
        _ => None,
    })
}

/// Puts back what the client dropped, as it was given to it; what was refused (`is_refused`) is
/// forgotten instead. Says all that was said. Turns that have a seal keep their reasoning.
pub(super) fn remember(
    request: &mut Request<'_>,
    target: Format,
    seals: &Seals,
    is_refused: bool,
) -> Said {
    let (now, mut said) = (Instant::now(), seals.namer.of(target));
    let has_any = seals.recall.has_any();
    for turn in &mut request.turns {
        if has_any && turn.role == Role::Assistant && !turn.parts.iter().any(is_sealed) {
            let id = turn.parts.iter().find_map(|part| match &part.content {
                Content::Call(call) => Some(call.id.as_ref()),
                _ => None,
            });
            let name = match id {
                Some(id) => seals.namer.of_call(target, id),
                None => said.name(texts(&turn.parts)),
            };
            if is_refused {
                seals.recall.0.lock().remove(&name);
            } else if let Some(pieces) = seals.recall.get(&name, now) {
                turn.parts.retain(|part| !matches!(part.content, Content::Reasoning { .. }));
                turn.parts.splice(0..0, pieces.iter().map(part).collect::<Vec<_>>());
            }
        }
        said.turn(turn);
    }
    said
}

fn is_sealed(part: &Part<'_>) -> bool {
    matches!(part.content, Content::Reasoning { seal: Some(_), .. } | Content::Redacted { .. })
}

fn part<'a>(piece: &Sealed) -> Part<'a> {
    let seal = Escaped::owned(piece.seal.clone());
    Part::new(match &piece.text {
        Some(text) => Content::Reasoning { text: Escaped::owned(text.clone()), seal: Some(seal) },
        None => Content::Redacted { seal },
    })
}

/// Watches an answer go by and keeps its reasoning at its end.
#[derive(Default)]
pub(super) struct Recorder {
    pieces: Vec<Sealed>,
    /// The reasoning that is open, and the part it is.
    open: Option<(u32, Vec<u8>)>,
    texts: Vec<u32>,
    text: Escaped<'static>,
    call: Option<String>,
    bytes: usize,
}

impl Recorder {
    /// An event as the upstream gave it.
    pub(super) fn see(&mut self, event: &Event<'_>, plan: &Plan) {
        match event {
            Event::Open { part, opened: Opened::Reasoning } => self.open = Some((*part, vec![])),
            Event::Open { part, opened: Opened::Text } => self.texts.push(*part),
            Event::Open { opened: Opened::Redacted { seal }, .. } => {
                self.keep(None, seal, plan);
            }
            Event::Open { opened: Opened::Call { id, .. }, .. } if self.call.is_none() => {
                self.call = Some(ids::spelled(id, &plan.rules).into_owned());
            }
            Event::Delta { part, delta: Delta::Text(text) } => {
                self.bytes = self.bytes.saturating_add(text.as_bytes().len());
                if self.bytes > ANSWER_BYTES {
                    // A whole answer is one such delta, and must not be held once more.
                    self.text = Escaped::default();
                } else if let Some((_, thought)) =
                    self.open.as_mut().filter(|(open, _)| open == part)
                {
                    thought.extend_from_slice(text.as_bytes());
                } else if self.texts.contains(part) {
                    self.text.push(text);
                }
            }
            Event::Delta { part, delta: Delta::Seal(seal) } => {
                if let Some((_, text)) = self.open.take_if(|(open, _)| open == part) {
                    self.keep(Some(text), seal, plan);
                }
            }
            _ => {}
        }
    }

    fn keep(&mut self, text: Option<Vec<u8>>, seal: &Escaped<'_>, plan: &Plan) {
        if self.bytes > ANSWER_BYTES {
            // Too much to be kept: nothing of it is.
            self.pieces = Vec::new();
            return;
        }
        let seal = Escaped::text(&plan.seals.seal(plan.target, &seal.to_text()));
        self.bytes += seal.as_bytes().len() + ENTRY_BYTES;
        self.pieces.push(Sealed { text, seal: seal.as_bytes().to_vec() });
    }

    /// The answer has come to its good end.
    pub(super) fn finish(self, plan: &Plan, said: &Said) {
        if self.pieces.is_empty() || self.bytes > ANSWER_BYTES {
            return;
        }
        let name = match &self.call {
            Some(id) => plan.seals.namer.of_call(plan.target, id),
            None => said.name([&self.text]),
        };
        plan.seals.recall.put(name, self.pieces, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(bytes: usize) -> Vec<Sealed> {
        vec![Sealed { text: None, seal: vec![b's'; bytes] }]
    }

    fn numbered(n: u8) -> Name {
        [n; 16]
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let (recall, now) = (Recall::default(), Instant::now());
        let quarter = STORE_BYTES / 4 - ENTRY_BYTES;
        for n in 0..4 {
            recall.put(numbered(n), piece(quarter), now);
        }
        assert!(recall.get(&numbered(0), now).is_some());
        recall.put(numbered(4), piece(quarter), now);
        let left: Vec<u8> =
            (0..5).filter(|n| recall.0.lock().entries.contains_key(&numbered(*n))).collect();
        assert_eq!(left, [0, 2, 3, 4]);
        let kept = recall.0.lock();
        assert_eq!((kept.bytes, kept.by_use.len()), (STORE_BYTES, 4));
    }

    #[test]
    fn what_is_not_used_for_two_days_goes() {
        let (recall, now) = (Recall::default(), Instant::now());
        recall.put(numbered(0), piece(1), now);
        recall.put(numbered(1), piece(1), now);
        let later = now + LIFE;
        assert!(recall.get(&numbered(1), later).is_some());
        assert!(recall.get(&numbered(0), later + Duration::from_secs(1)).is_none());
        assert!(recall.get(&numbered(1), later + Duration::from_secs(1)).is_some());
        assert_eq!(recall.0.lock().entries.len(), 1);
    }

    #[test]
    fn an_answer_of_seals_without_end_takes_no_memory_without_end() {
        let goal = super::super::Goal {
            client: Format::OpenaiChat,
            target: Format::AnthropicMessages,
            model: "claude-opus-4-5",
            profile: &crate::canonical::Profile::default(),
            seals: &Arc::new(Seals::new(b"key")),
            has_reasoning: true,
            now: 0,
        };
        let body = br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
        let plan = super::super::request(&body[..].into(), &goal).unwrap().plan;
        let (mut recorder, seal) = (Recorder::default(), "s".repeat(ANSWER_BYTES / 8));
        let held =
            |recorder: &Recorder| recorder.pieces.iter().map(|p| p.seal.len()).sum::<usize>();
        for part in 0..100 {
            let opened = Opened::Redacted { seal: Escaped::text(&seal) };
            recorder.see(&Event::Open { part, opened }, &plan);
            assert!(held(&recorder) < 2 * ANSWER_BYTES, "{part}");
        }
        assert_eq!(held(&recorder), 0);
    }
}
