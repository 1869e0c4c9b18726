//! Values that were found in a request so far, and where they stand without what gave them away.

use std::collections::HashMap;

use highway::{HighwayHash, HighwayHasher};

use super::category::Category;
use super::masks::{self, Pairs};
use super::scanner::Finding;

type KnownValue = (Category, Box<[u8]>);

/// Values found so far in one request.
#[derive(Default)]
pub(super) struct Known {
    /// By their first four bytes.
    by_head: HashMap<[u8; 4], Vec<KnownValue>>,
    /// One bit for each hash of four bytes, to pass over nearly all places at once.
    heads: Vec<u64>,
    /// Their first two bytes, to pass over most blocks at once.
    pairs: Pairs,
    /// Of all values in the order in which they were found.
    hash: [u64; 2],
}

impl Known {
    const HEADS: usize = 1 << 16;

    /// Names what was found so far, and in which order.
    pub(super) fn hash(&self) -> [u8; 16] {
        (u128::from(self.hash[0]) | u128::from(self.hash[1]) << 64).to_le_bytes()
    }

    pub(super) fn add(&mut self, category: Category, value: &[u8], mut hasher: HighwayHasher) {
        // The others are found by their own shape wherever they stand.
        let needs_context = matches!(
            category,
            Category::Password
                | Category::Name
                | Category::Passport
                | Category::Address
                | Category::Ssn
                | Category::ApiKey
                | Category::AwsKey
                | Category::UrlCredentials
                | Category::Phone
        );
        let Some(head) = value.first_chunk::<4>().filter(|_| needs_context) else { return };
        let bucket = self.by_head.entry(*head).or_default();
        if bucket.iter().any(|(_, known)| **known == *value) {
            return;
        }
        bucket.push((category, value.into()));
        bucket.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        if self.heads.is_empty() {
            self.heads = vec![0; Self::HEADS / 64];
        }
        let bit = Self::bit(*head);
        if let Some(word) = self.heads.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
        self.pairs.add(head[0], head[1]);
        hasher.append(&self.hash());
        hasher.append(value);
        self.hash = hasher.finalize128();
    }

    fn bit(head: [u8; 4]) -> usize {
        (u32::from_le_bytes(head).wrapping_mul(0x9E37_79B1) >> 16) as usize
    }

    /// Where known values stand in `text` as words of their own.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.heads.is_empty() {
            return found;
        }
        let mut from = 0;
        masks::starts(&self.pairs, text, |at| {
            if at >= from
                && let Some(hit) = self.at(text, at)
            {
                from = hit.end;
                found.push(hit);
            }
        });
        found
    }

    fn at(&self, text: &[u8], at: usize) -> Option<Finding> {
        let rest = text.get(at..)?;
        let head = rest.first_chunk::<4>()?;
        let bit = Self::bit(*head);
        if self.heads.get(bit / 64)? >> (bit % 64) & 1 == 0 {
            return None;
        }
        let is_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        let (category, value) = self.by_head.get(head)?.iter().find(|(_, value)| {
            rest.starts_with(value)
                && !(is_word(before) && is_word(value.first()))
                && !(is_word(rest.get(value.len())) && is_word(value.last()))
        })?;
        Some(Finding { category: *category, start: at, end: at + value.len() })
    }
}
