//! What translating to and from a format needs of it.

use std::fmt;

use crate::canonical::{Event, Losses, Tool, ToolKind};
use crate::json::{Escaped, Node};

/// Why a request cannot be understood, for the client: the member and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct BadRequest {
    pub place: String,
    pub reason: &'static str,
}

impl BadRequest {
    pub(super) fn new(place: impl fmt::Display, reason: &'static str) -> Self {
        Self { place: place.to_string(), reason }
    }
}

/// What names of tools, and ids, are made of everywhere.
pub(super) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Where the user is, as far as a hosted search of the web was told.
pub(super) struct Search<'a> {
    pub(super) place: Vec<(&'static str, Escaped<'a>)>,
}

impl<'a> Search<'a> {
    /// The search that `tool` is, if it is one; what it says beyond a place is a loss.
    pub(super) fn read(tool: &Tool<'a>, losses: &mut Losses) -> Option<Self> {
        let is_search =
            matches!(&tool.kind, ToolKind::Hosted(kind) if kind.starts_with("web_search"));
        let fields = Node::read(tool.raw).filter(|_| is_search)?.members();
        for name in ["allowed_domains", "blocked_domains"] {
            if fields.get(name).is_some_and(|list| !list.elements().is_empty()) {
                losses.semantic(name);
            }
        }
        let place = fields.get("user_location").map(Node::members).unwrap_or_default();
        let place = place.get("approximate").map_or(place, Node::members);
        let known = ["city", "region", "country", "timezone"];
        let place = known.into_iter().filter_map(|name| Some((name, place.string(name)?)));
        Some(Self { place: place.collect() })
    }
}

/// The tools that a client runs itself. Those that a vendor runs are lost: no other has them.
pub(super) fn run_by_client<'r, 'a: 'r>(
    tools: impl Iterator<Item = &'r Tool<'a>>,
    losses: &mut Losses,
) -> Vec<&'r Tool<'a>> {
    tools
        .filter(|tool| match &tool.kind {
            ToolKind::Hosted(kind) => {
                losses.semantic(kind.clone().into_owned());
                false
            }
            _ => true,
        })
        .collect()
}

/// What reasoning begins with that was sealed here, on its way through a client of another format.
pub const SEAL_MARK: &str = "cg1.";

/// A second way to say the same, where the first was refused for the reasoning in its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rescue {
    /// The API is asked to leave out what it cannot read.
    DropUnreadable,
    /// No reasoning is sent.
    WithoutReasoning,
}

/// What a format demands of turns and tools.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent demands")]
pub struct Rules {
    /// User and assistant take turns, and results stand first in the user's.
    pub alternates: bool,
    /// The first turn is the user's.
    pub begins_with_user: bool,
    /// Text of white space alone is refused.
    pub refuses_blank_text: bool,
    /// No two calls of a request may have the same id.
    pub has_unique_ids: bool,
    /// Where system turns may stand behind the first turn.
    pub late_system: LateSystem,
    /// Reasoning is taken back with its seal only, and shown with one.
    pub needs_seal: bool,
    /// A final turn of the assistant is continued.
    pub takes_prefill: bool,
    /// Stop sequences that one request may have.
    pub most_stops: usize,
    /// Whether a byte may stand in a call's id; nothing allows any.
    pub is_id_byte: Option<fn(u8) -> bool>,
    pub id_bytes: usize,
    /// Whether a byte may stand in a tool's name.
    pub is_name_byte: fn(u8) -> bool,
    pub name_bytes: usize,
}

/// Where a format lets system turns stand behind the first turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateSystem {
    Anywhere,
    AfterUser,
    Never,
}

/// What an answer in a client's format is written with.
#[derive(Debug, Clone, Default)]
pub struct AnswerContext {
    /// The model as the client named it.
    pub model: String,
    /// An id of our own, where the upstream gave none.
    pub id: String,
    /// Seconds since 1970.
    pub created: u64,
    /// The client asked for usage at the end of its stream.
    pub wants_usage: bool,
    /// Tokens of the prompt as far as they can be guessed, until the upstream tells.
    pub estimated_input: u64,
}

/// Receives events one after the other.
pub type Sink<'s> = dyn FnMut(Event<'_>) + 's;

/// Reads an answer into events.
pub trait EventDecoder: Send {
    /// The data of the next frame; whether it is JSON.
    fn frame(&mut self, event: Option<&[u8]>, data: &[u8], sink: &mut Sink<'_>) -> bool;

    /// The stream has come to its end: close what is open.
    fn finish(&mut self, sink: &mut Sink<'_>);
}

/// Writes events as a stream in a client's format.
pub trait EventEncoder: Send {
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>);

    /// The frames that end a stream which came to a good end.
    fn finish(&mut self, out: &mut Vec<u8>);
}
