//! Names of persons: two known names in a row, or one behind a label or a greeting.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::ops::Range;

use super::Detector;
use super::names::{Known, known};
use super::words::{Class, Words};
use crate::guardrails::category::Category;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::Name,
    triggers: &[Trigger::Capital, Trigger::Stem],
    stems: b"e",
    stems_inside: b"",
    verify,
    matching: &[
        ("talked to John Smith about it", "John Smith"),
        ("Author: Maria Fernanda Gonzalez <m@x.example>", "Maria Fernanda Gonzalez"),
        ("Dear Katharina, thanks", "Katharina"),
        ("\"first_name\": \"Siobhan\"", "Siobhan"),
        ("by William J. Carter in 2020", "William J. Carter"),
        ("Reported-by: Priya Raghunathan", "Priya Raghunathan"),
        ("Mr. Jonathan O'Connor called", "Jonathan O'Connor"),
        ("signed by Jean-Pierre Dubois.", "Jean-Pierre Dubois"),
        ("spoke with José Hernández today", "José Hernández"),
        ("VALUES (5, 'Richard Evans')", "Richard Evans"),
        ("met Olga Ivanova there", "Olga Ivanova"),
        ("cardholder PETER HOFFMAN", "PETER HOFFMAN"),
        ("first_name=Jessica", "Jessica"),
        ("met Ludwig van Beethoven there", "Ludwig van Beethoven"),
        ("Employee: Mendoza, Carlos", "Mendoza, Carlos"),
    ],
    harmless: &[
        "Visual Studio Code and Google Cloud Platform",
        "class Madison extends Component",
        "name: lodash, author: the team",
        "North Carolina and New York in April",
        "Jenkins Pipeline with Docker Compose",
        "Returns True if Not Found. See Also",
        "Ruby Rails, Jackson Databind, Lincoln Park",
        "Author: Unknown",
    ],
};

static LABELS: Words = Words::whole(&[
    "author",
    "authors",
    "by",
    "name",
    "contact",
    "assignee",
    "owner",
    "creator",
    "reviewer",
    "maintainer",
    "committer",
    "signed-off-by",
    "co-authored-by",
    "reported-by",
    "reviewed-by",
    "tested-by",
    "acked-by",
    "assigned-to",
    "attendee",
    "attendees",
    "customer",
    "patient",
    "employee",
    "manager",
    "candidate",
    "recipient",
    "sender",
    "from",
    "to",
    "cc",
    "attn",
    "full_name",
    "fullname",
    "first_name",
    "firstname",
    "last_name",
    "lastname",
    "surname",
    "cardholder",
    "client",
    "guest",
    "applicant",
    "student",
    "teacher",
    "doctor",
    "holder",
    "beneficiary",
    "payee",
    "tenant",
    "landlord",
    "spouse",
    "presenter",
    "speaker",
    "interviewer",
    "reporter",
    "assigned to",
    "created by",
    "lead",
    "user",
    "person",
    "member",
    "approver",
    "requester",
    "buyer",
    "seller",
    "passenger",
    "insured",
    "witness",
    "editor",
    "translator",
]);

/// Words that stand before a name without a sign: those for persons, and greetings.
#[rustfmt::skip]
static OPENINGS: Words = Words::whole(&[
    "cardholder", "patient", "passenger", "customer", "employee", "applicant", "tenant", "beneficiary", "candidate", "attorney",
    "doctor", "professor", "nurse", "judge", "colleague", "manager", "dear", "hi", "hello", "hey",
    "thanks", "cheers", "regards", "sincerely", "mr", "mrs", "ms", "miss", "dr", "prof",
    "herr", "frau", "madame", "monsieur", "señor", "señora", "sr", "sra", "best", "mme",
    "sir", "greetings", "ciao", "hallo", "bonjour", "liebe", "lieber", "hola", "by",
]);

fn verify(scan: &mut Scan<'_>, at: usize) {
    if at < scan.cursor(Category::Name) {
        return;
    }
    let is_stem = matches!(scan.byte(at), b'e' | b'E') && scan.before(at) | 0x20 == b'm';
    if is_stem {
        labelled(scan, at);
    } else if scan.byte(at).is_ascii_uppercase() && scan.before(at) == b' ' {
        capital(scan, at);
    }
}

