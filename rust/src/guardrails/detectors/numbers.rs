//! Numbers written in groups of digits, as cards, phones and social security numbers are.

use crate::guardrails::scanner::Scan;

/// Most digits of one number; longer ones are none of ours.
const DIGITS: usize = 20;
const GROUPS: usize = 8;

/// Digits and their groups from one place on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number {
    digits: [u8; DIGITS],
    pub(super) len: usize,
    /// Length of each group.
    groups: [u8; GROUPS],
    pub(super) group_count: usize,
    /// What stands between groups, if it is always the same.
    pub(super) separator: Option<u8>,
    pub(super) end: usize,
}

impl Number {
    /// Read groups of digits with at most one of `separators` between them.
    pub(super) fn read(scan: &Scan<'_>, start: usize, separators: &[u8]) -> Option<Self> {
        let mut number = Self {
            digits: [0; DIGITS],
            len: 0,
            groups: [0; GROUPS],
            group_count: 0,
            separator: None,
            end: start,
        };
        let (mut at, mut is_mixed) = (start, false);
        loop {
            let from = at;
            while scan.byte(at).is_ascii_digit() {
                *number.digits.get_mut(number.len)? = scan.byte(at) - b'0';
                number.len += 1;
                at += 1;
            }
            *number.groups.get_mut(number.group_count)? = (at - from) as u8;
            number.group_count += 1;
            number.end = at;
            let separator = scan.byte(at);
            if !separators.contains(&separator) || !scan.byte(at + 1).is_ascii_digit() {
                break;
            }
            is_mixed |= number.separator.is_some_and(|s| s != separator);
            number.separator = Some(separator);
            at += 1;
        }
        if is_mixed {
            number.separator = None;
        }
        Some(number)
    }

    pub(super) fn digits(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or_default()
    }

    pub(super) fn groups(&self) -> &[u8] {
        self.groups.get(..self.group_count).unwrap_or_default()
    }

    /// The number that its digits from `from` to `to` make.
    pub(super) fn value(&self, from: usize, to: usize) -> u32 {
        let digits = self.digits().get(from..to).unwrap_or_default();
        digits.iter().fold(0, |value, digit| value * 10 + u32::from(*digit))
    }
}

/// Whether nothing that belongs to a longer number or word stands around `start..end`.
pub(super) fn stands_alone(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    let after = scan.byte(end);
    let digits = scan.skip(end + 1, 4, |byte| byte.is_ascii_digit()) - (end + 1);
    let is_longer = after.is_ascii_alphanumeric()
        || matches!(after, b'_' | b'%')
        || (matches!(after, b'.' | b'-' | b'/' | b':') && digits > 0)
        // Thousands; a list has other lengths.
        || (after == b',' && digits == 3);
    !is_longer && !is_continued(scan, start)
}

/// Whether what begins at `start` belongs to what stands before it.
pub(super) fn is_continued(scan: &Scan<'_>, start: usize) -> bool {
    let before = scan.before(start);
    before.is_ascii_alphanumeric()
        || matches!(before, b'_' | b'$' | b'#')
        || (matches!(before, b'.' | b'-' | b'/' | b':')
            && scan.before(start.saturating_sub(1)).is_ascii_digit())
}
