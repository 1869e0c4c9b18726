//! Telephone numbers: international, North American, and national ones where a word says so.

use super::Detector;
use super::numbers::{is_continued, stands_alone};
use crate::guardrails::category::Category;
use crate::guardrails::near::Near;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::Phone,
    triggers: &[Trigger::Digits],
    stems: b"",
    stems_inside: b"",
    verify,
    matching: &[
        ("call (415) 555-2671 now", "(415) 555-2671"),
        ("+1 415-555-2671", "+1 415-555-2671"),
        ("tel:+442071838750", "+442071838750"),
        ("phone=\"212.555.0187\"", "212.555.0187"),
        ("mobile: 07700 900123", "07700 900123"),
        ("+49 (0)30 901820", "+49 (0)30 901820"),
        ("Telefon 030 / 901820", "030 / 901820"),
        ("phone 4155552671", "4155552671"),
    ],
    harmless: &[
        "1699999999 1700000000123",
        "2024-01-15 12:30:45",
        "version 1.2.3.4567 build 123-456-7890-1",
        "0123456789abcdef and 1234567890",
        "192.168.100.200",
        "+1234 -5678 + 1",
        "range 100-200-3000",
    ],
};

static WORDS: Near = Near::of(&[
    "phone",
    "tel",
    "telephone",
    "call",
    "mobile",
    "cell",
    "fax",
    "whatsapp",
    "sms",
    "text",
    "telefon",
    "mobil",
    "handy",
    "tél",
    "téléphone",
    "telefono",
    "teléfono",
    "móvil",
    "celular",
    "contact",
    "dial",
    "hotline",
    "landline",
    "msisdn",
    "phone_number",
    "phonenumber",
    "ring",
    "reach",
    "number",
    "telefone",
    "telefoon",
    "puhelin",
    "tlf",
    "nummer",
    "unter",
    "erreichbar",
    "anrufen",
    "appelez",
    "llame",
    "llamar",
    "ligue",
    "numéro",
    "número",
    "numero",
    "telephone number",
    "kontakt",
    "callback",
    "dialed",
    "dialled",
    "caller",
]);

fn verify(scan: &mut Scan<'_>, at: usize) {
    let (from, to) = scan.read.digits.get();
    if at < scan.cursor(Category::Phone) || (from..to).contains(&at) && to >= at + TOO_LONG {
        return;
    }
    let plus = match scan.before(at) {
        b'+' => Some(at - 1),
        b'(' if scan.before(at - 1) == b'+' => None,
        _ => None,
    };
    let open = (scan.before(at) == b'(').then(|| at - 1);
    let start = plus.or(open).unwrap_or(at);
    // What needs no reading of the number first: nearly all candidates fail there.
    if is_continued(scan, start) || is_word_at(scan, start) || is_too_long(scan, at) {
        return;
    }
    let groups = if plus.is_some() { GROUPS } else { NATIONAL_GROUPS };
    let Some(shape) = Shape::read(scan, at, groups) else { return };
    let end = shape.end;
    if !stands_alone(scan, start, end) {
        return;
    }
    let is_phone = if plus.is_some() {
        // A line that a diff adds begins with a plus as well.
        let is_added = matches!(scan.before(start), b'\n' | b' ') && shape.len < 10;
        // `+39 06 6982`
        let is_short =
            shape.len == 7 && shape.group_count > 1 && scan.has_before(start, 24, &WORDS);
        (is_international(&shape) || is_short) && !is_added && !shape.is_date()
    } else {
        is_north_american(scan, start, at, &shape) || is_national(scan, start, &shape)
    };
    if is_phone {
        scan.set_cursor(Category::Phone, end);
        scan.found(Category::Phone, start..extension(scan, end));
    }
}

/// Numbers right behind a hyphen, a dot or an operator belong to something else.
fn is_word_at(scan: &Scan<'_>, start: usize) -> bool {
    matches!(scan.before(start), b'-' | b'.' | b'*' | b'/' | b'=' | b'&' | b'@' if scan.before(start) != b'=')
}

/// What may stand between digits, up to three in a row: `) `, ` / `, ` - `, ` (`.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'(' | b')' | b'/')
}

/// One digit, and 16 more with three separators before each.
const TOO_LONG: usize = 65;

/// Whether there are more digits from `at` on than [`Shape::read`] takes. Rows of numbers are
/// walked once for all the places in them.
fn is_too_long(scan: &Scan<'_>, at: usize) -> bool {
    let (mut from, mut to) = scan.read.digits.get();
    if !(from..to).contains(&at) {
        (from, to) = (at, at);
    }
    let (end, is_read) = (at + TOO_LONG, to >= at + TOO_LONG);
    // Several at once: the next place asks again.
    while !is_read && to < end + 4 * TOO_LONG {
        let digits = scan.skip(to, TOO_LONG, |byte| byte.is_ascii_digit());
        let gap = scan.skip(digits, 3, is_separator);
        to = digits;
        if gap == digits || !scan.byte(gap).is_ascii_digit() {
            break;
        }
        to = gap + 1;
    }
    scan.read.digits.set((from, to));
    to >= end
}

