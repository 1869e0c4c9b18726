//! US social security numbers, with the areas, groups and serials that were never given out.

use super::Detector;
use super::numbers::{Number, stands_alone};
use crate::guardrails::category::Category;
use crate::guardrails::near::Near;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::Ssn,
    triggers: &[Trigger::Digits],
    stems: b"",
    stems_inside: b"",
    verify,
    matching: &[
        ("SSN: 536-22-8145.", "536-22-8145"),
        ("\"ssn\":\"212 09 9999\"", "212 09 9999"),
        ("social security number 219099999", "219099999"),
        ("his is 001-01-0001, filed", "001-01-0001"),
        ("SSN#536-22-8145", "536-22-8145"),
    ],
    harmless: &[
        "000-12-3456 666-12-3456 912-34-5678",
        "123-00-4567 and 123-45-0000",
        "order 536228145",
        "2024-01-15 and 123-45-67890",
    ],
};

static WORDS: Near = Near::of(&[
    "ssn",
    "social security",
    "soc sec",
    "social-security",
    "tax id",
    "taxpayer",
    "ss#",
    "itin",
    "socialsecuritynumber",
    "social_security",
]);

fn verify(scan: &mut Scan<'_>, at: usize) {
    // Most candidates fail on one of these bytes.
    let separator = scan.byte(at + 3);
    let is_grouped = matches!(separator, b'-' | b' ' | b'.') && scan.byte(at + 6) == separator;
    if !is_grouped && !separator.is_ascii_digit()
        || !scan.byte(at + 1).is_ascii_digit()
        || !scan.byte(at + 2).is_ascii_digit()
    {
        return;
    }
    // Nine in a row, and no more.
    let is_nine = || scan.byte(at + 8).is_ascii_digit() && !scan.byte(at + 9).is_ascii_digit();
    if separator.is_ascii_digit() && !is_nine() {
        return;
    }
    let Some(number) = Number::read(scan, at, b"- .") else { return };
    // `SSN#536-22-8145`
    let is_named = scan.before(at) == b'#' && scan.before(at - 1).is_ascii_alphabetic();
    let from = at - usize::from(is_named);
    let is_alone = if is_named {
        stands_alone(scan, from, number.end) || !scan.byte(number.end).is_ascii_alphanumeric()
    } else {
        stands_alone(scan, at, number.end)
    };
    if number.len != 9 || !is_alone {
        return;
    }
    let (area, group, serial) = (number.value(0, 3), number.value(3, 5), number.value(5, 9));
    if area == 0 || area == 666 || area >= 900 || group == 0 || serial == 0 {
        return;
    }
    let is_plain = match (number.groups(), number.separator) {
        ([3, 2, 4], Some(b'-')) => true,
        ([3, 2, 4], Some(b' ' | b'.')) | ([9], _) => scan.has_before(at, 48, &WORDS),
        _ => false,
    };
    if is_plain {
        scan.found(Category::Ssn, at..number.end);
    }
}
