//! Texts that stand where a secret would and are none: blanks, examples and descriptions.

use super::words::Words;

/// Words that say where a secret is kept, or what it should be.
#[rustfmt::skip]
static OTHER: Words = Words::whole(&[
    "password", "passwd", "pass", "secret", "secrets", "token", "key", "keys", "db", "name", "ref", "value", "string", "user", "id",
    "from", "env", "file", "your", "the", "a", "is", "not", "here", "to", "in", "of", "or", "and", "example", "test", "must", "be",
    "required", "optional", "default", "config", "service", "prod", "dev", "staging", "app", "api", "auth", "credentials", "root",
    "postgres", "redis", "mysql", "admin", "current", "new", "old", "change", "set", "this", "placeholder", "none", "null", "field",
    "input", "type", "text", "reset", "login", "form", "hash", "with", "for", "no", "min", "max", "length", "one", "time", "code",
]);

/// `correct-horse-battery`: at least three words that do not say where the password is.
pub(super) fn is_phrase(text: &[u8]) -> bool {
    let joins = |byte: &u8| matches!(byte, b'-' | b'_' | b'.');
    // Most texts have no word as short as that at their beginning.
    if !text.iter().take(11).any(joins) {
        return false;
    }
    let mut words = 0;
    for word in text.split(joins) {
        let is_word = (3..=10).contains(&word.len()) && word.iter().all(u8::is_ascii_lowercase);
        if !is_word || OTHER.has(word) {
            return false;
        }
        words += 1;
    }
    words >= 3
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

/// What placeholders begin with, where they are not in brackets.
const MAY_BE: [bool; 128] = {
    let mut bytes = [false; 128];
    let mut index = 0;
    while index < STARTS.len() {
        let first = STARTS[index].as_bytes()[0];
        bytes[first as usize] = true;
        bytes[first.to_ascii_uppercase() as usize] = true;
        index += 1;
    }
    let others = b"$#%@{<!*xX.-_?\\";
    index = 0;
    while index < others.len() {
        bytes[others[index] as usize] = true;
        index += 1;
    }
    bytes
};

/// Variables, blanks and examples that stand where a secret would.
pub(super) fn is_placeholder(text: &[u8]) -> bool {
    let (Some(first), Some(last)) = (text.first(), text.last()) else { return true };
    let is_wrapped =
        matches!((first, last), (b'{', b'}') | (b'<', b'>') | (b'[', b']') | (b'%', b'%'));
    if !MAY_BE[usize::from(first & 127)] && *first < 0x80 && !is_wrapped {
        return false;
    }
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
    let small = first.to_ascii_lowercase();
    let is_example = STARTS.iter().any(|word| {
        word.as_bytes().first() == Some(&small)
            && text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
    });
    is_wrapped || is_variable || is_blank || is_example
}

/// Words that describe a password rather than being one.
#[rustfmt::skip]
static COMMON: Words = Words::whole(&[
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
    "pass",
    "user",
    "username",
    "changeme",
    "change-me",
    "yourpassword",
    "mypassword",
    "passwordhere",
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
]);

/// Whether letters and some joints of `text` are such a word.
pub(super) fn is_common(text: &[u8]) -> bool {
    // Longer than any of them.
    let mut folded = [0; 24];
    let mut len = 0;
    for byte in text {
        let counts = byte.is_ascii_alphanumeric() || *byte >= 0x80;
        if counts || matches!(byte, b' ' | b'-' | b'&') {
            let Some(place) = folded.get_mut(len) else { return false };
            *place = *byte;
            len += 1;
        }
    }
    COMMON.has(folded.get(..len).unwrap_or_default())
}