/// Most groups of digits.
const GROUPS: usize = 8;
/// Most of a number without its country.
const NATIONAL_GROUPS: usize = 6;

/// Digits with what may stand between them in a telephone number.
struct Shape {
    digits: [u8; 16],
    len: usize,
    groups: [u8; GROUPS],
    group_count: usize,
    has_paren: bool,
    end: usize,
    /// The one separator between groups, zero where they differ.
    separator: u8,
}

impl Shape {
    /// The number at `at`, if it has no more than so many `groups`.
    fn read(scan: &Scan<'_>, at: usize, groups: usize) -> Option<Self> {
        let mut shape = Self {
            digits: [0; 16],
            len: 0,
            groups: [0; GROUPS],
            group_count: 0,
            has_paren: scan.before(at) == b'(',
            end: at,
            separator: 0,
        };
        let mut next = at;
        let mut is_first = true;
        loop {
            let from = next;
            while scan.byte(next).is_ascii_digit() {
                *shape.digits.get_mut(shape.len)? = scan.byte(next) - b'0';
                shape.len += 1;
                next += 1;
            }
            if shape.group_count == groups {
                return None;
            }
            *shape.groups.get_mut(shape.group_count)? = (next - from) as u8;
            shape.group_count += 1;
            shape.end = next;
            let mut gap = next;
            while gap < next + 3 && is_separator(scan.byte(gap)) {
                shape.has_paren |= scan.byte(gap) == b')';
                gap += 1;
            }
            if gap == next || !scan.byte(gap).is_ascii_digit() {
                return Some(shape);
            }
            let one = if gap == next + 1 { scan.byte(next) } else { b')' };
            shape.separator = if is_first || shape.separator == one { one } else { 0 };
            is_first = false;
            next = gap;
        }
    }

    fn groups(&self) -> &[u8] {
        self.groups.get(..self.group_count).unwrap_or_default()
    }

    fn is_date(&self) -> bool {
        matches!(self.groups(), [4, 2, 2, ..] | [2, 2, 4] | [1..=2, 1..=2, 4])
    }

    fn digit(&self, index: usize) -> u8 {
        self.digits.get(index).copied().unwrap_or_default()
    }
}

/// Behind a plus: a country code and 7 to 13 more digits.
fn is_international(shape: &Shape) -> bool {
    let is_long = (8..=15).contains(&shape.len) && shape.digit(0) != 0;
    // `+1` is North America: ten digits follow, of which two places are never 0 or 1.
    let is_nanp = shape.digit(0) != 1 || (shape.len == 11 && shape.digit(1) >= 2);
    is_long && is_nanp
}

/// 3-3-4, with an area and an exchange that exist in the numbering plan.
fn is_north_american(scan: &Scan<'_>, start: usize, at: usize, shape: &Shape) -> bool {
    let (offset, groups) = match (shape.len, shape.groups()) {
        (11, [1, rest @ ..]) if shape.digit(0) == 1 => (1, rest),
        (10, groups) => (0, groups),
        (11, [11]) if shape.digit(0) == 1 => (1, shape.groups()),
        _ => return false,
    };
    if shape.digit(offset) < 2 || shape.digit(offset + 3) < 2 {
        return false;
    }
    let has_word = || scan.has_before(start, 40, &WORDS);
    match groups {
        [3, 3, 4] => {
            let is_usual = shape.has_paren || matches!(shape.separator, b'-' | b'.');
            is_usual || has_word()
        }
        [3, 7] => shape.has_paren || has_word(),
        [10 | 11] => scan.before(at) != b'.' && has_word(),
        _ => false,
    }
}

/// With a leading zero and in groups, or anything of the right length behind a word for it.
fn is_national(scan: &Scan<'_>, start: usize, shape: &Shape) -> bool {
    let has_word = || scan.has_before(start, 32, &WORDS);
    if shape.is_date() || !(7..=13).contains(&shape.len) {
        return false;
    }
    match shape.groups() {
        [2, 2, 2, 2, 2] if shape.digit(0) == 0 => {
            shape.separator != 0 && shape.separator != b'-' || has_word()
        }
        _ if shape.digit(0) == 0 && shape.group_count >= 2 => has_word(),
        [_] => shape.len >= 9 && has_word() && (shape.digit(0) == 0 || shape.len == 10),
        [3, 4] => has_word(),
        groups => shape.len >= 8 && groups.len() >= 2 && has_word(),
    }
}

/// The end of an extension behind the number, if one is given.
fn extension(scan: &Scan<'_>, end: usize) -> usize {
    let space = scan.skip(end, 2, |byte| matches!(byte, b' ' | b','));
    for word in ["extension ", "ext. ", "ext.", "ext ", "x"] {
        let after = space + word.len();
        if scan.slice(space..after).eq_ignore_ascii_case(word.as_bytes()) {
            let digits = scan.skip(after, 6, |byte| byte.is_ascii_digit());
            if digits > after && !scan.byte(digits).is_ascii_alphanumeric() {
                return digits;
            }
        }
    }
    end
}