#[inline]
fn is_letter(byte: u8) -> bool {
    static LETTERS: Class = Class::letters(b"");
    LETTERS.has(byte)
}

/// Letters, and what joins the parts of a name.
#[inline]
fn is_part(byte: u8) -> bool {
    static PARTS: Class = Class::letters(b"'-");
    PARTS.has(byte)
}

/// A capitalised word that may be a name, with its parts: `O'Connor`, `Jean-Pierre`.
#[derive(Clone, Copy)]
struct Word {
    start: usize,
    /// How many bytes it has, and how many of them are capitals and small letters: in one number,
    /// so that a word fits into two registers.
    shape: NonZeroU32,
}

/// What one byte adds to a shape.
const BYTE: u32 = 1;
const UPPER: u32 = 1 << 8;
const LOWER: u32 = 1 << 16;

impl Word {
    fn of(start: usize, shape: u32) -> Option<Self> {
        NonZeroU32::new(shape).map(|shape| Self { start, shape })
    }

    fn count(self, one: u32) -> usize {
        (self.shape.get() / one % 256) as usize
    }

    fn len(self) -> usize {
        self.count(BYTE)
    }

    fn end(self) -> usize {
        self.start + self.len()
    }

    fn range(self) -> Range<usize> {
        self.start..self.end()
    }

    /// Nothing but capitals.
    fn is_upper(self) -> bool {
        self.count(UPPER) == self.len()
    }

    /// Some letters are small.
    fn has_lower(self) -> bool {
        self.count(LOWER) > 0
    }

    /// Mixed case as in a name: `Smith`, `McDonald`, not `HTTPServer` or `iOS`.
    fn is_cased(self) -> bool {
        let (upper, lower) = (self.count(UPPER), self.count(LOWER));
        upper <= 3 && lower >= 1 && lower + 1 >= upper
    }
}

/// A place where a name may begin, and what has been found out about it.
#[derive(Default)]
struct Capital {
    /// One more than where it is.
    start: Cell<usize>,
    /// The shape of the word that begins there, or zero if there is none.
    shape: Cell<u32>,
    known: Cell<Option<Known>>,
    has_label: Cell<Option<bool>>,
}

/// The last two places where names may begin.
#[derive(Default)]
pub(in crate::guardrails) struct Capitals {
    places: [Capital; 2],
    is_second: Cell<bool>,
}

impl Capitals {
    /// What is known of the place `start`, if it is one of them.
    #[inline]
    fn at(&self, start: usize) -> Option<&Capital> {
        self.places.iter().find(|place| place.start.get() == start + 1)
    }

    /// The word that ends at `end`, if it is one of theirs.
    #[inline]
    fn ending(&self, end: usize) -> Option<Word> {
        let mut words = self
            .places
            .iter()
            .filter_map(|place| Word::of(place.start.get().wrapping_sub(1), place.shape.get()));
        words.find(|word| word.end() == end)
    }

    fn add(&self, start: usize, shape: u32) {
        let is_second = self.is_second.get();
        let [first, second] = &self.places;
        let place = if is_second { second } else { first };
        place.start.set(start + 1);
        place.shape.set(shape);
        place.known.set(None);
        place.has_label.set(None);
        self.is_second.set(!is_second);
    }
}

/// The word at `start`.
fn word(scan: &Scan<'_>, start: usize) -> Option<Word> {
    let first = scan.byte(start);
    if !(first.is_ascii_uppercase() || first >= 0xC3) {
        return None;
    }
    if let Some(place) = scan.read.capitals.at(start) {
        return Word::of(start, place.shape.get());
    }
    let shape = read_shape(scan, start).unwrap_or_default();
    scan.read.capitals.add(start, shape);
    Word::of(start, shape)
}

