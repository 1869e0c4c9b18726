//! Passwords that commands are given: `mysql -pX`, `curl -u user:X`, `echo X | sudo -S`.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::assignment::{Value, value_at, value_beside};
use super::entropy::Mix;
use super::password::{is_common, is_placeholder};
use crate::guardrails::category::Category;
use crate::guardrails::scanner::Scan;

/// How far before an option its command may stand.
const LINE: usize = 200;

/// Where the password stands, seen from the option.
#[derive(Clone, Copy)]
enum Form {
    /// `-pX`
    Joined,
    /// `-p X`
    Next,
    /// `-PX` and `-P X`
    Either,
    /// `-u user:X`, with the character between the two.
    Behind(u8),
    /// `-b file user X`
    Third,
    /// `echo X | command --option`, and `command --option <<< X`.
    Piped,
    /// `command "X" -option`
    Before,
}

struct Rule {
    options: &'static [&'static str],
    form: Form,
    commands: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        options: &["p"],
        form: Form::Joined,
        commands: &[
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mysqlimport",
            "mysqlsh",
            "mysqlcheck",
            "mariadb",
            "mariadb-dump",
            "7z",
            "7za",
            "7zz",
            "rar",
            "unrar",
        ],
    },
    Rule { options: &["p"], form: Form::Either, commands: &["sshpass"] },
    Rule {
        options: &["p"],
        form: Form::Next,
        commands: &[
            "docker login",
            "podman login",
            "nerdctl login",
            "buildah login",
            "skopeo login",
            "registry login",
            "oc login",
            "az login",
            "crane auth login",
            "mongo",
            "mongosh",
            "mongodump",
            "mongorestore",
            "mongoexport",
            "mongoimport",
            "cqlsh",
            "influx",
            "rabbitmqadmin",
            "useradd",
            "usermod",
            "cf login",
            "npm-cli-login",
        ],
    },
    Rule { options: &["pw"], form: Form::Next, commands: &["plink", "pscp", "psftp", "putty"] },
    Rule {
        options: &["P"],
        form: Form::Either,
        commands: &["unzip", "zip", "sqlcmd", "bcp", "ipmitool", "tsql", "isql"],
    },
    Rule {
        options: &["a", "-pass"],
        form: Form::Next,
        commands: &["redis-cli", "valkey-cli", "keydb-cli", "redis-benchmark"],
    },
    Rule {
        options: &["w"],
        form: Form::Next,
        commands: &[
            "ldapsearch",
            "ldapadd",
            "ldapmodify",
            "ldapdelete",
            "ldapwhoami",
            "ldappasswd",
            "ldapcompare",
        ],
    },
    Rule { options: &["k"], form: Form::Next, commands: &["openssl"] },
    Rule { options: &["N", "P"], form: Form::Next, commands: &["ssh-keygen"] },
    Rule {
        options: &["u", "-user", "-proxy-user", "U", "a", "-auth"],
        form: Form::Behind(b':'),
        commands: &["curl", "http", "https", "xh", "wget", "siege", "hey", "curlie"],
    },
    Rule {
        options: &["U", "-user"],
        form: Form::Behind(b'%'),
        commands: &["smbclient", "rpcclient", "smbget", "net", "wmic", "smbmap", "winexe"],
    },
    Rule { options: &["u"], form: Form::Behind(b','), commands: &["lftp"] },
    Rule {
        options: &["b", "cb", "bc", "bB", "Bb", "cbB", "bcB", "cBb"],
        form: Form::Third,
        commands: &["htpasswd"],
    },
    Rule { options: &["S"], form: Form::Piped, commands: &["sudo"] },
    Rule {
        options: &["-password-stdin", "-stdin", "-pass-stdin", "-with-token"],
        form: Form::Piped,
        commands: &["login", "passwd", "cryptsetup"],
    },
    Rule { options: &["AsPlainText"], form: Form::Before, commands: &["ConvertTo-SecureString"] },
];

