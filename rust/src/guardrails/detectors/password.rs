//! Passwords and other secrets that people choose: by the name they are given to.

use std::ops::Range;

use super::Detector;
use super::assignment::{Sign, Value, folded, name_around, value_after, value_beside};
use super::entropy::Mix;
use crate::guardrails::category::Category;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::Password,
    triggers: &[Trigger::Stem],
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
    ],
};

/// Names that end like this are given secrets.
const ENDS: &[&str] = &[
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
];

fn verify(scan: &mut Scan<'_>, at: usize) {
    if at < scan.cursor(Category::Password) {
        return;
    }
    let name = name_around(scan, at);
    scan.set_cursor(Category::Password, name.end);
    let Some(strength) = strength(scan, &name) else { return };
    if strength == Strength::Password {
        identified_by(scan, &name);
    }
    let Some(value) = value_after(scan, name.end).or_else(|| option(scan, &name)) else {
        beside(scan, &name, strength);
        return;
    };
    let mut value = value;
    // Forms: `password=x&remember=1`.
    if !value.is_quoted
        && value.sign == Sign::Equal
        && let Some(end) = scan
            .slice(value.range.clone())
            .windows(2)
            .position(|w| w[0] == b'&' && w[1].is_ascii_lowercase())
        && scan.slice(value.range.start + end..value.range.end).contains(&b'=')
    {
        value.range.end = value.range.start + end;
    }
    if is_secret(scan, &name, &value, strength) {
        scan.set_cursor(Category::Password, value.range.end);
        scan.found(Category::Password, value.range);
    }
}

/// How much a name says about its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strength {
    /// It is a password.
    Password,
    /// It may be a reference, an id or a name.
    Secret,
}

fn strength(scan: &Scan<'_>, name: &Range<usize>) -> Option<Strength> {
    let mut folded = folded(scan.slice(name.clone()));
    // `password1`, `PASSWORD_2`.
    while folded.last().is_some_and(u8::is_ascii_digit) {
        folded.pop();
    }
    let end = ENDS.iter().find(|end| folded.ends_with(end.as_bytes()))?;
    let is_password = end.starts_with("pass")
        || matches!(
            *end,
            "pwd" | "contrasea" | "contrasena" | "psk" | "senha" | "userpass" | "dbpass"
        );
    // `bypass`, `compass`.
    let is_other_word = *end == "pass"
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
    let Some(value) = value_beside(scan, name.end) else { return };
    let text = scan.slice(value.range.clone());
    let mix = Mix::of(text);
    let kinds = [mix.lower, mix.upper, mix.digits, mix.others].iter().filter(|n| **n > 0).count();
    let is_strong =
        text.len() >= 8 && mix.digits > 0 && mix.letters() > 2 && (kinds >= 3 || value.is_quoted);
    if strength == Strength::Password
        && is_strong
        && !text.contains(&b' ')
        && !is_placeholder(text)
        && !is_code(scan, &value, text)
    {
        scan.set_cursor(Category::Password, value.range.end);
        scan.found(Category::Password, value.range);
    }
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

/// `IDENTIFIED BY 'value'` near the word password: SQL gives it no name.
fn identified_by(scan: &mut Scan<'_>, name: &Range<usize>) {
    const WORDS: &[u8] = b"identified by";
    let from = name.start.saturating_sub(160);
    let window = scan.slice(from..name.start);
    let lower = window.to_ascii_lowercase();
    let Some(found) = memchr::memmem::rfind(&lower, WORDS) else { return };
    let start = scan.skip(from + found + WORDS.len(), 3, |b| matches!(b, b' ' | b'\'' | b'"'));
    let end = scan.skip(start, 96, |b| b > b' ' && !matches!(b, b'\'' | b'"' | b';'));
    if end > start + 3 {
        scan.found(Category::Password, start..end);
    }
}

fn is_secret(scan: &Scan<'_>, name: &Range<usize>, value: &Value, strength: Strength) -> bool {
    let text = scan.slice(value.range.clone());
    let least = if strength == Strength::Password { 4 } else { 8 };
    if text.len() < least || text.len() > 256 || is_placeholder(text) || is_code(scan, value, text)
    {
        return false;
    }
    let mix = Mix::of(text);
    let is_complex = mix.letters() > 0 && (mix.digits > 0 || mix.others > 0);
    let spaces = memchr::memchr_iter(b' ', text).count();
    if spaces > 0 && (mix.digits == 0 || spaces > 4 || strength == Strength::Secret) {
        return false;
    }
    let is_plain_word = mix.digits == 0 && mix.others == 0;
    match value.sign {
        _ if strength == Strength::Secret => {
            let kinds =
                [mix.lower, mix.upper, mix.digits, mix.others].iter().filter(|n| **n > 0).count();
            let is_given = value.is_quoted || value.sign == Sign::Equal;
            is_given && mix.digits > 0 && mix.letters() > 2 && (kinds >= 3 || text.len() >= 12)
        }
        Sign::Word => {
            (is_complex && (mix.digits > 0 || has_symbol(text)))
                || (value.is_quoted && !is_common(text))
        }
        Sign::Tag => !is_common(text),
        _ if value.is_quoted => !is_common(text) && (!is_plain_word || text.len() >= 5),
        Sign::Equal => {
            let is_constant = scan.slice(name.clone()).iter().all(|b| !b.is_ascii_lowercase())
                || scan.before(name.start) == b';'
                || scan.before(name.start) == b'&';
            (is_complex && !is_identifier(text))
                || (is_constant && !is_common(text))
                || (mix.digits >= 4 && mix.letters() == 0)
        }
        Sign::Colon => {
            (is_complex && !is_identifier(text)) || (mix.digits >= 6 && mix.letters() == 0)
        }
    }
}

fn has_symbol(text: &[u8]) -> bool {
    text.iter().any(|byte| {
        matches!(byte, b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'+' | b'~')
    })
}

/// Names of things in code: words joined by `_`, `-` or `.`, without a digit among letters.
fn is_identifier(text: &[u8]) -> bool {
    let is_name = text
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':' | b'/'));
    is_name && !text.iter().any(u8::is_ascii_digit)
}

