//! Passwords and other secrets that people choose: by the name they are given to.

use std::ops::Range;

use super::Detector;
use super::assignment::{
    Sign, Value, folded, folded_end, is_name, name_around, value_after, value_at, value_beside,
};
use super::commands;
use super::entropy::Mix;
use super::placeholder::{is_common, is_phrase, is_placeholder};
use super::words::Words;
use crate::guardrails::category::Category;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::Password,
    triggers: &[Trigger::Stem],
    stems: b"abcdefghijklmnopqrstuvwxyz:(",
    stems_inside: b":d",
    verify,
    matching: &[
        ("DB_PASSWORD=correcthorse", "correcthorse"),
        ("\"password\": \"Tr0ub4dor&3\"", "Tr0ub4dor&3"),
        ("password: hunter2!x", "hunter2!x"),
        ("the password is Sommer2024!", "Sommer2024!"),
        ("mysql --password s3cr3tpw -u root", "s3cr3tpw"),
        ("Server=x;User=sa;Pwd=Winter;Timeout=5", "Winter"),
        ("<password>zyx-987</password>", "zyx-987"),
        ("ALTER USER a IDENTIFIED BY 'abc$123'; -- password", "abc$123"),
        ("passwd = 'let me in 42'", "let me in 42"),
        (r#"{\"password\":\"n3sted-v4lue\"}"#, "n3sted-v4lue"),
        ("CLIENT_SECRET=\"shortish-1\"", "shortish-1"),
        ("curl -u ada:l0velace9 https://x.example", "l0velace9"),
        ("mysql -u root -pWinter77 app", "Winter77"),
        ("docker exec -it db mysql -u root -pWinter77 app", "Winter77"),
        ("echo 'p1ped-In' | sudo -S ls", "p1ped-In"),
        ("requests.get(u, auth=(\"ada\", \"l0velace\"))", "l0velace"),
        ("| password | Tr0ub4dor | x |", "Tr0ub4dor"),
        ("SET PASSWORD FOR 'a'@'%' = 'x7y8z9';", "x7y8z9"),
        ("<Password value=\"zyx-987\"/>", "zyx-987"),
        ("wachtwoord: Fiets2024!", "Fiets2024!"),
        ("пароль: letmein99", "letmein99"),
        ("reset her password to Winter25!", "Winter25!"),
        ("root_pw: Sommer24", "Sommer24"),
        ("db_password: str = \"hunter42\"", "hunter42"),
        ("user.set_password('hunter42')", "hunter42"),
        ("<entry key=\"db.password\">zyx-987</entry>", "zyx-987"),
        ("- name: DB_PASSWORD\n  value: Sommer24", "Sommer24"),
        ("**Password:** Sommer24!", "Sommer24!"),
        ("Password: **Sommer24!**", "Sommer24!"),
        ("use Sommer24! as the password", "Sommer24!"),
        ("INSERT INTO u (name, password) VALUES ('ada', 'Sommer24');", "Sommer24"),
        ("password: correct-horse-battery", "correct-horse-battery"),
    ],
    harmless: &[
        "password: string; password?: string",
        "password = os.environ['DB_PASSWORD']",
        "def check(password: str) -> bool: return password == other",
        "auth_token = input('token: ')",
        "\"password\": \"Password is required\"",
        "PASSWORD=${DB_PASSWORD}",
        "password = getpass.getpass()",
        "password: <your-password>",
        "type=\"password\" name=\"password\" id=\"password\"",
        "the password is required and the secret is safe",
        "test_password_reset_email(self): pass",
        "secret: true, token: null, password=None",
        "secretName: db-credentials",
        "password=********",
        "--password-file /run/secrets/pw",
        "docker run -p 8080:80 -u 1000:1000 nginx",
        "curl -u $USER:$PASS https://x.example; curl -u user:password x",
        "| password | varchar(255) | not null |",
        "OLDPWD=/srv PWD=/srv/app",
        "password: my-db-secret-name",
        "used by the team, identified by its id",
        "get_password('Enter it: '), check_password(\"wrong\"), password: str = None",
        "https://<user>:<password>@host",
        "mkdir -p build; grep -P pattern; openssl x509 -in a",
    ],
};

