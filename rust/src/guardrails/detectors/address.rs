//! Postal addresses: number and street, with city and postcode where they follow.

use std::ops::Range;

use super::Detector;
use super::assignment::Folded;
use super::streets::{BEFORE, ENDINGS, LABELS, STATES, suffix};
use super::words::{Class, Words};
use crate::guardrails::category::Category;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::Address,
    triggers: &[Trigger::NumberWord, Trigger::Stem],
    stems: b"s",
    stems_inside: b"",
    verify,
    matching: &[
        (
            "lives at 742 Evergreen Terrace, Springfield, IL 62704.",
            "742 Evergreen Terrace, Springfield, IL 62704",
        ),
        (
            "1600 Pennsylvania Avenue NW, Washington, DC 20500",
            "1600 Pennsylvania Avenue NW, Washington, DC 20500",
        ),
        ("office: 221B Baker Street, London NW1 6XE", "221B Baker Street, London NW1 6XE"),
        ("P.O. Box 1234, Portland, OR 97208", "P.O. Box 1234, Portland, OR 97208"),
        ("Musterstraße 12, 10115 Berlin", "Musterstraße 12, 10115 Berlin"),
        ("12 rue de Rivoli, 75001 Paris", "12 rue de Rivoli, 75001 Paris"),
        ("\"address\": \"45 Oak Lane Apt 3\"", "45 Oak Lane Apt 3"),
        ("ship to 9 Mill Rd", "9 Mill Rd"),
        ("street=9 Mill Lane", "9 Mill Lane"),
        ("Calle de Alcalá 45, 28014 Madrid", "Calle de Alcalá 45, 28014 Madrid"),
        ("ul. Marszałkowska 10, 00-590 Warszawa", "ul. Marszałkowska 10, 00-590 Warszawa"),
        ("Hauptstraße 5\n12345 Berlin", "Hauptstraße 5\n12345 Berlin"),
    ],
    harmless: &[
        "There are 3 files in the way",
        "take 2 drive letters and 5 court cases",
        "address = 0x7fff0000, ip address 10.0.0.1",
        "step 4 Way to go; 10 place settings",
        "See section 12 Street view",
        "email address: a@b.co",
    ],
};

fn verify(scan: &mut Scan<'_>, at: usize) {
    if at < scan.cursor(Category::Address) {
        return;
    }
    match scan.byte(at) {
        b's' | b'S' if !scan.before(at).is_ascii_whitespace() => labelled(scan, at),
        byte if byte.is_ascii_digit() => behind_name(scan, at),
        // Inside a word only a letter behind the first, or behind an ordinal, has a number before.
        _ if scan.before(at).is_ascii_alphabetic()
            && !matches!(scan.byte(at.saturating_sub(2)), b' ' | b'0'..=b'9') => {}
        _ => before_name(scan, at),
    }
}

