//! Passwords that commands are given: `mysql -pX`, `curl -u user:X`, `echo X | sudo -S`.

use std::ops::Range;

use super::assignment::{Value, value_at, value_beside};
use super::entropy::Mix;
use super::placeholder::{is_common, is_placeholder};
use super::words::{Class, form};
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
    let head_end = start.saturating_sub(1);
    let first = BY_FIRST[usize::from(scan.byte(start) & 127)];
    if first == 0 {
        return;
    }
    // Most options stand where none of the commands is.
    let mut rules = nearby(scan, head_end) & first;
    if rules == 0 {
        return;
    }
    let end = scan.skip(at, 24, |b| b.is_ascii_alphanumeric() || b == b'-');
    let name = scan.slice(start..end);
    let head = line_before(scan, head_end);
    let mut found = None;
    while rules != 0 && found.is_none() {
        let index = rules.trailing_zeros() as usize;
        rules &= rules - 1;
        found = RULES.get(index).and_then(|rule| {
            let written = rule.options.iter().find(|option| fits(name, option, rule.form))?;
            let is_joined = end > start + written.len() || scan.byte(end) != b' ';
            let is_written = is_joined || !matches!(rule.form, Form::Joined);
            (is_written && scan.read.commands.borrow().has(index, head.start))
                .then_some((rule.form, written.len()))
        });
    }
    let Some((form, len)) = found else { return };
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

/// The part of the line before `end`, at most [`LINE`] bytes. Line breaks are looked for once.
fn line_before(scan: &Scan<'_>, end: usize) -> Range<usize> {
    let from = end.saturating_sub(LINE);
    let (read, mut start, mut pipe) = scan.read.line.get();
    let mut next = read;
    if !(from..=end).contains(&read) {
        (next, start, pipe) = (from, 0, 0);
    }
    for byte in scan.slice(next..end) {
        next += 1;
        match byte {
            b'\n' => start = next,
            b'n' if scan.byte(next.wrapping_sub(2)) == b'\\' => start = next,
            b'|' => pipe = next,
            _ => {}
        }
    }
    scan.read.line.set((end, start, pipe));
    start.max(from)..end
}

/// Bytes whose commands are looked for at once.
const PART: usize = 1024;

/// The commands in one part of the text and in the line before it.
#[derive(Default)]
pub(in crate::guardrails) struct Commands {
    /// One more than the number of the part.
    part: usize,
    /// Where each ends and begins, and its rule, in the order of their ends.
    found: Vec<(usize, usize, usize)>,
    /// How many of them end before the last place asked for.
    passed: usize,
    /// The rules of those that were passed, one bit each.
    rules: u32,
    /// One more than where the last of them begins, by rule.
    last: [usize; RULES.len()],
}

impl Commands {
    /// Whether a command of a rule stands behind `start`, among those that were passed.
    fn has(&self, rule: usize, start: usize) -> bool {
        self.last.get(rule).is_some_and(|last| *last > start)
    }

    #[cold]
    fn read(&mut self, scan: &Scan<'_>, part: usize) {
        *self = Self { part: part + 1, found: std::mem::take(&mut self.found), ..Self::default() };
        self.found.clear();
        let (from, to) = ((part * PART).saturating_sub(LINE), (part + 1) * PART);
        let window = scan.slice(from..to);
        let limit = from + window.len();
        let mut start = from;
        for (at, byte) in (from..).zip(window.iter().chain(b" ")) {
            if is_word(*byte) {
                continue;
            }
            if at > start + 1 {
                self.add(scan, start..at, limit);
            }
            start = at + 1;
        }
    }

    /// Adds the command whose first word is `word`, if there is one that ends before `limit`.
    #[inline]
    fn add(&mut self, scan: &Scan<'_>, word: Range<usize>, limit: usize) {
        let is_after_escape = |at: usize| scan.slice(at.saturating_sub(2)..at) == b"\\n";
        let start = word.start;
        if scan.byte(start) == b'n' && is_after_escape(start + 1) {
            self.add_whole(scan, start + 1..word.end, limit);
        }
        if !is_word(scan.byte(start.wrapping_sub(1))) || is_after_escape(start) {
            self.add_whole(scan, word, limit);
        }
    }

    fn add_whole(&mut self, scan: &Scan<'_>, word: Range<usize>, limit: usize) {
        let text = scan.slice(word.clone());
        let mut next = COMMANDS.heads.get(form(text)).copied().unwrap_or_default();
        while let Some(command) = COMMANDS.list.get(usize::from(next).wrapping_sub(1)) {
            next = command.next;
            let end = word.start + command.name.len();
            let is_whole = end <= limit && !is_word(scan.byte(end));
            if command.first == text.len()
                && is_whole
                && scan.slice(word.start..end) == command.name
            {
                self.found.push((end, word.start, command.rule));
            }
        }
    }
}