/// Names that end like this are given secrets.
static ENDS: Words = Words::ends(&[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "passwort",
    "pwd",
    "pass",
    "secret",
    "credential",
    "passe",
    "contrasea",
    "contrasena",
    "psk",
    "senha",
    "userpass",
    "dbpass",
    "passw",
    "token",
    "apikey",
    "secretkey",
    "privatekey",
    "accesskey",
    "authkey",
    "encryptionkey",
    "masterkey",
    "signingkey",
    "kennwort",
    "wachtwoord",
    "losenord",
    "lsenord",
    "secretkeybase",
    "passord",
    "pw",
    "pswd",
]);

/// Words for a password that end beyond ASCII.
const FOREIGN: &[&str] = &[
    "пароль",
    "密码",
    "密碼",
    "口令",
    "パスワード",
    "暗証番号",
    "암호",
    "비밀번호",
    "סיסמה",
    "jelszó",
    "hasło",
    "كلمة المرور",
    "รหัสผ่าน",
    "κωδικός",
];

fn verify(scan: &mut Scan<'_>, at: usize) {
    if at < scan.cursor(Category::Password) {
        return;
    }
    match scan.byte(at) {
        b':' => {
            foreign(scan, at);
            return;
        }
        b'(' => {
            pair(scan, at);
            return;
        }
        b'y' | b'Y' if scan.before(at.saturating_sub(1)) == b' ' => {
            identified_by(scan, at + 1);
            return;
        }
        _ if scan.before(at) == b'-' => commands::option(scan, at),
        _ => {}
    }
    if scan.before(at) == b'-' && !is_name(scan.byte(at + 1)) {
        // The name of one letter that such an option has is none of a password.
        return;
    }
    let name = name_around(scan, at);
    scan.set_cursor(Category::Password, name.end);
    if is_in_plain(scan, &name) || is_idle(scan, &name) {
        return;
    }
    let Some(strength) = strength(scan, &name) else {
        credentials(scan, &name);
        return;
    };
    if scan.slice(name.clone()) == b"chpasswd" {
        commands::piped_into(scan, name.start);
        return;
    }
    // There are digits in all of the others.
    if strength == Strength::Secret && !scan.has_digit(name.end, REACH + LONGEST) {
        return;
    }
    let Some(value) = value_after(scan, name.end).or_else(|| option(scan, &name)) else {
        if strength == Strength::Password && (used_as(scan, &name) || inserted(scan, &name)) {
            return;
        }
        beside(scan, &name, strength);
        return;
    };
    let mut value = value;
    // Forms: `password=x&remember=1`.
    if !value.is_quoted
        && value.sign == Sign::Equal
        && value.range.len() >= 4
        && let Some(end) = next_field(scan.slice(value.range.clone()))
        && scan.slice(value.range.start + end..value.range.end).contains(&b'=')
    {
        value.range.end = value.range.start + end;
    }
    if is_secret(scan, &name, &value, strength) {
        scan.set_cursor(Category::Password, value.range.end);
        scan.found(Category::Password, value.range);
    } else if value.sign == Sign::Colon && !value.is_quoted {
        remember_plain(scan, value.range);
    }
}

/// Keeps what was given to a name if it is plain: what names in it are given is plain as well.
fn remember_plain(scan: &Scan<'_>, range: Range<usize>) {
    if range.len() > LONGEST {
        return;
    }
    let mix = scan.read.value_mix.mix(scan, &range);
    // Nothing is cut off its end, nor is it a type: `: str = x`.
    let after = (scan.byte(range.end), scan.byte(range.end + 1));
    let is_over = after.0 <= b' ' && after != (b' ', b'=');
    if mix.digits == 0 && mix.foreign == 0 && is_over {
        scan.read.plain.set((range.start, range.end));
    }
}

/// Whether the name is given the rest of a value without quotes that has neither digits nor signs:
/// only a phrase would be a password.
fn is_in_plain(scan: &Scan<'_>, name: &Range<usize>) -> bool {
    let (from, to) = scan.read.plain.get();
    let start = name.end + 1;
    // A letter and a quote may begin a string.
    if name.end < from || start + 1 >= to || scan.byte(name.end) != b':' {
        return false;
    }
    let is_command = scan.byte(name.start) == b'c' && name.len() == 8;
    !is_command && !may_be_credentials(scan, name) && !is_phrase(scan.slice(start..to))
}

