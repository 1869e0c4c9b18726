//! A whole answer, folded out of its events.

use super::{Delta, Event, Opened, Stop, StopReason, Usage};
use crate::json::Escaped;

/// One part of a whole answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    Text {
        text: Vec<u8>,
        citations: Vec<Vec<u8>>,
    },
    Refusal {
        text: Vec<u8>,
    },
    Reasoning {
        text: Vec<u8>,
        seal: Option<Vec<u8>>,
    },
    Redacted {
        seal: Vec<u8>,
    },
    /// `input` is the content of a JSON string that holds JSON text.
    Call {
        id: String,
        name: String,
        input: Vec<u8>,
    },
    Opaque {
        kind: String,
        raw: Vec<u8>,
    },
}

/// A whole answer. Texts are contents of JSON strings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    pub id: Option<Vec<u8>>,
    pub pieces: Vec<Piece>,
    pub stop: Stop<'static>,
    pub usage: Usage,
}

impl Answer {
    /// About how long its texts are.
    pub fn text_bytes(&self) -> usize {
        let bytes = |piece: &Piece| match piece {
            Piece::Text { text, .. } | Piece::Refusal { text } => text.len(),
            Piece::Reasoning { text, seal } => text.len() + seal.as_ref().map_or(0, Vec::len),
            Piece::Redacted { seal } => seal.len(),
            Piece::Call { input, .. } => input.len(),
            Piece::Opaque { .. } => 0,
        };
        self.pieces.iter().map(bytes).sum()
    }
}

/// Gathers events into an answer.
#[derive(Debug, Default)]
pub struct Fold {
    answer: Answer,
    /// The part number of each piece that is not closed.
    parts: Vec<Option<u32>>,
    has_stopped: bool,
}

impl Fold {
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Start { id, usage } => {
                self.answer.id = id.as_ref().map(|id| id.as_bytes().to_vec());
                self.answer.usage = *usage;
            }
            Event::Open { part, opened } => {
                self.parts.push(Some(*part));
                self.answer.pieces.push(piece(opened));
            }
            Event::Delta { part, delta } => self.delta(*part, delta),
            Event::Close { part } => {
                for known in self.parts.iter_mut().filter(|known| **known == Some(*part)) {
                    *known = None;
                }
            }
            Event::Usage(usage) => self.answer.usage = *usage,
            Event::Stop(stop) => {
                if !std::mem::replace(&mut self.has_stopped, true) {
                    self.answer.stop = owned(stop);
                }
            }
        }
    }

    pub fn finish(self) -> Answer {
        self.answer
    }

    fn delta(&mut self, part: u32, delta: &Delta<'_>) {
        let index = self.parts.iter().rposition(|known| *known == Some(part));
        let Some(piece) = index.and_then(|index| self.answer.pieces.get_mut(index)) else { return };
        match (piece, delta) {
            (
                Piece::Text { text, .. } | Piece::Refusal { text } | Piece::Reasoning { text, .. },
                Delta::Text(more),
            ) => text.extend_from_slice(more.as_bytes()),
            (Piece::Reasoning { seal, .. }, Delta::Seal(value)) => {
                *seal = Some(value.as_bytes().to_vec());
            }
            (Piece::Call { input, .. }, Delta::Input(more)) => {
                input.extend_from_slice(more.as_bytes());
            }
            (Piece::Text { citations, .. }, Delta::Citation(raw)) => citations.push(raw.to_vec()),
            _ => {}
        }
    }
}

fn piece(opened: &Opened<'_>) -> Piece {
    match opened {
        Opened::Text => Piece::Text { text: Vec::new(), citations: Vec::new() },
        Opened::Refusal => Piece::Refusal { text: Vec::new() },
        Opened::Reasoning => Piece::Reasoning { text: Vec::new(), seal: None },
        Opened::Redacted { seal } => Piece::Redacted { seal: seal.as_bytes().to_vec() },
        Opened::Call { id, name } => {
            Piece::Call { id: id.to_string(), name: name.to_string(), input: Vec::new() }
        }
        Opened::Opaque { kind, raw } => Piece::Opaque { kind: kind.to_string(), raw: raw.to_vec() },
    }
}

fn owned(stop: &Stop<'_>) -> Stop<'static> {
    let text = |text: &Option<Escaped<'_>>| text.clone().map(Escaped::into_owned);
    Stop {
        reason: stop.reason,
        sequence: text(&stop.sequence),
        explanation: text(&stop.explanation),
    }
}

impl StopReason {
    /// The reason that holds, given whether the answer calls tools: some services say that they
    /// stopped although they called, and the other way round.
    #[must_use]
    pub fn settled(self, has_calls: bool) -> Self {
        match (self, has_calls) {
            (Self::End | Self::Sequence, true) => Self::Calls,
            (Self::Calls, false) => Self::End,
            (reason, _) => reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_decide_the_stop_reason() {
        assert_eq!(StopReason::End.settled(true), StopReason::Calls);
        assert_eq!(StopReason::Calls.settled(false), StopReason::End);
        assert_eq!(StopReason::MaxOutput.settled(true), StopReason::MaxOutput);
        assert_eq!(StopReason::Refusal.settled(false), StopReason::Refusal);
    }
}