/// Bytes of commands.
#[inline]
fn is_word(byte: u8) -> bool {
    static WORD: Class = Class::of(b"_-.");
    WORD.has(byte)
}

/// A command, and which rule has it.
#[derive(Clone, Copy)]
struct Command {
    name: &'static [u8],
    /// Length of its first word.
    first: usize,
    rule: usize,
    /// One more than the place of the next one whose first word has the same form.
    next: u8,
}

/// The commands of all rules, by the forms of their first words.
struct Table {
    list: [Command; Table::COUNT],
    /// One more than the place of the first command.
    heads: [u8; 256],
}

static COMMANDS: Table = Table::make();

impl Table {
    const COUNT: usize = {
        let (mut count, mut rule) = (0, 0);
        while rule < RULES.len() {
            count += RULES[rule].commands.len();
            rule += 1;
        }
        assert!(count < 255);
        count
    };

    const fn make() -> Self {
        let none = Command { name: b"", first: 0, rule: 0, next: 0 };
        let mut table = Self { list: [none; Self::COUNT], heads: [0; 256] };
        let (mut place, mut rule) = (0, 0);
        while rule < RULES.len() {
            let mut index = 0;
            while index < RULES[rule].commands.len() {
                let name = RULES[rule].commands[index].as_bytes();
                let mut first = 0;
                while first < name.len() && name[first] != b' ' {
                    first += 1;
                }
                let form = form(name.split_at(first).0);
                table.list[place] = Command { name, first, rule, next: table.heads[form] };
                place += 1;
                table.heads[form] = place as u8;
                index += 1;
            }
            rule += 1;
        }
        table
    }
}

/// By the first byte of an option, the rules that have one.
const BY_FIRST: [u32; 128] = {
    let mut rules = [0; 128];
    let mut index = 0;
    while index < RULES.len() {
        let mut option = 0;
        while option < RULES[index].options.len() {
            rules[RULES[index].options[option].as_bytes()[0] as usize] |= 1 << index;
            option += 1;
        }
        index += 1;
    }
    rules
};

/// The rules whose commands may stand in the line before `end`, one bit each: lines full of
/// options are not searched for each of them.
fn nearby(scan: &Scan<'_>, end: usize) -> u32 {
    let part = end / PART;
    let mut commands = scan.read.commands.borrow_mut();
    if commands.part != part + 1 {
        commands.read(scan, part);
    }
    while let Some((_, start, rule)) =
        commands.found.get(commands.passed).copied().filter(|(stop, ..)| *stop <= end)
    {
        commands.passed += 1;
        commands.rules |= 1 << rule;
        if let Some(last) = commands.last.get_mut(rule) {
            *last = start + 1;
        }
    }
    commands.rules
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
    let first = memchr::memchr2(b'<', b'\n', rest)?;
    let line = rest.get(first..)?.split(|b| *b == b'\n').next()?;
    let found = first + memchr::memmem::find(line, b"<<<")?;
    value_beside(scan, end + found + 3).or_else(|| value_at(scan, end + found + 3))
}

/// What `echo` or `printf` writes into the pipe that the line before has. `head` is what
/// [`line_before`] has just said.
fn piped(scan: &Scan<'_>, head: &Range<usize>) -> Option<Value> {
    let (_, _, pipe) = scan.read.line.get();
    let pipe = pipe.checked_sub(head.start + 1)?;
    let writer = scan.slice(head.start..head.start + pipe);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_seen_as_a_whole_and_no_other() {
        let found = |text: &str| {
            let (scan, mut commands) = (Scan::of(text.as_bytes()), Commands::default());
            commands.read(&scan, 0);
            commands
                .found
                .iter()
                .map(|(end, start, _)| &text[*start..*end])
                .collect::<Vec<_>>()
                .join(",")
        };
        for rule in RULES {
            for name in rule.commands {
                for text in [(*name).to_owned(), format!("a; {name} -x"), format!("a\\n{name}\n")] {
                    assert!(found(&text).split(',').any(|found| found == *name), "{text:?}");
                }
                for text in [
                    format!("x{name}"),
                    format!("{name}x"),
                    format!("a-{name}"),
                    format!("{name}.b"),
                ] {
                    assert!(!found(&text).split(',').any(|found| found == *name), "{text:?}");
                }
            }
        }
        assert_eq!(found("net\\nnet x"), "net,net");
    }
}