/// Whether the name is a word in a sentence: another word that gives it no value stands behind it,
/// and nothing before it that makes it the end of `use X as the password` or a table's column.
fn is_idle(scan: &Scan<'_>, name: &Range<usize>) -> bool {
    let has_sign = scan.byte(name.end) == b':';
    let word = match scan.byte(name.end) {
        b' ' => name.end + 1,
        b':' => scan.skip(name.end + 1, 2, |b| b == b' '),
        _ => return false,
    };
    if !scan.byte(word).is_ascii_alphabetic() {
        return false;
    }
    let end = scan.skip(word, 24, |b| b.is_ascii_alphabetic());
    // `--password x`, `echo x | chpasswd`, `credentials x/y`.
    let is_special = match scan.byte(name.start) {
        b'-' => true,
        b'c' if name.len() == 8 => true,
        _ => may_be_credentials(scan, name),
    };
    let is_end = match scan.byte(end) {
        b' ' => true,
        b':' | b'.' | b'?' => scan.byte(end + 1) == b' ',
        _ => false,
    };
    if !is_end || is_special {
        return false;
    }
    // A type, or the word is the value, which is none.
    if has_sign {
        return scan.byte(end + 1) != b'=';
    }
    !gives_value(scan.slice(word..end))
        && link_before(scan, name.start).is_none()
        && !has_paren_before(scan, name.start)
}

/// Whether a value may stand behind `word`, or in the member that it names.
fn gives_value(word: &[u8]) -> bool {
    static WORDS: Words = Words::whole(&[
        "is", "was", "set", "are", "changed", "reset", "will", "ist", "lautet", "est", "for", "of",
        "to",
    ]);
    match word.first().map(|byte| byte | 0x20) {
        Some(b'i' | b'w' | b's' | b'a' | b'c' | b'r' | b'l' | b'e' | b'f' | b'o' | b't') => {
            WORDS.has(word)
        }
        Some(b'v') => word.get(..5).is_some_and(|head| head.eq_ignore_ascii_case(b"value")),
        _ => false,
    }
}

/// Whether an opening parenthesis stands where [`inserted`] looks for one.
fn has_paren_before(scan: &Scan<'_>, end: usize) -> bool {
    let start = end.saturating_sub(COLUMNS);
    let (mut from, to, mut last) = scan.read.paren.get();
    if end < to {
        return true;
    }
    let next = if start > to || start < from {
        (from, last) = (start, 0);
        start
    } else {
        to
    };
    for at in next..end {
        if scan.byte(at) == b'(' {
            last = at + 1;
        }
    }
    scan.read.paren.set((from, end, last));
    last > start
}

/// Longest value that is a secret.
const LONGEST: usize = 256;
/// Farther behind a name than any value given to it begins.
const REACH: usize = 256;
/// Longest value that is read.
const READ: usize = 512;

/// Where the next field of a form begins: `&remember`.
fn next_field(text: &[u8]) -> Option<usize> {
    // A longer value is none, wherever it is cut.
    memchr::memchr_iter(b'&', text.get(..=LONGEST).unwrap_or(text))
        .find(|at| text.get(at + 1).is_some_and(u8::is_ascii_lowercase))
}

/// How much a name says about its value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::guardrails) enum Strength {
    /// It is a password.
    Password,
    /// It may be a reference, an id or a name.
    Secret,
}

/// What `name` says. The same names stand in a text again and again: the last ones are remembered.
fn strength(scan: &Scan<'_>, name: &Range<usize>) -> Option<Strength> {
    let text = scan.slice(name.clone());
    let (Some(first), Some(last)) = (text.first(), text.last()) else { return None };
    let place = text.len() ^ usize::from(first >> 1) ^ usize::from(*last);
    let places = &scan.read.strengths;
    let Some(known) = places.get(place % places.len()) else { return judge(scan, name) };
    let (start, end, strength) = known.get();
    // As loops: nearly all names are too short for a call.
    let is_same = |known: &[u8]| known.iter().zip(text).all(|(one, other)| one == other);
    if end - start == text.len() && is_same(scan.slice(start..end)) {
        return strength;
    }
    let strength = judge(scan, name);
    known.set((name.start, name.end, strength));
    strength
}

