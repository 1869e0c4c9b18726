//! What was found in texts that were scanned before.
//!
//! Agents send their whole history with each turn. An element of it (a message, a tool) that was
//! scanned once is known by a keyed hash of its bytes and of the values that stood before it, and
//! costs no more than that hash. Only places are kept, never values.

use std::collections::HashMap;

use super::category::Category;

/// Spans that all elements of one generation may have together, plus one for each element.
const MAX_WEIGHT: usize = 64 * 1024;

/// Where a value stands in an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) category: Category,
    /// How many times it is written as a JSON string.
    pub(super) level: u8,
}

/// Two generations: what is used moves to the young one, the old one is dropped when that is full.
#[derive(Debug, Default)]
pub(super) struct Memo {
    young: HashMap<[u64; 2], Box<[Span]>>,
    old: HashMap<[u64; 2], Box<[Span]>>,
    weight: usize,
}

impl Memo {
    pub(super) fn get(&mut self, key: [u64; 2]) -> Option<Box<[Span]>> {
        if let Some(spans) = self.young.get(&key) {
            return Some(spans.clone());
        }
        let spans = self.old.remove(&key)?;
        self.put(key, spans.clone());
        Some(spans)
    }

    pub(super) fn put(&mut self, key: [u64; 2], spans: Box<[Span]>) {
        self.weight += 1 + spans.len();
        if self.weight > MAX_WEIGHT {
            self.old = std::mem::take(&mut self.young);
            self.weight = 1 + spans.len();
        }
        self.young.insert(key, spans);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g42_it_stays_bounded_and_keeps_what_is_used() {
        let mut memo = Memo::default();
        memo.put([1, 1], Box::default());
        for n in 0..200_000 {
            memo.put([0, n], Box::default());
            assert!(memo.get([1, 1]).is_some());
        }
        assert!(memo.young.len() + memo.old.len() <= 2 * MAX_WEIGHT);
        assert!(memo.get([0, 5]).is_none());
    }
}