/// `at` is the first letter of an option.
pub(super) fn option(scan: &mut Scan<'_>, at: usize) {
    let start = at - usize::from(scan.byte(at - 2) == b'-');
    // Most options stand where none of the commands is.
    let head_end = start.saturating_sub(1);
    let near = nearby(scan, head_end);
    if near == 0 {
        return;
    }
    let end = scan.skip(at, 24, |b| b.is_ascii_alphanumeric() || b == b'-');
    let name = scan.slice(start..end);
    let mut line = None;
    let mut next = 0;
    let found = RULES.iter().find_map(|rule| {
        let first = next;
        next += rule.commands.len();
        let written = rule.options.iter().find(|option| fits(name, option, rule.form))?;
        let is_joined = end > start + written.len() || scan.byte(end) != b' ';
        if matches!(rule.form, Form::Joined) && !is_joined {
            return None;
        }
        let near = near >> first;
        if near.trailing_zeros() as usize >= rule.commands.len() {
            return None;
        }
        let head = line.get_or_insert_with(|| line_before(scan, head_end)).clone();
        has_command(scan.slice(head), rule.commands, near).then_some((rule.form, written.len()))
    });
    let (Some((form, len)), Some(head)) = (found, line) else { return };
    let value = match form {
        Form::Next => value_beside(scan, end),
        Form::Either if end == start + len && scan.byte(end) == b' ' => value_beside(scan, end),
        Form::Joined | Form::Either => value_at(scan, start + len),
        Form::Behind(joint) => user_and(scan, start + len, joint),
        Form::Third => third(scan, end),
        Form::Piped => piped(scan, &head).or_else(|| here_string(scan, end)),
        Form::Before => quoted_before(scan, &head),
    };
    if let Some(value) = value {
        take(scan, &value);
    }
}

/// What is piped into a command that reads passwords, such as `chpasswd`.
pub(super) fn piped_into(scan: &mut Scan<'_>, command: usize) {
    let head = line_before(scan, command);
    let Some(mut value) = piped(scan, &head) else { return };
    if let Some(colon) = memchr::memchr(b':', scan.slice(value.range.clone())) {
        value.range.start += colon + 1;
        take(scan, &value);
    }
}

fn fits(name: &[u8], option: &str, form: Form) -> bool {
    match form {
        Form::Joined => name.starts_with(option.as_bytes()) && !name.starts_with(b"port"),
        Form::Either | Form::Behind(_) if option.len() == 1 => name.starts_with(option.as_bytes()),
        _ => name == option.as_bytes(),
    }
}

/// The part of the line before `end`, at most [`LINE`] bytes.
fn line_before(scan: &Scan<'_>, end: usize) -> Range<usize> {
    let from = end.saturating_sub(LINE);
    let window = scan.slice(from..end);
    let start = memchr::memrchr(b'\n', window).map_or(0, |at| at + 1);
    let escaped = memchr::memrchr_iter(b'\\', window)
        .find(|at| window.get(at + 1) == Some(&b'n'))
        .map_or(0, |at| at + 2);
    from + start.max(escaped)..end
}

/// Bytes whose commands are looked for at once.
const PART: usize = 512;

/// All commands in the order of the rules.
static COMMANDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let all: Vec<&str> = RULES.iter().flat_map(|rule| rule.commands).copied().collect();
    AhoCorasick::new(all).ok().filter(|_| COMMAND_COUNT <= 128)
});

const COMMAND_COUNT: usize = {
    let (mut count, mut index) = (0, 0);
    while index < RULES.len() {
        count += RULES[index].commands.len();
        index += 1;
    }
    count
};

/// Makes the search for commands, so that the first scan does not.
pub(in crate::guardrails) fn prepare() {
    LazyLock::force(&COMMANDS);
}

/// The commands that may stand in the line before `end`, one bit each: lines full of options are
/// not searched for each of them.
fn nearby(scan: &Scan<'_>, end: usize) -> u128 {
    let part = end / PART;
    let (read, found) = scan.read.commands.get();
    if read == part + 1 {
        return found;
    }
    let window = scan.slice((part * PART).saturating_sub(LINE)..(part + 1) * PART);
    let found = COMMANDS.as_ref().map_or(u128::MAX, |commands| {
        commands
            .find_overlapping_iter(window)
            .fold(0, |found, command| found | 1 << command.pattern().as_usize())
    });
    scan.read.commands.set((part + 1, found));
    found
}