/// As [`strength`], by reading the name.
fn judge(scan: &Scan<'_>, name: &Range<usize>) -> Option<Strength> {
    // `password1`, `PASSWORD_2`.
    let text = scan.slice(name.clone());
    if !ENDS.may_end(folded_end(text, &mut [0; 3]), text.len()) {
        return None;
    }
    let mut place = [0; 16];
    let folded = folded_end(scan.slice(name.clone()), &mut place);
    let end = ENDS.end_of(folded)?;
    // The others are kinds of keys, secrets, credentials and tokens.
    let is_password = match end.as_bytes() {
        [b'c', second, ..] => *second == b'o',
        [b's', _, third, ..] => matches!(third, b'k' | b'n'),
        [b'p', second, ..] => *second != b'r',
        [first, ..] => matches!(first, b'u' | b'd' | b'k' | b'w' | b'l'),
        [] => false,
    };
    // `pw`, `root_pw`, `adminpw`; not `httpw`.
    if end == "pw" && !is_pw(scan.slice(name.clone())) {
        return None;
    }
    // `bypass`, `compass`.
    let is_other_word = folded.len() > 4
        && end == "pass"
        && [
            b"bypass".as_slice(),
            b"reisepass",
            b"compass",
            b"encompass",
            b"surpass",
            b"trespass",
            b"overpass",
            b"firstpass",
            b"onepass",
            b"multipass",
            b"underpass",
        ]
        .iter()
        .any(|word| folded.ends_with(word));
    if is_other_word {
        return None;
    }
    Some(if is_password { Strength::Password } else { Strength::Secret })
}

/// `password "x"`, `requirepass x`: only what nobody would write there as a word.
fn beside(scan: &mut Scan<'_>, name: &Range<usize>, strength: Strength) {
    if strength != Strength::Password || !scan.has_digit(name.end, REACH + READ) {
        return;
    }
    let Some(value) = value_beside(scan, name.end) else { return };
    let text = scan.slice(value.range.clone());
    if text.len() < 6 || !text.iter().any(u8::is_ascii_digit) {
        return;
    }
    let mix = Mix::of(text);
    let kinds = [mix.lower, mix.upper, mix.digits, mix.others].iter().filter(|n| **n > 0).count();
    let is_strong =
        text.len() >= 8 && mix.digits > 0 && mix.letters() > 2 && (kinds >= 3 || value.is_quoted);
    let is_cell = scan.byte(name.end) == b'\t' && mix.digits > 0 && text.len() >= 6;
    let is_strong = is_strong || is_cell && mix.letters() > 1 || is_likely(text, mix);
    if is_strong && !text.contains(&b' ') && !is_placeholder(text) && !is_code(scan, &value, text) {
        scan.set_cursor(Category::Password, value.range.end);
        scan.found(Category::Password, value.range);
    }
}

