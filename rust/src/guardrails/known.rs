//! Values that were found in a request so far, and where they stand without what gave them away.

use std::collections::HashMap;

use highway::{HighwayHash, HighwayHasher};

use super::category::Category;
use super::masks::{self, Pairs};
use super::scanner::Finding;

/// Values of one length.
type SameLength = (usize, HashMap<Box<[u8]>, Category>);

/// Values found so far in one request.
#[derive(Default)]
pub(super) struct Known {
    /// By their first four bytes, the longest first.
    by_head: HashMap<[u8; 4], Vec<SameLength>>,
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
        let lengths = self.by_head.entry(*head).or_default();
        let place = lengths.partition_point(|(len, _)| *len > value.len());
        if lengths.get(place).is_none_or(|(len, _)| *len != value.len()) {
            lengths.insert(place, (value.len(), HashMap::new()));
        }
        let Some((_, values)) = lengths.get_mut(place) else { return };
        if values.contains_key(value) {
            return;
        }
        values.insert(value.into(), category);
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
        if is_word(before) && is_word(rest.first()) {
            return None;
        }
        self.by_head.get(head)?.iter().find_map(|(len, values)| {
            let value = rest.get(..*len)?;
            if is_word(rest.get(*len)) && is_word(value.last()) {
                return None;
            }
            let category = *values.get(value)?;
            Some(Finding { category, start: at, end: at + len })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(values: &[String]) -> Known {
        let mut known = Known::default();
        for value in values {
            known.add(Category::Password, value.as_bytes(), HighwayHasher::default());
        }
        known
    }

    #[test]
    fn the_longest_value_that_ends_a_word_is_found() {
        let values = ["pass", "pass-1", "pass-1-22", "pass", "pass-1"].map(str::to_owned);
        let known = known(&values);
        let text = b"pass-1-22, pass-1-23 pass-12 passes xpass-1";
        let found: Vec<_> = known.find(text).iter().map(|f| f.start..f.end).collect();
        assert_eq!(found, [0..9, 11..17, 21..25]);
    }

    #[test]
    fn values_that_begin_alike_are_told_at_once() {
        let values: Vec<String> = (0..20_000).map(|n| format!("sk-a{n:08}")).collect();
        let text = values.join(" ");
        let begun = std::time::Instant::now();
        let known = known(&values);
        assert_eq!(known.find(text.as_bytes()).len(), values.len());
        // Each compared with each takes longer by far.
        assert!(begun.elapsed().as_secs() < 4, "{:?}", begun.elapsed());
    }
}