fn read_shape(scan: &Scan<'_>, start: usize) -> Option<u32> {
    /// Longest word that is read.
    const LONGEST: usize = 32;
    if is_letter(scan.before(start)) {
        return None;
    }
    let mut shape = 0;
    for byte in scan.slice(start..start + LONGEST) {
        let weight = weight(*byte);
        if weight == 0 {
            break;
        }
        shape += weight;
    }
    let mut end = start + (shape % 256) as usize;
    // A typographic apostrophe is three bytes of letters here, and the possessive is none.
    while end > start && matches!(scan.byte(end - 1), b'\'' | b'-') {
        end -= 1;
        shape -= BYTE;
    }
    if end >= start + 2 && scan.byte(end - 1) == b's' && scan.byte(end - 2) == b'\'' {
        end -= 2;
        shape -= LOWER + 2 * BYTE;
    }
    let is_part_of_word = |b: u8| b.is_ascii_digit() || matches!(b, b'_');
    let is_word =
        end > start + 1 && !is_part_of_word(scan.byte(end)) && !is_part_of_word(scan.before(start));
    is_word.then_some(shape)
}

/// What each byte of a word adds to its shape; zero ends it.
#[inline]
fn weight(byte: u8) -> u32 {
    static WEIGHTS: [u32; 256] = {
        let mut weights = [0; 256];
        let mut index = 0;
        while index < 256 {
            let byte = index as u8;
            weights[index] = match byte {
                b'a'..=b'z' => BYTE + LOWER,
                b'A'..=b'Z' => BYTE + UPPER,
                b'\'' | b'-' | 0x80.. => BYTE,
                _ => 0,
            };
            index += 1;
        }
        weights
    };
    WEIGHTS.get(usize::from(byte)).copied().unwrap_or_default()
}

/// What is known of a word; of one in parts, of its parts.
fn knowledge(scan: &Scan<'_>, word: Word) -> Known {
    let place = scan.read.capitals.at(word.start);
    let known = place.and_then(|place| place.known.get());
    known.unwrap_or_else(|| {
        let known = look_up(scan.slice(word.range()));
        place.inspect(|place| place.known.set(Some(known)));
        known
    })
}

fn look_up(text: &[u8]) -> Known {
    // `Al-Sayed`, `El-Amin`.
    if text.len() > 5 && (text.starts_with(b"Al-") || text.starts_with(b"El-")) {
        return Known::LAST;
    }
    let whole = known(text);
    if whole.is_any() {
        return whole;
    }
    // Too short for an ending, or for two parts.
    if text.len() < 5 && text.get(1) != Some(&b'\'') {
        return Known::default();
    }
    if has_family_ending(text) {
        return Known::LAST;
    }
    if !text.iter().any(|b| matches!(b, b'-' | b'\'')) {
        return Known::default();
    }
    let mut parts = text.split(|b| matches!(b, b'-' | b'\'')).filter(|part| part.len() > 1);
    let first = parts.next().map(known).unwrap_or_default();
    let second = parts.next().map(known).unwrap_or_default();
    if text.contains(&b'-') && first.is_any() && second.is_any() {
        return first;
    }
    if text.len() > 2 && text.get(1) == Some(&b'\'') { first } else { Known::default() }
}

/// Endings that only names of families have.
fn has_family_ending(text: &[u8]) -> bool {
    const ENDINGS: &[&[u8]] = &[
        b"wska", b"lska", b"nska", b"wski", b"lski", b"nski", b"czyk", b"wicz", b"ovich", b"evich",
        b"enko", b"opoulos", b"shvili", b"adze", b"escu", b"sdottir", b"ovic", b"evic", b"yants",
    ];
    const LONGER: &[&[u8]] = &[b"ova", b"eva", b"sson", b"yan"];
    text.len() >= 7
        && text.is_ascii()
        && (ENDINGS.iter().any(|end| text.ends_with(end))
            || LONGER.iter().any(|end| text.ends_with(end)))
}

/// The word at `at` may be the last name of a pair, or stand behind a label or greeting.
fn capital(scan: &mut Scan<'_>, at: usize) {
    let Some(last) = word(scan, at) else { return };
    if !last.is_cased() && (last.len() < 3 || last.has_lower()) {
        return;
    }
    let before = at - 1;
    if is_letter(scan.before(before)) || scan.before(before) == b'.' {
        pair(scan, before, last);
        if at < scan.cursor(Category::Name) {
            return;
        }
    }
    if has_label(scan, at) {
        alone(scan, last);
    }
}