/// What links the name at `start` to a value before it.
fn link_before(scan: &Scan<'_>, start: usize) -> Option<&'static [u8]> {
    const LINKS: &[&[u8]] = &[b" as the ", b" as your ", b" as my ", b" as a ", b" as "];
    let head = scan.slice(start.saturating_sub(9)..start);
    let may_link = matches!(
        head,
        [.., b'h', b'e', b' ']
            | [.., b'u', b'r', b' ']
            | [.., b'm', b'y', b' ']
            | [.., b' ', b'a', b' ']
            | [.., b' ', b'a', b's', b' ']
    );
    may_link.then(|| LINKS.iter().find(|link| head.ends_with(link)).copied()).flatten()
}

/// `use VALUE as the password`.
fn used_as(scan: &mut Scan<'_>, name: &Range<usize>) -> bool {
    let Some(link) = link_before(scan, name.start) else { return false };
    let stop = name.start - link.len();
    let end = scan.skip_back(stop, 2, |b| matches!(b, b'"' | b'\'' | b'`'));
    let start = scan.skip_back(end, 64, |b| b > b' ' && !matches!(b, b'"' | b'\'' | b'`'));
    let text = scan.slice(start..end);
    let mix = Mix::of(text);
    let is_value = text.len() >= 6 && mix.digits > 0 && mix.letters() > 1 && !is_placeholder(text);
    if is_value {
        scan.found(Category::Password, start..end);
    }
    is_value
}

/// How far before the name of a column its list may begin.
const COLUMNS: usize = 96;

/// `INSERT INTO t (name, password) VALUES ('ada', 'VALUE')`.
fn inserted(scan: &mut Scan<'_>, name: &Range<usize>) -> bool {
    if !has_paren_before(scan, name.start) {
        return false;
    }
    let open = name.start - scan.slice(name.start.saturating_sub(COLUMNS)..name.start).len();
    let head = scan.slice(open..name.start);
    let window = scan.slice(name.end..name.end + 160);
    let Some(close) = memchr::memchr(b')', window) else { return false };
    let Some(list) = memchr::memrchr(b'(', head) else { return false };
    let place = memchr::memchr_iter(b',', head.get(list..).unwrap_or_default()).count();
    let rest = window.get(close..).unwrap_or_default();
    let is_values =
        |at: &usize| rest.get(*at..at + 6).is_some_and(|word| word.eq_ignore_ascii_case(b"values"));
    let Some(values) = (0..=8).find(is_values) else { return false };
    let mut at = name.end + close + values + 6;
    at = scan.skip(at, 3, |b| matches!(b, b' ' | b'('));
    for _ in 0..place {
        let Some(comma) = memchr::memchr2(b',', b'\n', scan.slice(at..at + 128)) else {
            return false;
        };
        at = scan.skip(at + comma + 1, 2, |b| b == b' ');
    }
    let Some(value) = value_at(scan, at).filter(|value| value.is_quoted) else { return false };
    let text = scan.slice(value.range.clone());
    let mix = Mix::of(text);
    let is_value = text.len() >= 4 && mix.digits + mix.others > 0 && !is_placeholder(text);
    if is_value {
        scan.set_cursor(Category::Password, value.range.end);
        scan.found(Category::Password, value.range);
    }
    is_value
}

/// `--password VALUE`, `-password VALUE`.
fn option(scan: &Scan<'_>, name: &Range<usize>) -> Option<Value> {
    if scan.byte(name.start) != b'-' || scan.byte(name.end) != b' ' {
        return None;
    }
    let start = name.end + 1;
    let quote = matches!(scan.byte(start), b'"' | b'\'');
    let from = start + usize::from(quote);
    let end = scan.skip(from, 128, |b| {
        if quote {
            !matches!(b, b'"' | b'\'' | b'\n')
        } else {
            b > b' ' && !matches!(b, b'"' | b'\'' | b'\\' | b';')
        }
    });
    (end > from && scan.byte(from) != b'-').then_some(Value {
        range: from..end,
        is_quoted: quote,
        sign: Sign::Word,
    })
}

/// `IDENTIFIED BY 'value'`: SQL gives it no name. `end` is where the words end.
fn identified_by(scan: &mut Scan<'_>, end: usize) {
    const WORDS: &[u8] = b"identified by";
    let from = end.saturating_sub(WORDS.len());
    if !scan.slice(from..end).eq_ignore_ascii_case(WORDS) {
        return;
    }
    let Some(value) = value_beside(scan, end) else { return };
    let text = scan.slice(value.range.clone());
    let is_given = value.is_quoted || Mix::of(text).digits > 0;
    if is_given && text.len() > 2 && !is_placeholder(text) && !is_common(text) {
        scan.set_cursor(Category::Password, value.range.end);
        scan.found(Category::Password, value.range);
    }
}

/// `пароль: x`, `密码: x`.
fn foreign(scan: &mut Scan<'_>, colon: usize) {
    let head = scan.slice(colon.saturating_sub(40)..colon);
    if !FOREIGN.iter().any(|word| head.ends_with(word.as_bytes())) {
        return;
    }
    let Some(value) = value_after(scan, colon) else { return };
    let text = scan.slice(value.range.clone());
    let mix = Mix::of(text);
    if text.len() >= 4 && mix.letters() > 0 && mix.digits + mix.others > 0 && !is_placeholder(text)
    {
        scan.set_cursor(Category::Password, value.range.end);
        scan.found(Category::Password, value.range);
    }
}

/// Whether the name is long enough for `credentials`, and may end so.
fn may_be_credentials(scan: &Scan<'_>, name: &Range<usize>) -> bool {
    name.len() >= CREDENTIALS.len()
        && matches!(scan.byte(name.end - 1), b's' | b'S' | b'_' | b'-' | 0x80..)
}

const CREDENTIALS: &[u8] = b"credentials";

/// `credentials = ("ada", "x")`, `credentials: ada / x`.
fn credentials(scan: &mut Scan<'_>, name: &Range<usize>) {
    if !may_be_credentials(scan, name) || !folded(scan.slice(name.clone())).ends_with(CREDENTIALS) {
        return;
    }
    let sign = scan.skip(name.end, 3, |b| matches!(b, b' ' | b'=' | b':'));
    if sign == name.end {
        return;
    }
    if scan.byte(sign) == b'(' {
        pair(scan, sign);
        return;
    }
    let user = scan.skip(sign, 64, |b| b > b' ' && !matches!(b, b'"' | b'\'' | b'{' | b'/'));
    let start = scan.skip(user, 3, |b| matches!(b, b' ' | b'/'));
    if user > sign && scan.slice(user..start).contains(&b'/') {
        take_second(scan, start);
    }
}

/// `auth=("ada", "x")`: two strings in parentheses.
fn pair(scan: &mut Scan<'_>, open: usize) {
    let Some(user) = value_at(scan, open + 1).filter(|value| value.is_quoted) else { return };
    let comma = scan.skip(user.range.end, 4, |b| matches!(b, b'"' | b'\'' | b'\\' | b',' | b' '));
    let has_comma = scan.slice(user.range.end..comma).contains(&b',');
    let is_user = user.range.len() <= 64 && !scan.slice(user.range.clone()).contains(&b' ');
    let quote = scan.skip_back(comma, 2, |b| matches!(b, b'"' | b'\'' | b'\\'));
    if has_comma && is_user && quote < comma {
        take_second(scan, quote);
    }
}

fn take_second(scan: &mut Scan<'_>, start: usize) {
    let Some(value) = value_at(scan, start) else { return };
    let text = scan.slice(value.range.clone());
    let mix = Mix::of(text);
    if text.len() >= 5
        && mix.digits > 0
        && mix.letters() > 0
        && !text.contains(&b' ')
        && !text.contains(&b'/')
        && !is_placeholder(text)
        && !is_common(text)
    {
        scan.set_cursor(Category::Password, value.range.end);
        scan.found(Category::Password, value.range);
    }
}

/// Whether a name that ends in `pw` is one of a password.
fn is_pw(name: &[u8]) -> bool {
    let head = name.len().saturating_sub(2);
    let before = name.get(..head).unwrap_or_default();
    before.is_empty()
        || matches!(before.last(), Some(b'_' | b'-'))
        || [b"root".as_slice(), b"admin", b"user", b"db", b"my", b"ftp", b"wifi", b"bind", b"smtp"]
            .iter()
            .any(|word| before.eq_ignore_ascii_case(word))
}

/// Letters and numbers as people choose them, `letmein99`; not names of algorithms.
fn is_likely(text: &[u8], mix: Mix) -> bool {
    const ALGORITHMS: &[&[u8]] = &[
        b"sha", b"md5", b"argon", b"pbkdf", b"bcrypt", b"scrypt", b"base64", b"utf", b"aes",
        b"oauth", b"hmac", b"step", b"v1", b"v2", b"crc", b"http", b"ipv", b"x509", b"ed25519",
        b"rsa",
    ];
    let begins =
        |name: &&[u8]| text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
    text.len() >= 7
        && mix.digits >= 1
        && mix.letters() >= 4
        && mix.others == 0
        && text.last().is_some_and(u8::is_ascii_digit)
        && !ALGORITHMS.iter().any(begins)
}

fn is_secret(scan: &Scan<'_>, name: &Range<usize>, value: &Value, strength: Strength) -> bool {
    let text = scan.slice(value.range.clone());
    let least = if strength == Strength::Password { 4 } else { 8 };
    if text.len() < least || text.len() > LONGEST {
        return false;
    }
    let mix = scan.read.value_mix.mix(scan, &value.range);
    // Most values are words, which only few notations make a secret of.
    if mix.digits == 0 {
        let is_word = mix.others == 0 && !value.is_quoted;
        if strength == Strength::Secret || is_word && matches!(value.sign, Sign::Word | Sign::Colon)
        {
            return false;
        }
    }
    let is_complex = mix.letters() > 0 && (mix.digits > 0 || mix.others > 0);
    let spaces = if value.is_quoted { memchr::memchr_iter(b' ', text).count() } else { 0 };
    if spaces > 0 && (mix.digits == 0 || spaces > 4 || strength == Strength::Secret) {
        return false;
    }
    if text.starts_with(b"@") && value.sign == Sign::Tag {
        return false;
    }
    let is_plain_word = mix.digits == 0 && mix.others == 0;
    let is_given = match value.sign {
        _ if strength == Strength::Secret => {
            let kinds =
                [mix.lower, mix.upper, mix.digits, mix.others].iter().filter(|n| **n > 0).count();
            let is_given = value.is_quoted || value.sign == Sign::Equal;
            let is_constant = scan.slice(name.clone()).iter().all(|b| !b.is_ascii_lowercase());
            mix.digits > 0
                && mix.letters() > 2
                && (is_given && (kinds >= 3 || text.len() >= 12 || is_constant)
                    || kinds >= 3 && (mix.symbols > 0 || text.len() >= 10))
        }
        Sign::Word => {
            (is_complex && (mix.digits > 0 || mix.symbols > 0))
                || (value.is_quoted && !is_common(text))
        }
        Sign::Tag => !is_common(text),
        Sign::Call => mix.digits > 0 && mix.letters() > 1 && spaces == 0,
        _ if value.is_quoted => !is_common(text) && (!is_plain_word || text.len() >= 5),
        Sign::Equal => {
            let is_constant = scan.slice(name.clone()).iter().all(|b| !b.is_ascii_lowercase())
                || scan.before(name.start) == b';'
                || scan.before(name.start) == b'&';
            (is_complex && !is_identifier(mix))
                || is_phrase(text)
                || (is_constant && !is_common(text))
                || (mix.digits >= 4 && mix.letters() == 0)
        }
        Sign::Colon => {
            (is_complex && !is_identifier(mix))
                || is_phrase(text)
                || (mix.digits >= 6 && mix.letters() == 0)
        }
    };
    is_given && !is_placeholder(text) && !is_code(scan, value, text)
}

/// Names of things in code: words joined by `_`, `-` or `.`, without a digit among letters.
fn is_identifier(mix: Mix) -> bool {
    mix.digits == 0 && mix.foreign == 0
}

/// Calls, members, types and variables, as far as they are not in quotes.
fn is_code(scan: &Scan<'_>, value: &Value, text: &[u8]) -> bool {
    if value.is_quoted {
        return false;
    }
    let after = scan.byte(value.range.end);
    let is_call = after == b'(' || memchr::memchr3(b'(', b'[', b'{', text).is_some();
    let first = text.split(|byte| *byte == b'.').next().unwrap_or_default();
    let is_member = text.contains(&b'.')
        && first.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_')
        && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'));
    let is_operator = text.starts_with(b"=")
        || text.starts_with(b"!=")
        || text.starts_with(b"&&")
        || text.starts_with(b"->");
    let is_directory = text.starts_with(b"/") && scan.before(value.range.start) == b'=' && {
        let name = name_around(scan, value.range.start - 2);
        scan.slice(name).to_ascii_lowercase().ends_with(b"pwd")
    };
    let is_path = (text.starts_with(b"/") || text.starts_with(b"./") || text.starts_with(b"~/"))
        && memchr::memchr_iter(b'/', text).count() > 1;
    is_call
        || is_member
        || is_operator
        || is_path
        || is_directory
        || text.starts_with(b"&")
        || text.starts_with(b"*")
}

#[cfg(test)]
mod tests {
    use super::super::super::category::Categories;
    use super::super::super::scanner::Scanner;

    #[test]
    fn names_in_a_value_that_is_none_are_given_what_is_one() {
        let scanner = Scanner::new(Categories::ALL);
        for (text, value) in [
            ("pw:pw:str = x1y2z3", Some("x1y2z3")),
            ("pw:pw:b'x1y2z3'", Some("x1y2z3")),
            ("pw:a:pw:correct-horse-battery", Some("correct-horse-battery")),
            ("pw:a:pw: x1y2z3", Some("x1y2z3")),
            ("pw:pw:pw:abcdef", None),
        ] {
            let found = scanner.scan(text.as_bytes(), None).unwrap();
            assert_eq!(found.first().map(|found| &text[found.range()]), value, "{text}");
        }
    }
}