/// The number before the space before `at`, as in `221B Baker Street`.
fn number_before(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let end = at.checked_sub(1).filter(|end| scan.byte(*end) == b' ')?;
    // One digit, or two.
    for start in [end.wrapping_sub(1), end.wrapping_sub(2)] {
        if !scan.byte(start).is_ascii_digit() {
            break;
        }
        if start > 0 && scan.byte(start - 1) == b' ' {
            return Some(start);
        }
    }
    let start = scan.skip_back(end, 8, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/'));
    let start = scan.past_escape(start);
    let digits = scan.skip(start, 8, |b| b.is_ascii_digit()) - start;
    let rest = end.checked_sub(start + digits)?;
    let is_alone =
        !matches!(scan.before(start), b'.' | b'-' | b'$' | b'#' | b'_' | b'/' | b'%' | b'v')
            && !scan.before(start).is_ascii_alphanumeric();
    // `12:30 Street`
    let is_time = scan.before(start) == b':' && scan.before(start - 1).is_ascii_digit();
    ((1..=6).contains(&digits) && rest <= 5 && is_alone && !is_time).then_some(start)
}

#[inline]
fn is_street_word(byte: u8) -> bool {
    static BYTES: Class = Class::of(b"'-");
    BYTES.has(byte) || byte >= 0x80
}

#[inline]
fn is_street(byte: u8) -> bool {
    static BYTES: Class = Class::letters(b"-.");
    BYTES.has(byte)
}

/// Words of a street behind its number.
const WORDS: usize = 5;
/// Longest of these words.
const WORD: usize = 20;
/// Where a street ends at most, with what may stand between its words.
const FAR: usize = WORDS * (WORD + 2);

/// `742 Evergreen Terrace`, `12 rue de Rivoli`.
fn before_name(scan: &mut Scan<'_>, at: usize) {
    // `1st Avenue`: the trigger stands at the end of the ordinal.
    let at = if scan.before(at).is_ascii_alphabetic() {
        scan.skip_back(at.saturating_sub(1), 4, |b| b.is_ascii_digit())
    } else {
        at
    };
    let Some(start) = number_before(scan, at) else { return };
    let is_ordinal =
        matches!(scan.byte(at), b'b' | b't') && matches!(scan.slice(at..at + 4), b"bis " | b"ter ");
    let at = if is_ordinal { at + 4 } else { at };
    if let Some(end) = romance(scan, at) {
        finish(scan, start, end, true);
        return;
    }
    // Rows of numbers and words are read once.
    let (from, to, is_over) = scan.read.streets.get();
    if (from..to).contains(&at) && (is_over || to >= at + FAR) {
        return;
    }
    let (mut next, mut words, mut is_over, mut has_suffix) = (at, 0, false, false);
    while words < WORDS || !has_suffix && next < at + 4 * FAR {
        let mut end = scan.skip(next, WORD, is_street_word);
        while end > next && matches!(scan.byte(end - 1), b'\'' | b'-') {
            end -= 1;
        }
        let text = scan.slice(next..end);
        let is_capital = text.first().is_some_and(u8::is_ascii_uppercase);
        let is_name = is_capital || text.first().is_some_and(u8::is_ascii_digit);
        if words > 0
            && let Some(is_strong) = suffix(text)
        {
            if words >= WORDS {
                break;
            }
            // What follows depends on the number as well.
            has_suffix = true;
            let is_upper = is_capital || is_lower_suffix(text);
            let is_last = !continues(scan, end);
            if is_upper && (is_strong || is_last) {
                let is_short = text.len() <= 4 && !text.eq_ignore_ascii_case(b"lane");
                let has_dot = is_short && scan.byte(end) == b'.' && scan.byte(end + 1) == b',';
                let end = end + usize::from(has_dot);
                if finish_us(scan, start, end, is_strong) {
                    return;
                }
            }
        }
        let gap = match scan.byte(end) {
            b' ' => 1,
            b'.' if scan.byte(end + 1) == b' ' => 2,
            _ => 0,
        };
        if !is_name || gap == 0 {
            is_over = true;
            break;
        }
        next = end + gap;
        words += 1;
    }
    if !has_suffix {
        scan.read.streets.set((at, next + usize::from(is_over), is_over));
    }
}

/// A suffix follows still: `Park Avenue` is not over at `Park`.
fn continues(scan: &Scan<'_>, end: usize) -> bool {
    if scan.byte(end) != b' ' {
        return false;
    }
    let next = scan.skip(end + 1, 20, |b| b.is_ascii_alphabetic());
    suffix(scan.slice(end + 1..next)) == Some(true)
}

fn is_lower_suffix(text: &[u8]) -> bool {
    text.len() > 3 && suffix(text) == Some(true)
}

fn finish_us(scan: &mut Scan<'_>, start: usize, end: usize, is_strong: bool) -> bool {
    let whole = with_city(scan, end);
    let is_quoted = matches!(scan.before(start), b'"' | b'\'')
        && matches!(scan.byte(end), b'"' | b'\'' | b'\\');
    let has_city = scan.byte(end) == b','
        && scan.byte(end + 1) == b' '
        && scan.byte(end + 2).is_ascii_uppercase()
        && scan.byte(end + 3).is_ascii_lowercase();
    let is_at = scan.slice(start.saturating_sub(4)..start).eq_ignore_ascii_case(b" at ");
    if !is_strong
        && whole == end
        && !is_quoted
        && !has_city
        && !is_at
        && !scan.has_before(start, 32, &LABELS)
    {
        return false;
    }
    take(scan, start, whole);
    true
}

fn finish(scan: &mut Scan<'_>, start: usize, end: usize, is_sure: bool) {
    let whole = with_city(scan, end);
    if is_sure || whole > end {
        take(scan, start, whole);
    }
}

fn take(scan: &mut Scan<'_>, start: usize, end: usize) {
    scan.set_cursor(Category::Address, end);
    scan.found(Category::Address, start..end);
}

/// `rue de Rivoli` behind a number; its end.
fn romance(scan: &Scan<'_>, at: usize) -> Option<usize> {
    static FIRST: Class = Class::letters(b".,");
    // What any of them begins with.
    let first = scan.byte(at) | 0x20;
    if !matches!(first, b'r' | b'a' | b'b' | b'p' | b'c' | b'i' | b'q' | b'v') {
        return None;
    }
    if !FIRST.has(scan.byte(at + 1)) {
        return None;
    }
    let end = scan.skip(at, 12, |b| FIRST.has(b));
    let first = scan.slice(at..end);
    if first.len() < 2 || !BEFORE.has(first) {
        return None;
    }
    // `5 Place` and `3 Route` are also English.
    let is_lower = first.first().is_some_and(u8::is_ascii_lowercase);
    let mut end = end;
    let (mut words, mut capitals) = (0, 0);
    while words < 5 && scan.byte(end) == b' ' {
        let next = scan.skip(end + 1, 24, |b| {
            b.is_ascii_alphabetic() || b >= 0x80 || matches!(b, b'\'' | b'-')
        });
        let text = scan.slice(end + 1..next);
        let is_capital = text.first().is_some_and(|b| b.is_ascii_uppercase() || *b >= 0xC3);
        let is_link = [
            b"de".as_slice(),
            b"du",
            b"des",
            b"la",
            b"le",
            b"del",
            b"di",
            b"da",
            b"do",
            b"dos",
            b"las",
            b"los",
            b"el",
            b"l",
        ]
        .contains(&text);
        if !is_capital && !is_link && !text.starts_with(b"d'") && !text.starts_with(b"l'") {
            break;
        }
        capitals += usize::from(is_capital || text.starts_with(b"d'") || text.starts_with(b"l'"));
        end = next;
        words += 1;
    }
    let is_sure = is_lower || with_postcode(scan, end) > end + 9;
    (is_sure && capitals > 0).then_some(end)
}

/// `Musterstraße 12`, `Calle Mayor 5`, `P.O. Box 12`.
fn behind_name(scan: &mut Scan<'_>, at: usize) {
    let digits = scan.skip(at, 6, |b| b.is_ascii_digit());
    let number = scan.skip(digits, 1, |b| b.is_ascii_alphabetic());
    if scan.byte(number).is_ascii_alphanumeric() || digits - at > 6 {
        return;
    }
    let name_end = scan.skip_back(at, 2, |b| matches!(b, b' ' | b','));
    let word_start = scan.skip_back(name_end, 40, is_street);
    let word_start = scan.past_escape(word_start);
    let word = scan.slice(word_start..name_end);
    if word.len() == 3 && word.eq_ignore_ascii_case(b"box") {
        post_box(scan, word_start, number);
        return;
    }
    // Everything below asks for a capital.
    let is_capital = word.first().is_some_and(|b| b.is_ascii_uppercase() || *b >= 0xC3);
    if !is_capital {
        return;
    }
    let folded = may_end(word).then(|| String::from_utf8_lossy(word).to_lowercase());
    let start = word_start;
    if let Some(folded) = folded
        && let Some(ending) = ENDINGS.iter().find(|ending| folded.ends_with(**ending))
    {
        // `Ring 5`, `Weg 2` alone say too little; so do `Spring 5` and `String 3`.
        let is_sure = matches!(
            *ending,
            "straße"
                | "strasse"
                | "str."
                | "platz"
                | "allee"
                | "gasse"
                | "straat"
                | "laan"
                | "gatan"
                | "vägen"
                | "gracht"
                | "plein"
        ) && folded.len() > ending.len();
        let is_place =
            !matches!(folded.as_str(), "string" | "spring" | "setting" | "warning" | "during");
        let whole = with_postcode(scan, number);
        if is_place && (is_sure || whole > number) {
            take(scan, start, whole);
        }
        return;
    }
    if romance_before(scan, word_start, number) {
        return;
    }
    // Whatever the street is called: `Am Mühlbach 51, 10081 Berlin`.
    if scan.byte(number) != b',' {
        return;
    }
    let whole = with_postcode(scan, number);
    if whole > number + 9 {
        let above = scan.skip_back(word_start, 1, |b| b == b' ');
        let first = scan.skip_back(above, 12, |b| b.is_ascii_alphabetic() || b >= 0x80);
        let is_part = matches!(
            scan.slice(first..above),
            b"Am" | b"Im" | b"An" | b"Zum" | b"Zur" | b"Auf" | b"In"
        );
        let start = if is_part { first } else { word_start };
        take(scan, start, whole);
    }
}

/// Whether `word` may have one of [`ENDINGS`]: few words have to be folded.
fn may_end(word: &[u8]) -> bool {
    static ASCII: Words = Words::ends(&[
        "strasse", "str.", "weg", "allee", "platz", "gasse", "ring", "damm", "ufer", "straat",
        "laan", "plein", "gracht", "kade", "gatan", "gata", "vej", "gade", "veien", "gaten",
        "katu", "tie",
    ]);
    let mut last = [0; 3];
    for (place, byte) in last.iter_mut().rev().zip(word.iter().rev()) {
        *place = byte.to_ascii_lowercase();
    }
    word.len() >= last.len() && ASCII.may_end(&last, word.len()) || !word.is_ascii()
}

/// `Calle Mayor 5`, `Via Roma, 12`, `Rua Augusta 1500`.
fn romance_before(scan: &mut Scan<'_>, word_start: usize, number: usize) -> bool {
    static STREETS: Words = Words::whole(&[
        "calle",
        "via",
        "rua",
        "avenida",
        "viale",
        "piazza",
        "corso",
        "paseo",
        "av.",
        "ul.",
        "ulica",
        "aleja",
        "al.",
        "os.",
        "plaza",
        "carrer",
        "travessa",
        "strada",
        "bulevardul",
        "ulice",
        "jalan",
        "jl.",
        "largo",
        "praça",
        "c/",
    ]);
    let is_name = scan.byte(word_start).is_ascii_uppercase() || scan.byte(word_start) >= 0xC3;
    // Nearly all words have none before them.
    let above = word_start.saturating_sub(1);
    let above = if scan.byte(above) == b' ' { above.saturating_sub(1) } else { above };
    if !is_name || !is_street(scan.byte(above)) {
        return false;
    }
    let mut start = word_start;
    for _ in 0..4 {
        let end = scan.skip_back(start, 1, |b| b == b' ');
        let next = scan.skip_back(end, 24, |b| b.is_ascii_alphabetic() || b >= 0x80 || b == b'.');
        let next = scan.past_escape(next);
        let word = scan.slice(next..end);
        if word.is_empty() {
            return false;
        }
        if STREETS.has(word)
            && (word.first().is_some_and(u8::is_ascii_uppercase) || word.ends_with(b"."))
        {
            let whole = with_postcode(scan, number);
            take(scan, next, whole);
            return true;
        }
        start = next;
    }
    false
}

/// How post offices are written before `Box`.
const OFFICES: &[&[u8]] = &[b"P.O.", b"P. O.", b"P.O", b"PO", b"Post Office"];

fn post_box(scan: &mut Scan<'_>, word_start: usize, number: usize) {
    let before = scan.skip_back(word_start, 1, |b| b == b' ');
    if !matches!(scan.byte(before.wrapping_sub(1)), b'.' | b'O' | b'o' | b'E' | b'e') {
        return;
    }
    let office = OFFICES.iter().find(|office| {
        before
            .checked_sub(office.len())
            .is_some_and(|at| scan.slice(at..before).eq_ignore_ascii_case(office))
    });
    let Some(office) = office else { return };
    let start = before - office.len();
    if !scan.before(start).is_ascii_alphanumeric() {
        let end = with_city(scan, number);
        take(scan, start, end);
    }
}

/// `, 10115 Berlin` behind a number; the end with it.
fn with_postcode(scan: &Scan<'_>, end: usize) -> usize {
    let mut next = scan.skip(end, 3, |b| matches!(b, b',' | b' '));
    if matches!(scan.byte(next), b'\n' | b'\r') {
        next = scan.skip(next, 2, |b| matches!(b, b'\n' | b'\r'));
    } else if scan.slice(next..next + 2) == b"\\n" {
        next += 2;
    }
    if next == end {
        return end;
    }
    // `00-590 Warszawa`
    let polish = scan.skip(next, 2, |b| b.is_ascii_digit());
    let tail = scan.skip(polish + 1, 4, |b| b.is_ascii_digit());
    if polish == next + 2
        && scan.byte(polish) == b'-'
        && tail == polish + 4
        && scan.byte(tail) == b' '
    {
        return city(scan, tail + 1).unwrap_or(tail);
    }
    let code = scan.skip(next, 6, |b| b.is_ascii_digit());
    let code = if code - next == 4
        && scan.byte(code) == b' '
        && scan.byte(code + 1).is_ascii_uppercase()
        && scan.byte(code + 2).is_ascii_uppercase()
        && scan.byte(code + 3) == b' '
    {
        code + 3
    } else {
        code
    };
    if !(4..=7).contains(&(code - next)) || scan.byte(code) != b' ' {
        return end;
    }
    city(scan, code + 1).unwrap_or(code)
}

/// One to three capitalised words.
fn city(scan: &Scan<'_>, start: usize) -> Option<usize> {
    let mut end = None;
    let mut next = start;
    for _ in 0..3 {
        let stop = scan.skip(next, 24, |b| {
            b.is_ascii_alphabetic() || b >= 0x80 || matches!(b, b'-' | b'\'' | b'.')
        });
        let word = scan.slice(next..stop);
        if !word.first().is_some_and(|b| b.is_ascii_uppercase() || *b >= 0xC3) {
            break;
        }
        let ends_sentence = word.ends_with(b".") && word.len() > 3;
        let stop = if ends_sentence { stop - 1 } else { stop };
        end = Some(stop);
        if ends_sentence || scan.byte(stop) != b' ' {
            break;
        }
        next = stop + 1;
    }
    end
}

/// Apartment, city, state and postcode behind a street; the end with as much as follows.
fn with_city(scan: &Scan<'_>, end: usize) -> usize {
    let end = with_unit(scan, end);
    let european = with_postcode(scan, end);
    if european > end {
        return european;
    }
    let mut next = scan.skip(end, 3, |b| matches!(b, b',' | b' '));
    if next == end {
        next = scan.skip(end, 2, |b| matches!(b, b'\n' | b'\r'));
        if next == end && scan.slice(end..end + 2) == b"\\n" {
            next = end + 2;
        }
        if next == end {
            return end;
        }
    }
    // Up to three words of a city, then state and code.
    let mut at = next;
    for words in 0..5 {
        if let Some(stop) = state_and_code(scan, at).or_else(|| british_code(scan, at)) {
            return stop;
        }
        let stop = scan.skip(at, 24, |b| {
            b.is_ascii_alphabetic() || b >= 0x80 || matches!(b, b'-' | b'\'' | b'.')
        });
        let word = scan.slice(at..stop);
        if !word.first().is_some_and(u8::is_ascii_uppercase) || words == 4 {
            return end;
        }
        let gap = scan.skip(stop, 2, |b| matches!(b, b',' | b' '));
        if gap == stop {
            return end;
        }
        at = gap;
    }
    end
}

/// ` Apt 3`, `, Suite 100`, ` #4B`, ` NW`.
fn with_unit(scan: &Scan<'_>, mut end: usize) -> usize {
    if scan.byte(end) != b' ' && scan.byte(end) != b',' {
        return end;
    }
    let may_be = matches!(scan.byte(end + 1), b'N' | b'S' | b'E' | b'W');
    let directions = [b" NW".as_slice(), b" NE", b" SW", b" SE", b" N", b" S", b" E", b" W"];
    for direction in directions.into_iter().filter(|_| may_be) {
        let after = end + direction.len();
        if scan.slice(end..after) == direction && !scan.byte(after).is_ascii_alphanumeric() {
            end = after;
            break;
        }
    }
    let start = scan.skip(end, 2, |b| matches!(b, b',' | b' '));
    let first = scan.byte(start).to_ascii_lowercase();
    if start == end || !matches!(first, b'a' | b's' | b'u' | b'f' | b'n' | b'#') {
        return end;
    }
    for unit in [
        "apartment ",
        "apt ",
        "apt. ",
        "apt #",
        "suite ",
        "ste ",
        "ste. ",
        "unit ",
        "floor ",
        "#",
        "no. ",
        "flat ",
    ] {
        let after = start + unit.len();
        if scan.slice(start..after).eq_ignore_ascii_case(unit.as_bytes()) {
            let stop = scan.skip(after, 6, |b| b.is_ascii_alphanumeric() || b == b'-');
            if stop > after {
                return stop;
            }
        }
    }
    end
}

/// `IL 62704`, `DC 20500-0003`, `ON M5V 2T6`, or `CA` at the end.
fn state_and_code(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let stop = scan.skip(at, 3, |b| b.is_ascii_uppercase());
    let state = scan.slice(at..stop);
    if !matches!(state.len(), 2 | 3) {
        return None;
    }
    if !STATES.split(|b| *b == b' ').any(|known| known == state) {
        return None;
    }
    let code = stop + 1;
    let digits = scan.skip(code, 5, |b| b.is_ascii_digit());
    if scan.byte(stop) == b' '
        && matches!(digits - code, 4 | 5)
        && !scan.byte(digits).is_ascii_alphanumeric()
    {
        let more = scan.skip(digits + 1, 4, |b| b.is_ascii_digit());
        return Some(if scan.byte(digits) == b'-' && more == digits + 5 { more } else { digits });
    }
    if scan.byte(stop) == b' '
        && scan.byte(code).is_ascii_uppercase()
        && scan.byte(code + 1).is_ascii_digit()
        && scan.byte(code + 3) == b' '
    {
        return Some(code + 7);
    }
    (!scan.byte(stop).is_ascii_alphanumeric()).then_some(stop)
}

/// `NW1 6XE`.
fn british_code(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let letters = scan.skip(at, 2, |b| b.is_ascii_uppercase());
    let out = scan.skip(letters, 2, |b| b.is_ascii_alphanumeric());
    let inward = scan.slice(out + 1..out + 4);
    let is_code = letters > at
        && out > letters
        && scan.byte(letters).is_ascii_digit()
        && scan.byte(out) == b' '
        && matches!(inward, [a, b, c] if a.is_ascii_digit() && b.is_ascii_uppercase() && c.is_ascii_uppercase())
        && !scan.byte(out + 4).is_ascii_alphanumeric();
    is_code.then_some(out + 4)
}

/// Names that end like those of addresses and are of other things.
const NOT: &[&[u8]] = &[
    b"emailaddress",
    b"ipaddress",
    b"macaddress",
    b"walletaddress",
    b"contractaddress",
    b"serveraddress",
    b"remoteaddress",
    b"hostaddress",
    b"bindaddress",
    b"listenaddress",
    b"mailaddress",
];

/// `"address": "…"`: the value, if it has a number and a capital and ends with its quote.
fn labelled(scan: &mut Scan<'_>, at: usize) {
    // The other stem that ends so is that of passwords.
    if scan.byte(at.saturating_sub(2)) | 0x20 != b'e' {
        return;
    }
    // There is a number in all of them.
    if !scan.has_digit(at, BEHIND + LINE) {
        return;
    }
    let name: Range<usize> = super::assignment::name_around(scan, at);
    // A name that goes on is given nothing there.
    if super::assignment::is_name(scan.byte(name.end))
        || memchr::memchr2(b'd', b'D', scan.slice(name.clone())).is_none()
    {
        return;
    }
    let text = scan.slice(name.clone());
    let is_plain = text.eq_ignore_ascii_case(b"address");
    let folded = if is_plain { Folded::default() } else { super::assignment::folded(text) };
    let is_address = folded.ends_with(b"address")
        || folded.starts_with(b"address")
        || folded.ends_with(b"addressline1");
    if !is_plain && (!is_address || NOT.iter().any(|name| folded.ends_with(name))) {
        return;
    }
    let Some(value) = super::assignment::value_after(scan, name.end) else { return };
    let is_quoted = value.is_quoted;
    let range = if is_quoted {
        value.range
    } else {
        // To the end of the line.
        let start = value.range.start;
        let end = line_end(scan, start);
        if end < start + LINE && is_code(scan.byte(end)) && scan.byte(end) != b'{' {
            return;
        }
        start..end
    };
    let mut end = range.end;
    while end > range.start && matches!(scan.byte(end - 1), b' ' | b'.' | b',') {
        end -= 1;
    }
    let text = scan.slice(range.start..end);
    if !(10..=LINE).contains(&text.len()) || is_quoted && text.iter().any(|b| is_code(*b)) {
        return;
    }
    let (mut words, mut numbers, mut capitals) = (0, 0, 0);
    for word in text.split(|b| matches!(b, b' ' | b',')) {
        let Some(first) = word.first() else { continue };
        words += 1;
        numbers += usize::from(first.is_ascii_digit() && word.len() <= 7);
        capitals += usize::from(first.is_ascii_uppercase() && word.len() > 1);
        if words > 14 || numbers > 3 {
            return;
        }
    }
    if (3..=14).contains(&words) && (1..=3).contains(&numbers) && capitals >= 1 {
        take(scan, range.start, end);
    }
}

/// Farther behind the stem of a label than any value given to it begins.
const BEHIND: usize = 256;
/// Longest address behind a label.
const LINE: usize = 120;

/// Where the text ends that may be an address. Lines are read once for all the labels in them.
fn line_end(scan: &Scan<'_>, start: usize) -> usize {
    static PLAIN: Class = Class::of(b" ,.");
    let is_inside = |b: u8| {
        PLAIN.has(b)
            || b >= b' ' && !matches!(b, b'"' | b'\\' | b'<' | b'{' | b'|' | b';') && !is_code(b)
    };
    let (mut from, mut to) = scan.read.address.get();
    if !(from..to).contains(&start) {
        (from, to) = (start, start);
    }
    if to < start + LINE {
        to = scan.skip(to, start + LINE - to, is_inside);
        scan.read.address.set((from, to));
    }
    to.min(start + LINE)
}

/// Bytes that stand in no address.
fn is_code(byte: u8) -> bool {
    matches!(byte, b'@' | b'=' | b'{' | b'(' | b'$' | b':' | b'_' | b'%' | b'[' | b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ending_of_a_street_is_passed_over() {
        for ending in ENDINGS {
            assert!(may_end(ending.as_bytes()), "{ending}");
        }
    }
}