/// The words before the space at `before` and `last` together.
fn pair(scan: &mut Scan<'_>, before: usize, last: Word) {
    let mut end = before;
    // `John Q. Public`: step over the initial.
    if scan.byte(end - 1) == b'.' {
        if end >= 3 && scan.byte(end - 2).is_ascii_uppercase() && scan.byte(end - 3) == b' ' {
            end -= 3;
        } else {
            return;
        }
    }
    let mut has_particle = false;
    for _ in 0..2 {
        // A capitalised word is none.
        if scan.read.capitals.ending(end).is_some() {
            break;
        }
        let small = scan.skip_back(end, 6, |b| b.is_ascii_lowercase());
        let is_particle = small < end
            && scan.before(small) == b' '
            && PARTICLES.contains(&scan.slice(small..end));
        if !is_particle || small == 0 {
            break;
        }
        has_particle = true;
        end = small - 1;
    }
    let start = start_of(scan, end);
    if start < scan.cursor(Category::Name) {
        return;
    }
    let Some(first) = word(scan, start).filter(|word| word.end() == end) else { return };
    let is_named =
        first.is_cased() || !last.has_lower() && !first.has_lower() && has_label(scan, start);
    if !is_named {
        return;
    }
    let given = knowledge(scan, first);
    if !given.is_first() {
        return;
    }
    let family = knowledge(scan, last);
    if is_technology(scan.slice(last.range())) || is_nobody(scan.slice(first.range())) {
        return;
    }
    let is_noble = has_particle && last.len() > 3;
    let is_known = family.is_last() && !family.is_ambiguous();
    let is_sure = !given.is_ambiguous() && (is_noble || is_known);
    let is_likely = family.is_any() || last.len() >= 4 && !is_plain(scan, last);
    if is_sure || (is_likely && has_label(scan, start)) {
        let end = further(scan, last.end());
        if is_place(scan, end) {
            return;
        }
        scan.set_cursor(Category::Name, end);
        scan.found(Category::Name, first.start..end);
    }
}

/// Where the word begins that ends at `end`.
fn start_of(scan: &Scan<'_>, end: usize) -> usize {
    if let Some(word) = scan.read.capitals.ending(end)
        && (word.start == 0 || !matches!(scan.byte(word.start - 1), b'\'' | b'-'))
    {
        return word.start;
    }
    let start = scan.past_escape(scan.skip_back(end, 32, is_part));
    // The quote before a name is none of its letters.
    scan.skip(start, 2, |b| matches!(b, b'\'' | b'-'))
}

/// Words that stand where a name would.
fn is_nobody(text: &[u8]) -> bool {
    static WORDS: Words = Words::whole(&[
        "Unknown",
        "None",
        "Null",
        "Anonymous",
        "System",
        "Admin",
        "Default",
        "Guest",
        "User",
        "Team",
        "Nobody",
        "Test",
        "Bot",
        "Root",
    ]);
    WORDS.has(text)
}

/// Small words inside names: `van Dijk`, `de la Cruz`.
const PARTICLES: &[&[u8]] = &[
    b"van", b"von", b"der", b"den", b"de", b"la", b"du", b"da", b"dos", b"di", b"del", b"della",
    b"bin", b"ibn", b"al", b"el", b"ter", b"ten", b"zu",
];

/// Last words of products whose first word is a name as well.
fn is_technology(last: &[u8]) -> bool {
    static WORDS: Words = Words::whole(&[
        "Rails",
        "Gems",
        "Databind",
        "Pipeline",
        "Framework",
        "Engine",
        "Script",
        "Studio",
        "Cloud",
        "Notebook",
        "Language",
        "Runtime",
        "Park",
        "Square",
        "Linux",
        "Server",
        "Client",
        "Driver",
        "Core",
        "Kit",
        "Compiler",
        "Library",
        "Cache",
        "Queue",
        "Stack",
        "Native",
        "Query",
    ]);
    WORDS.has(last) && last.iter().skip(1).all(u8::is_ascii_lowercase)
}

/// A word that ends like nouns of technology do.
fn is_plain(scan: &Scan<'_>, word: Word) -> bool {
    const WORDS: &[&str] = &[
        "Team",
        "Group",
        "Project",
        "Foundation",
        "Inc",
        "Corp",
        "Software",
        "Systems",
        "Labs",
        "Service",
        "Server",
        "Contributors",
        "Developers",
        "License",
        "University",
        "Code",
        "Data",
        "Bot",
        "Build",
        "Street",
        "Road",
        "Avenue",
    ];
    let text = scan.slice(word.range());
    WORDS.iter().any(|word| text == word.as_bytes())
}

