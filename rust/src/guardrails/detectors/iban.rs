//! Bank account numbers (ISO 13616): the country's own length and the check digits have to fit.

use super::Detector;
use crate::guardrails::category::Category;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::Iban,
    triggers: &[Trigger::Iban],
    stems: b"",
    stems_inside: b"",
    verify,
    matching: &[
        ("IBAN DE89 3704 0044 0532 0130 00, Berlin", "DE89 3704 0044 0532 0130 00"),
        ("\"GB82WEST12345698765432\"", "GB82WEST12345698765432"),
        ("FR1420041010050500013M02606", "FR1420041010050500013M02606"),
        ("pay NL91 ABNA 0417 1643 00 now", "NL91 ABNA 0417 1643 00"),
        ("NO93-8601-1117-947", "NO93-8601-1117-947"),
        (
            "NL91\u{A0}ABNA\u{A0}0417\u{A0}1643\u{A0}00",
            "NL91\u{A0}ABNA\u{A0}0417\u{A0}1643\u{A0}00",
        ),
    ],
    harmless: &[
        "DE88 3704 0044 0532 0130 00",
        "XX89370400440532013000",
        "GB82WEST1234569876543",
        "AB12 CD34",
        "SKU DE87-2938",
        "DE87",
        "DE89  3704 0044 0532 0130 00",
    ],
};

/// Length by country.
#[rustfmt::skip]
const LENGTHS: &[(&[u8; 2], u8)] = &[
    (b"AD", 24), (b"AE", 23), (b"AL", 28), (b"AT", 20), (b"AZ", 28), (b"BA", 20), (b"BE", 16), (b"BG", 22),
    (b"BH", 22), (b"BI", 27), (b"BR", 29), (b"BY", 28), (b"CH", 21), (b"CR", 22), (b"CY", 28), (b"CZ", 24),
    (b"DE", 22), (b"DJ", 27), (b"DK", 18), (b"DO", 28), (b"EE", 20), (b"EG", 29), (b"ES", 24), (b"FI", 18),
    (b"FK", 18), (b"FO", 18), (b"FR", 27), (b"GB", 22), (b"GE", 22), (b"GI", 23), (b"GL", 18), (b"GR", 27),
    (b"GT", 28), (b"HN", 28), (b"HR", 21), (b"HU", 28), (b"IE", 22), (b"IL", 23), (b"IQ", 23), (b"IS", 26),
    (b"IT", 27), (b"JO", 30), (b"KW", 30), (b"KZ", 20), (b"LB", 28), (b"LC", 32), (b"LI", 21), (b"LT", 20),
    (b"LU", 20), (b"LV", 21), (b"LY", 25), (b"MC", 27), (b"MD", 24), (b"ME", 22), (b"MK", 19), (b"MN", 20),
    (b"MR", 27), (b"MT", 31), (b"MU", 30), (b"NI", 28), (b"NL", 18), (b"NO", 15), (b"OM", 23), (b"PK", 24),
    (b"PL", 28), (b"PS", 29), (b"PT", 25), (b"QA", 29), (b"RO", 24), (b"RS", 22), (b"RU", 33), (b"SA", 24),
    (b"SC", 31), (b"SD", 18), (b"SE", 24), (b"SI", 19), (b"SK", 24), (b"SM", 27), (b"SO", 23), (b"ST", 25),
    (b"SV", 28), (b"TL", 23), (b"TN", 24), (b"TR", 26), (b"UA", 29), (b"VA", 22), (b"VG", 24), (b"XK", 20),
    (b"YE", 30),
];

/// A space that does not break lines.
const NO_BREAK: &[u8] = "\u{A0}".as_bytes();

fn verify(scan: &mut Scan<'_>, at: usize) {
    let start = at - 3;
    let wanted = length(scan.byte(start), scan.byte(start + 1));
    if wanted == 0 {
        return;
    }
    let text = scan.text.get(start + 4..).unwrap_or_default();
    let (mut next, mut count, mut is_spaced) = (0, 4, true);
    while count < wanted {
        if is_spaced {
            let gap = match text.get(next..) {
                Some([b' ' | b'-', ..]) => 1,
                Some(rest) if rest.starts_with(NO_BREAK) => 2,
                _ => 0,
            };
            is_spaced = gap > 0 || count > 4;
            next += gap;
        }
        let end = next + 4.min(wanted - count);
        let Some(group) = text.get(next..end) else { return };
        if !group.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
            return;
        }
        count += group.len();
        next = end;
    }
    let end = start + 4 + next;
    if scan.byte(end).is_ascii_alphanumeric() {
        return;
    }
    let rest = scan.slice(start + 4..end).iter().filter(|byte| byte.is_ascii_alphanumeric());
    let remainder = rest.chain(scan.slice(start..start + 4)).copied().fold(0, fold);
    if remainder % 97 == 1 {
        scan.found(Category::Iban, start..end);
    }
}

/// How many characters the numbers of a country have, zero if it has none.
fn length(first: u8, second: u8) -> usize {
    static TABLE: [u8; 26 * 32] = {
        let mut table = [0; 26 * 32];
        let mut index = 0;
        while index < LENGTHS.len() {
            let (country, length) = LENGTHS[index];
            table[(country[0] - b'A') as usize * 32 + (country[1] - b'A') as usize] = length;
            index += 1;
        }
        table
    };
    let place = usize::from(first.wrapping_sub(b'A')) * 32 + usize::from(second.wrapping_sub(b'A'));
    TABLE.get(place).copied().map_or(0, usize::from)
}

/// What leaves the same rest by 97 with one more character, letters counting from ten on.
fn fold(remainder: u64, byte: u8) -> u64 {
    let remainder = if remainder < 1 << 52 { remainder } else { remainder % 97 };
    if byte.is_ascii_digit() {
        remainder * 10 + u64::from(byte - b'0')
    } else {
        remainder * 100 + u64::from(byte - b'A') + 10
    }
}
