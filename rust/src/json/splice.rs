//! Replacing top-level members without touching the bytes around them.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use super::body::{Body, Cursor};
use super::scan::Object;
use super::write::push_string;

/// One change to an object. Changes of one call must not overlap; of two that do, the one that
/// starts later in the body is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Give a member this value, in its place if it is there, else right behind the `{`.
    Set { name: Cow<'static, str>, value: Bytes },
    /// Remove a member and exactly one comma beside it; nothing if it is absent.
    Delete { name: Cow<'static, str> },
    /// Put other bytes in place of a range of the body; an empty range inserts.
    Range { range: Range<usize>, value: Bytes },
}

impl Edit {
    pub fn set(name: &'static str, value: impl Into<Bytes>) -> Self {
        Self::Set { name: Cow::Borrowed(name), value: value.into() }
    }

    pub fn delete(name: &'static str) -> Self {
        Self::Delete { name: Cow::Borrowed(name) }
    }
}

/// The edited body as pieces to write one after the other. Untouched bytes are shared, not copied.
pub fn splice(body: &Body, object: &Object, edits: &[Edit]) -> Vec<Bytes> {
    let mut cuts = cuts(object, edits);
    cuts.sort_by_key(|(range, _)| (range.start, range.end));
    let mut out = Vec::with_capacity(body.parts().len() + 2 * cuts.len());
    let mut cursor = Cursor::new(body);
    let mut at = 0;
    for (range, value) in cuts {
        if range.start < at {
            continue;
        }
        cursor.copy(at..range.start, &mut out);
        if !value.is_empty() {
            out.push(value);
        }
        at = range.end;
    }
    cursor.copy(at..body.len(), &mut out);
    out
}

/// The edits as ranges with the bytes that take their place.
fn cuts(object: &Object, edits: &[Edit]) -> Vec<(Range<usize>, Bytes)> {
    let mut cuts = Vec::new();
    let mut inserted = Vec::new();
    let is_deleted = |name: &[u8]| {
        edits.iter().any(|e| matches!(e, Edit::Delete { name: n } if n.as_bytes() == name))
    };
    let kept: Vec<bool> = object.members().iter().map(|m| !is_deleted(object.name(m))).collect();
    for edit in edits {
        match edit {
            Edit::Set { name, value } => {
                if let Some(member) = object.get(name) {
                    cuts.push((member.value.clone(), value.clone()));
                } else {
                    push_string(&mut inserted, name);
                    inserted.push(b':');
                    inserted.extend_from_slice(value);
                    inserted.push(b',');
                }
            }
            Edit::Delete { .. } => {}
            Edit::Range { range, value } => cuts.push((range.clone(), value.clone())),
        }
    }
    if !inserted.is_empty() {
        if !kept.contains(&true) {
            inserted.pop();
        }
        cuts.push((object.inside()..object.inside(), inserted.into()));
    }
    deletions(object, &kept, &mut cuts);
    cuts
}

/// One cut for each run of deleted members, commas included.
fn deletions(object: &Object, kept: &[bool], cuts: &mut Vec<(Range<usize>, Bytes)>) {
    let members = object.members();
    let mut last_kept: Option<usize> = None;
    let mut run: Option<usize> = None;
    for (member, is_kept) in members.iter().zip(kept) {
        if !is_kept {
            run.get_or_insert(member.key.start);
            continue;
        }
        if let Some(start) = run.take() {
            cuts.push((start..member.key.start, Bytes::new()));
        }
        last_kept = Some(member.value.end);
    }
    // A run at the end takes the comma before it, if a member is left there.
    if let (Some(start), Some(last)) = (run, members.last()) {
        cuts.push((last_kept.unwrap_or(start)..last.value.end, Bytes::new()));
    }
}