/// More last names behind a pair: `Garcia Lopez`, `van Dyk`.
fn further(scan: &Scan<'_>, end: usize) -> usize {
    if scan.byte(end) != b' ' {
        return end;
    }
    match word(scan, end + 1) {
        Some(next) if next.is_cased() => {
            let about = knowledge(scan, next);
            if about.is_last() && !about.is_ambiguous() { next.end() } else { end }
        }
        _ => end,
    }
}

/// Streets and institutions are named after people.
fn is_place(scan: &Scan<'_>, end: usize) -> bool {
    const WORDS: &[&[u8]] = &[
        b" Street",
        b" St.",
        b" Avenue",
        b" Ave",
        b" Road",
        b" Rd",
        b" University",
        b" Foundation",
        b" Institute",
        b" Airport",
        b" Library",
        b" Hospital",
        b" School",
        b" College",
        b" Park",
        b" Boulevard",
        b" Drive",
        b" Lane",
        b" Inc",
        b" LLC",
        b" Ltd",
        b" Corp",
        b" GmbH",
        b" Prize",
        b" Award",
        b" Theorem",
        b" Algorithm",
    ];
    let may_begin = b"SARUFILHCPBDGT".contains(&scan.byte(end + 1));
    scan.byte(end) == b' '
        && may_begin
        && WORDS.iter().any(|word| scan.slice(end..end + word.len()) == *word)
}

/// One known first name is enough behind a label; words that mean something else are not.
fn alone(scan: &mut Scan<'_>, first: Word) {
    let about = knowledge(scan, first);
    if about.is_last() && scan.slice(first.end()..first.end() + 2) == b", " {
        // `Mendoza, Carlos`
        if let Some(given) = word(scan, first.end() + 2)
            && knowledge(scan, given).is_first()
            && is_given(scan, first.start)
        {
            scan.set_cursor(Category::Name, given.end());
            scan.found(Category::Name, first.start..given.end());
            return;
        }
    }
    if !about.is_first() || about.is_ambiguous() || is_nobody(scan.slice(first.range())) {
        return;
    }
    let mut end = first.end();
    if scan.byte(end) == b' ' {
        let next = scan.skip(end + 1, 2, |b| b.is_ascii_uppercase() || b == b'.');
        let from = if next == end + 3 && scan.byte(next - 1) == b'.' && scan.byte(next) == b' ' {
            next + 1
        } else {
            end + 1
        };
        if let Some(following) = word(scan, from)
            && (following.is_cased() || first.is_upper() && following.is_upper())
            && !is_plain(scan, following)
        {
            let about = knowledge(scan, following);
            if about.is_any() && (!about.is_ambiguous() || about.is_last())
                || is_given(scan, first.start)
            {
                end = further(scan, following.end());
            }
        }
    }
    if is_place(scan, end) {
        return;
    }
    scan.set_cursor(Category::Name, end);
    scan.found(Category::Name, first.start..end);
}

/// Behind `label: `, where whole names stand, rather than a greeting.
fn is_given(scan: &Scan<'_>, start: usize) -> bool {
    let before = scan.skip_back(start, 3, |b| matches!(b, b' ' | b'"' | b'\'' | b'\\'));
    matches!(scan.before(before), b':' | b'=')
}

/// Whether a label or a greeting stands right before `start`.
fn has_label(scan: &Scan<'_>, start: usize) -> bool {
    let word = scan.read.capitals.at(start);
    word.and_then(|word| word.has_label.get()).unwrap_or_else(|| {
        let has_label = is_labelled(scan, start);
        word.inspect(|word| word.has_label.set(Some(has_label)));
        has_label
    })
}