/// Whether one of `commands` stands in `head`; `near` has a bit for each that may.
fn has_command(head: &[u8], commands: &[&str], near: u128) -> bool {
    commands.iter().enumerate().filter(|(n, _)| near >> n & 1 == 1).any(|(_, command)| {
        memchr::memmem::find_iter(head, command.as_bytes()).any(|at| {
            let before = at.checked_sub(1).and_then(|at| head.get(at));
            let after = head.get(at + command.len());
            let is_word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    })
}

/// `user:X` from `at` on.
fn user_and(scan: &Scan<'_>, at: usize, joint: u8) -> Option<Value> {
    let start = scan.skip(at, 2, |b| matches!(b, b' ' | b'='));
    let mut value = value_at(scan, start)?;
    if joint == b',' {
        value.range.end = scan.skip(value.range.end, 64, |b| b > b' ' && b != b';');
    }
    let text = scan.slice(value.range.clone());
    let found = memchr::memchr(joint, text).filter(|at| *at > 0)?;
    // `http://…` is no user.
    if text.get(found + 1) == Some(&b'/') {
        return None;
    }
    value.range.start += found + 1;
    Some(value)
}

fn third(scan: &Scan<'_>, end: usize) -> Option<Value> {
    let mut at = end;
    for _ in 0..2 {
        at = scan.skip(at, 4, |b| b == b' ');
        at = scan.skip(at, 96, |b| b > b' ');
    }
    value_beside(scan, at)
}

fn here_string(scan: &Scan<'_>, end: usize) -> Option<Value> {
    let rest = scan.slice(end..end + 96);
    let line = rest.split(|b| *b == b'\n').next()?;
    let found = memchr::memmem::find(line, b"<<<")?;
    value_beside(scan, end + found + 3).or_else(|| value_at(scan, end + found + 3))
}

/// What `echo` or `printf` writes into the pipe that the line before has.
fn piped(scan: &Scan<'_>, head: &Range<usize>) -> Option<Value> {
    let text = scan.slice(head.clone());
    let pipe = memchr::memrchr(b'|', text)?;
    let writer = text.get(..pipe)?;
    let (found, len) = [b"echo ".as_slice(), b"printf "]
        .iter()
        .find_map(|word| memchr::memmem::rfind(writer, word).map(|at| (at, word.len())))?;
    let mut at = head.start + found + len;
    while scan.byte(at) == b'-' {
        at = scan.skip(scan.skip(at, 4, |b| b != b' '), 2, |b| b == b' ');
    }
    let value = value_at(scan, at)?;
    (value.range.end <= head.start + pipe).then_some(value)
}

fn quoted_before(scan: &Scan<'_>, head: &Range<usize>) -> Option<Value> {
    const COMMAND: &[u8] = b"ConvertTo-SecureString";
    let text = scan.slice(head.clone());
    let command = memchr::memmem::rfind(text, COMMAND)? + COMMAND.len();
    let open = text.get(command..)?.iter().position(|b| matches!(b, b'"' | b'\''))?;
    value_at(scan, head.start + command + open)
}

fn take(scan: &mut Scan<'_>, value: &Value) {
    let text = scan.slice(value.range.clone());
    let mix = Mix::of(text);
    let is_path = text.starts_with(b"/") || text.starts_with(b"./") || text.starts_with(b"~");
    // Ports and counts.
    let is_number = mix.letters() == 0 && mix.others <= 1 && text.len() < 6;
    if (3..=128).contains(&text.len())
        && !text.starts_with(b"-")
        && !text.starts_with(b"$")
        && !text.contains(&b'(')
        && !is_path
        && !is_number
        && !is_placeholder(text)
        && !is_common(text)
    {
        scan.set_cursor(Category::Password, value.range.end);
        scan.found(Category::Password, value.range.clone());
    }
}