/// Calls, members, types and variables, as far as they are not in quotes.
fn is_code(scan: &Scan<'_>, value: &Value, text: &[u8]) -> bool {
    if value.is_quoted {
        return false;
    }
    let after = scan.byte(value.range.end);
    let is_call =
        text.contains(&b'(') || after == b'(' || text.contains(&b'[') || text.contains(&b'{');
    let first = text.split(|byte| *byte == b'.').next().unwrap_or_default();
    let is_member = text.contains(&b'.')
        && first.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_')
        && text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'));
    let is_operator = text.starts_with(b"=")
        || text.starts_with(b"!=")
        || text.starts_with(b"&&")
        || text.starts_with(b"->");
    let is_path = (text.starts_with(b"/") || text.starts_with(b"./") || text.starts_with(b"~/"))
        && memchr::memchr_iter(b'/', text).count() > 1;
    is_call
        || is_member
        || is_operator
        || is_path
        || text.starts_with(b"&")
        || text.starts_with(b"*")
}

/// How texts begin that say what to put in their place, or where it is kept.
const STARTS: &[&str] = &[
    "your",
    "my-",
    "my_",
    "<your",
    "process.env",
    "os.environ",
    "env.",
    "env(",
    "secrets.",
    "vault:",
    "op://",
    "arn:aws",
    "http://",
    "https://",
    "file:",
    "example",
    "replace",
    "placeholder",
    "insert",
    "enter",
    "$env:",
    "todo",
    "xxx",
];

/// Variables, blanks and examples that stand where a secret would.
fn is_placeholder(text: &[u8]) -> bool {
    let (Some(first), Some(last)) = (text.first(), text.last()) else { return true };
    let is_wrapped =
        matches!((first, last), (b'{', b'}') | (b'<', b'>') | (b'[', b']') | (b'%', b'%'));
    let is_variable = text.starts_with(b"${")
        || text.starts_with(b"$(")
        || text.starts_with(b"{{")
        || text.starts_with(b"#{")
        || text.starts_with(b"%(")
        || text.starts_with(b"@{")
        || text.starts_with(b"<%")
        || (*first == b'$'
            && text.len() > 1
            && text
                .iter()
                .skip(1)
                .all(|b| b.is_ascii_alphanumeric() && !b.is_ascii_digit() || *b == b'_'));
    // YAML's tags: `!vault`, `!Ref`.
    let is_tag = *first == b'!' && text.iter().skip(1).all(u8::is_ascii_alphabetic);
    let is_blank = is_tag
        || text
            .iter()
            .all(|b| matches!(b, b'*' | b'x' | b'X' | b'.' | b'-' | b'_' | b'?' | b'#' | b'\\'))
        || text.starts_with(b"***")
        || text.starts_with(b"...")
        || text.starts_with("•".as_bytes());
    let is_example = STARTS.iter().any(|word| {
        text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
    });
    is_wrapped || is_variable || is_blank || is_example
}

/// Words that describe a password rather than being one.
#[rustfmt::skip]
const COMMON: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "string",
    "text",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "undefined",
    "required",
    "optional",
    "invalid",
    "missing",
    "hidden",
    "default",
    "empty",
    "value",
    "test",
    "number",
    "boolean",
    "object",
    "field",
    "input",
    "prompt",
    "plain",
    "bcrypt",
    "argon2",
    "scrypt",
    "sha256",
    "hash",
    "hashed",
    "encrypted",
    "redacted",
    "masked",
    "never",
    "always",
    "enabled",
    "disabled",
    "incorrect",
    "expired",
    "reset",
    "current-password",
    "new-password",
    "one-time-code",
    "varchar",
    "postgres",
    "root",
    "admin",
    "guest",
    "bytes",
    "&str",
    "str",
    "any",
    "unknown",
    "foo",
    "bar",
    "baz",
    "confirm",
    "forgot",
    "change",
    "basic",
    "bearer",
    "passwort",
    "contraseña",
    "kennwort",
    "mot de passe",
    "senha",
    "wachtwoord",
];

fn is_common(text: &[u8]) -> bool {
    let folded: Vec<u8> = text
        .iter()
        .filter(|b| {
            b.is_ascii_alphanumeric() || **b >= 0x80 || **b == b' ' || **b == b'-' || **b == b'&'
        })
        .map(u8::to_ascii_lowercase)
        .collect();
    COMMON.iter().any(|word| folded == word.as_bytes())
}