fn is_labelled(scan: &Scan<'_>, start: usize) -> bool {
    // `dear `: nearly all words have other ends, and nothing else before them.
    if let Some([second, first, b' ']) =
        start.checked_sub(3).and_then(|at| scan.text.get(at..start))
        && is_part(*first)
        && !matches!(first, b'\'')
        && !OPENINGS.may_end_with(*second, *first)
    {
        return false;
    }
    let quoted = scan.skip_back(start, 4, |b| matches!(b, b'"' | b'\'' | b'\\' | b' '));
    let signed = scan.skip_back(quoted, 3, |b| {
        matches!(b, b':' | b'=' | b',' | b'.' | b'"' | b'\'' | b'\\' | b' ')
    });
    let is_assigned = scan.slice(signed..quoted).iter().any(|b| matches!(b, b':' | b'='));
    let from = scan.skip_back(signed, 24, super::assignment::is_name);
    let from = scan.past_escape(from);
    let label = scan.slice(from..signed);
    if label.is_empty() || quoted == start && !is_assigned {
        return false;
    }
    if is_assigned {
        return LABELS.has(label);
    }
    OPENINGS.has(label)
}

/// A key such as `first_name` or `surname`, whose value is a name even without a space before it.
fn labelled(scan: &mut Scan<'_>, at: usize) {
    const KEYS: &[&str] = &[
        "firstname",
        "lastname",
        "fullname",
        "surname",
        "givenname",
        "familyname",
        "middlename",
        "customername",
        "patientname",
        "employeename",
        "contactname",
        "authorname",
        "cardholdername",
        "displayname",
        "maidenname",
        "nameoncard",
        "accountname",
        "clientname",
        "ownername",
        "name",
        "username",
    ];
    let name = super::assignment::name_around(scan, at);
    // A name that goes on is given nothing there.
    if super::assignment::is_name(scan.byte(name.end))
        || super::assignment::is_lower_after(scan, name.end)
    {
        return;
    }
    let text = scan.slice(name.clone());
    // As the last letter is in all of them.
    let last = text.iter().rev().find(|byte| byte.is_ascii_alphanumeric());
    if !last.is_some_and(|byte| matches!(byte | 0x20, b'e' | b'd')) {
        return;
    }
    let mut place = [0; 16];
    let folded = super::assignment::folded_end(text, &mut place);
    let fifth = |text: &[u8]| text.len().checked_sub(5).and_then(|at| text.get(at).copied());
    let Some(key) = KEYS.iter().find(|key| {
        *folded == *key.as_bytes()
            || fifth(key.as_bytes()) == fifth(folded)
                && key.len() > 5
                && folded.ends_with(key.as_bytes())
    }) else {
        return;
    };
    let Some(value) = super::assignment::value_after(scan, name.end) else { return };
    if value.sign == super::assignment::Sign::Word || *key == "username" {
        return;
    }
    let Some(first) = word(scan, value.range.start) else { return };
    if !first.is_cased() {
        return;
    }
    if *key != "name" && *key != "displayname" && *key != "accountname" {
        // The key says it: whatever looks like names is one.
        let is_names = |b: u8| is_letter(b) || matches!(b, b' ' | b'\'' | b'-' | b'.');
        let end = scan.skip(value.range.start, 48, is_names).min(value.range.end);
        let text = scan.slice(value.range.start..end);
        let about = knowledge(scan, first);
        if end == value.range.end
            && (value.is_quoted || about.is_first() && !about.is_ambiguous())
            && text.split(|b| *b == b' ').count() <= 4
            && (about.is_any() || *key != "fullname")
            && !is_plain_label(text)
        {
            scan.set_cursor(Category::Name, end);
            scan.found(Category::Name, value.range.start..end);
        }
        return;
    }
    if scan.byte(value.range.start.saturating_sub(1)) != b' ' && first.end() < value.range.end {
        let about = knowledge(scan, first);
        if about.is_first() && !about.is_ambiguous() {
            alone_pair(scan, first);
        }
    }
}

/// Texts of forms: `First name`, `Last Name`.
fn is_plain_label(text: &[u8]) -> bool {
    let lower = text.to_ascii_lowercase();
    [b"name".as_slice(), b"vorname", b"field", b"string", b"text", b"first", b"last", b"your"]
        .iter()
        .any(|word| memchr::memmem::find(&lower, word).is_some())
}

/// A first name with a known or likely last name right behind it.
fn alone_pair(scan: &mut Scan<'_>, first: Word) {
    let Some(last) = word(scan, first.end() + 1) else { return };
    let about = knowledge(scan, last);
    if scan.byte(first.end()) == b' ' && about.is_last() && !is_place(scan, last.end()) {
        let end = further(scan, last.end());
        scan.set_cursor(Category::Name, end);
        scan.found(Category::Name, first.start..end);
    }
}
