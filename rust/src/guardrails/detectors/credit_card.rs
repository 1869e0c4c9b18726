//! Payment card numbers: issuer range, length, grouping and check digit all have to fit.

use super::Detector;
use super::numbers::{Number, is_continued, stands_alone};
use crate::guardrails::category::Category;
use crate::guardrails::near::Near;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::CreditCard,
    triggers: &[Trigger::Digits],
    stems: b"",
    stems_inside: b"",
    verify,
    matching: &[
        ("card 4111 1111 1111 1111 exp 12/30", "4111 1111 1111 1111"),
        ("4012-8888-8888-1881", "4012-8888-8888-1881"),
        ("{\"number\":\"5555555555554444\"}", "5555555555554444"),
        ("amex 3782 822463 10005", "3782 822463 10005"),
        ("pan=2223003122003222", "2223003122003222"),
        ("4111.1111.1111.1111", "4111.1111.1111.1111"),
    ],
    harmless: &[
        "4111 1111 1111 1112",
        "id 1234567890123456",
        "0x4111111111111111",
        "4111-11111-1111-111",
        "ts=1699999999999 n=1700000000",
    ],
};

fn verify(scan: &mut Scan<'_>, at: usize) {
    if at < scan.cursor(Category::CreditCard) || !matches!(scan.byte(at), b'2'..=b'6') {
        return;
    }
    // Four digits and a separator, or all of them at once.
    let first = scan.skip(at, 13, |byte| byte.is_ascii_digit()) - at;
    if !matches!(first, 4 | 13) || is_continued(scan, at) {
        return;
    }
    let Some(number) = Number::read(scan, at, b" -.") else { return };
    if number.len < 13 {
        return;
    }
    // Numbers in columns, or with something behind: `4111 1111 1111 1111 123`.
    let Some(end) = fitting(scan, at, &number) else { return };
    scan.set_cursor(Category::CreditCard, end);
    scan.found(Category::CreditCard, at..end);
}

fn fitting(scan: &Scan<'_>, at: usize, number: &Number) -> Option<usize> {
    let (mut digits, mut end) = (0_usize, at);
    for (index, group) in number.groups().iter().enumerate() {
        digits += usize::from(*group);
        end += usize::from(*group) + usize::from(index > 0);
        if digits >= 13 {
            let shape = number.groups().get(..=index).unwrap_or_default();
            let value = number.digits().get(..digits).unwrap_or_default();
            let is_whole = index + 1 == number.group_count;
            let is_alone = is_whole || number.separator == Some(b' ');
            if is_alone && is_card(scan, at, shape, value) && stands_alone(scan, at, end) {
                return Some(end);
            }
        }
    }
    None
}

static WORDS: Near = Near::of(&["card", "visa", "pan", "maestro", "cc", "credit", "debit"]);

fn is_card(scan: &Scan<'_>, at: usize, shape: &[u8], digits: &[u8]) -> bool {
    let is_grouped = match shape {
        [4, 4, 4, 4] => digits.len() == 16,
        [4, 6, 5] => digits.len() == 15,
        [4, 6, 4] => digits.len() == 14,
        [_] | [4, 4, 4, 4, 1..=3] => true,
        _ => false,
    };
    if !is_grouped || !is_issued(digits) || !passes_luhn(digits) {
        return false;
    }
    // Nearly every known card has 14 to 16 digits; other bare numbers need a word for it.
    let is_usual = matches!(digits.len(), 14..=16) || shape.len() > 1;
    is_usual || scan.has_before(at, 40, &WORDS)
}

/// Whether the issuer's range and the length belong together.
fn is_issued(digits: &[u8]) -> bool {
    let head = |count: usize| {
        digits.iter().take(count).fold(0_u32, |value, digit| value * 10 + u32::from(*digit))
    };
    match digits.len() {
        13 => head(1) == 4,
        14 => matches!(head(3), 300..=305 | 309) || matches!(head(2), 36 | 38 | 39),
        15 => matches!(head(2), 34 | 37) || matches!(head(4), 2014 | 2149),
        16 => {
            head(1) == 4
                || matches!(head(2), 51..=55 | 62 | 65)
                || matches!(head(4), 2221..=2720 | 6011 | 3528..=3589 | 2200..=2204)
                || matches!(head(3), 644..=649)
                || matches!(head(4), 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763)
        }
        17 => head(2) == 62,
        18 | 19 => {
            matches!(head(2), 62)
                || head(1) == 4
                || matches!(head(4), 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763)
        }
        _ => false,
    }
}

fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let doubled = u32::from(*digit) * if index % 2 == 1 { 2 } else { 1 };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    let is_varied = digits.iter().any(|digit| Some(digit) != digits.first());
    sum.is_multiple_of(10) && is_varied
}
