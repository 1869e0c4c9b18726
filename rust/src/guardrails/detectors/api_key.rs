//! Keys of services: by how those of known services look, or by the name they are given to.

use super::assignment::{Folded, folded, name_before};
use super::entropy::{entropy, is_random};
use super::words::{Class, Words};
use super::{Detector, vendors};
use crate::guardrails::category::Category;
use crate::guardrails::near::Near;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::ApiKey,
    triggers: &[Trigger::Run],
    stems: b"",
    stems_inside: b"",
    verify,
    matching: &[
        ("OPENAI_API_KEY=sk-proj-Zx81kLmN0pQrStUvWxYz12", "sk-proj-Zx81kLmN0pQrStUvWxYz12"),
        (
            "token ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        ),
        (
            "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",
            "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",
        ),
        ("\"api_key\": \"9f86d081884c7d659a2feaa0c55ad015\"", "9f86d081884c7d659a2feaa0c55ad015"),
        ("x-api-key: Zm9vYmFyYmF6cXV4MTIzNDU2", "Zm9vYmFyYmF6cXV4MTIzNDU2"),
        ("client_secret = 'q8J~7Q4xYkR2mVw0nBz5Tp1Lc9Ds3FgH'", "q8J~7Q4xYkR2mVw0nBz5Tp1Lc9Ds3FgH"),
        (
            "Authorization: Bearer 7d8f0a1b2c3d4e5f6a7b8c9d0e1f2a3b",
            "7d8f0a1b2c3d4e5f6a7b8c9d0e1f2a3b",
        ),
        (
            "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq==",
            "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq==",
        ),
        (
            "SECRET_TOKEN=3f2b8c1e-7d4a-4e9b-8f6c-2a1d5e7b9c3f",
            "3f2b8c1e-7d4a-4e9b-8f6c-2a1d5e7b9c3f",
        ),
    ],
    harmless: &[
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "\"integrity\": \"sha512-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZg==\"",
        "toolu_01A09q90qw90lq917835lq9 call_abc123def456ghi789",
        "task-management-dashboard-v2 disk-usage-monitoring-2024",
        "id: 3f2b8c1e-7d4a-4e9b-8f6c-2a1d5e7b9c3f",
        "api_key is required; auth_token = input(",
        "cache_key = 'users-by-region-2024-page-17'",
        "max_tokens_to_sample_2048 next_page_token = \"\"",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
    ],
};

/// Runs of base64 beyond this are data.
const BLOB: usize = 200;

fn verify(scan: &mut Scan<'_>, at: usize) {
    let from = scan.cursor(Category::ApiKey);
    if at <= from {
        return;
    }
    let start = scan.run_from(from);
    scan.set_cursor(Category::ApiKey, at);
    let dotted = dotted_start(scan, start);
    let whole = (dotted != start).then(|| vendor_end(scan, dotted, at)).flatten();
    if let Some(end) = whole.or_else(|| vendor_end(scan, start, at)) {
        let begin = if whole.is_some() { dotted } else { start };
        scan.set_cursor(Category::ApiKey, end);
        scan.found(Category::ApiKey, begin..end);
        return;
    }
    // Before the check for data: such an address is long.
    if let Some((start, end)) = webhook(scan, start, at).or_else(|| bot_token(scan, start, at)) {
        scan.found(Category::ApiKey, start..end);
        return;
    }
    if is_blob(scan, start, at) {
        return;
    }
    if !scan.slice(start..at).iter().any(u8::is_ascii_digit) {
        return;
    }
    let (start, end) = whole_value(scan, start, at);
    scan.set_cursor(Category::ApiKey, end);
    let value = scan.slice(start..end);
    // The name first: it tells nearly all values that are none without measuring them.
    if has_secret_name(scan, start, is_uuid(value))
        && (is_uuid(value) || is_random(value))
        && !is_reference(value)
    {
        scan.found(Category::ApiKey, start..end);
    }
}

fn is_run(byte: u8) -> bool {
    static RUN: Class = Class::of(b"_-");
    RUN.has(byte)
}

/// Keys with dots in them are several runs.
fn dotted_start(scan: &Scan<'_>, start: usize) -> usize {
    if scan.before(start) != b'.' {
        return start;
    }
    let begin = scan.skip_back(start, 40, |byte| is_run(byte) || byte == b'.');
    scan.past_escape(begin)
}

fn vendor_end(scan: &Scan<'_>, start: usize, at: usize) -> Option<usize> {
    if super::is_word(scan.before(start)) {
        return None;
    }
    let vendor = vendors::find(scan.text.get(start..)?)?;
    let body = start + vendor.prefix.len();
    let mut end = scan.skip(body, 4096, |byte| vendor.rest.contains(byte));
    while end > body && scan.byte(end - 1) == b'.' {
        end -= 1;
    }
    let len = end - body;
    let value = scan.slice(body..end);
    let is_long = len >= vendor.min && (vendor.max == 0 || len <= vendor.max) && end >= at;
    let has_digit = value.iter().any(u8::is_ascii_digit);
    // Nobody writes so many letters as one word.
    let is_one = len >= 18 && value.iter().all(u8::is_ascii_alphanumeric) && entropy(value) > 3.0;
    let is_mixed = has_digit
        || is_one && vendor.prefix.len() > 2
        || (len >= 20
            && value.iter().any(u8::is_ascii_uppercase)
            && value.iter().any(u8::is_ascii_lowercase));
    (is_long && is_mixed && !is_run(scan.byte(end)) && !is_named(value)).then_some(end)
}

/// `sk-learn-pipeline-v2-final-model`: words, not a key.
fn is_named(value: &[u8]) -> bool {
    let parts = value.split(|b| matches!(b, b'-' | b'_')).filter(|part| !part.is_empty());
    let (mut all, mut words) = (0, 0);
    for part in parts {
        all += 1;
        let is_word = part.len() <= 14 && part.iter().all(u8::is_ascii_lowercase);
        let is_number = part.len() <= 4 && part.iter().all(|b| b.is_ascii_digit() || *b == b'v');
        words += usize::from(is_word || is_number);
    }
    all >= 3 && words * 4 >= all * 3
}

/// A long run of base64, read to its end once.
fn is_blob(scan: &mut Scan<'_>, start: usize, at: usize) -> bool {
    static BASE64: Class = Class::of(b"_-+/=");
    let touches = |byte: u8| matches!(byte, b'+' | b'/');
    if !touches(scan.byte(at)) && !touches(scan.before(start)) && at - start < BLOB {
        return false;
    }
    let is_base64 = |byte: u8| BASE64.has(byte);
    let begin = scan.skip_back(start, BLOB, is_base64);
    let end = scan.skip(at, usize::MAX, is_base64);
    if end - begin <= BLOB {
        return false;
    }
    scan.set_cursor(Category::ApiKey, end);
    true
}

/// URLs that let anybody who knows them post.
fn webhook(scan: &Scan<'_>, start: usize, at: usize) -> Option<(usize, usize)> {
    const PLACES: &[&[u8]] = &[
        b"hooks.slack.com/services/",
        b"discord.com/api/webhooks/",
        b"discordapp.com/api/webhooks/",
        b".webhook.office.com/webhookb2/",
    ];
    if scan.before(start) != b'/' || at - start < 16 {
        return None;
    }
    let window = scan.slice(start.saturating_sub(96)..start);
    // No URL begins there.
    if !memchr::memchr_iter(b':', window).any(|at| window.get(at + 1) == Some(&b'/')) {
        return None;
    }
    let stands = |at: &usize, word: &[u8]| window.get(*at..at + word.len()) == Some(word);
    let is_hook = PLACES.iter().any(|place| {
        let first = place.first().copied().unwrap_or_default();
        memchr::memchr_iter(first, window).any(|at| stands(&at, place))
    });
    // All of it is needed to post, and all of it is the secret.
    let url = memchr::memrchr_iter(b'h', window).find(|at| stands(at, b"https://"))?;
    let begin = start.saturating_sub(window.len()) + url;
    is_hook.then_some((begin, at))
}

/// Tokens of bots: a number, a colon and 35 characters; or three parts with dots.
fn bot_token(scan: &Scan<'_>, start: usize, at: usize) -> Option<(usize, usize)> {
    let len = at - start;
    if scan.before(start) == b':' && len >= 120 && scan.slice(start..start + 3) == b"APA" {
        let begin = scan.skip_back(start - 1, 11, is_run);
        return (scan.slice(begin..begin + 4) == b"AAAA").then_some((begin, at));
    }
    if scan.before(start) == b':' && len == 35 && scan.slice(start..start + 2) == b"AA" {
        let begin = scan.skip_back(start - 1, 10, |b| b.is_ascii_digit());
        return (start - 1 - begin >= 8).then_some((begin, at));
    }
    let first = scan.byte(start);
    // Airtable: `pat`, 14 characters, a dot and 64 hexadecimal digits.
    if len == 17 && scan.byte(at) == b'.' && scan.slice(start..start + 3) == b"pat" {
        let end = scan.skip(at + 1, 65, |b| b.is_ascii_hexdigit());
        return (end == at + 65).then_some((start, end));
    }
    // Google's refresh tokens: `1//0` and a long run.
    if len >= 40 && scan.slice(start.saturating_sub(3)..start) == b"1//" && scan.byte(start) == b'0'
    {
        return Some((start - 3, at));
    }
    // Terraform: 14 characters, `.atlasv1.` and 60 or more.
    if len >= 60 && scan.slice(start.saturating_sub(9)..start) == b".atlasv1." {
        let begin = scan.skip_back(start - 9, 14, |b| b.is_ascii_alphanumeric());
        return (start - 9 - begin == 14).then_some((begin, at));
    }
    // Microsoft: three characters, a digit, `Q~` and 31 to 34.
    if (31..=34).contains(&len) && scan.slice(start.saturating_sub(2)..start) == b"Q~" {
        let begin = scan.skip_back(start - 2, 4, is_run);
        return (start - 2 - begin == 4)
            .then_some((begin, scan.skip(at, 8, |b| is_run(b) || matches!(b, b'.' | b'~'))));
    }
    if matches!(first, b'M' | b'N' | b'O') && (23..=28).contains(&len) && scan.byte(at) == b'.' {
        let middle = scan.skip(at + 1, 8, is_run);
        let end = scan.skip(middle + 1, 48, is_run);
        let is_token = middle - at - 1 == 6 && scan.byte(middle) == b'.' && end - middle > 27;
        return is_token.then_some((start, end));
    }
    None
}

/// The value that the run is a part of, with the other characters that keys have.
fn whole_value(scan: &Scan<'_>, start: usize, at: usize) -> (usize, usize) {
    static KEY: Class = Class::of(b"_-+/=~.!*%^");
    let is_key = |byte: u8| KEY.has(byte);
    let mut begin = scan.skip_back(start, BLOB, |b| is_key(b) && b != b'=');
    begin = scan.past_escape(begin);
    let mut end = scan.skip(at, BLOB, is_key);
    while end > at && matches!(scan.byte(end - 1), b'.' | b'!' | b'*') {
        end -= 1;
    }
    (begin, end)
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Paths, addresses of members and calls, not values.
fn is_reference(value: &[u8]) -> bool {
    let dots = memchr::memchr_iter(b'.', value).count();
    let is_path = value.starts_with(b"/")
        || value.starts_with(b"./")
        || value.contains(&b'/') && dots > 0 && !value.contains(&b'=') && !value.contains(&b'+');
    let first = value.split(|byte| *byte == b'.').next().unwrap_or_default();
    let is_member =
        dots > 0 && (2..=10).contains(&first.len()) && first.iter().all(u8::is_ascii_lowercase);
    is_path || is_member
}

static COOKIE: Near = Near::of(&["cookie"]);

/// What stands before a secret in sentences and lists.
static WORDS: Near = Near::of(&[
    "api key",
    "api-key",
    "api_key",
    "api_token",
    "secret_key",
    "apikey",
    "access token",
    "auth token",
    "secret key",
    "client secret",
    "access key",
    "api token",
    "license key",
    "secret is",
    "key is",
    "token is",
]);

/// Whether the value is given to a name that says it is secret, or stands behind a scheme.
fn has_secret_name(scan: &Scan<'_>, start: usize, is_uuid: bool) -> bool {
    let window = scan.slice(start.saturating_sub(8)..start);
    for scheme in [b"bearer ".as_slice(), b"basic ", b"token ", b"apikey ", b"ssws "] {
        let tail = window.len().checked_sub(scheme.len()).and_then(|at| window.get(at..));
        if tail.is_some_and(|tail| tail.eq_ignore_ascii_case(scheme)) {
            return true;
        }
    }
    let mut distance = 32;
    if let Some(name) = name_before(scan, start) {
        let own = folded(scan.slice(name.clone()));
        // `api.key=x`, `stripe.secret.key: x`.
        let whole = scan.skip_back(name.start, 40, |b| is_run(b) || b == b'.');
        if is_secret_name(&own) || is_secret_name(&folded(scan.slice(whole..name.end))) {
            return true;
        }
        // `?key=x`, `Key: x`, `APP_KEY=base64:x`, a signature in a query.
        let is_query = matches!(scan.before(name.start), b'?' | b'&');
        if *own == *b"key" && !is_uuid && (is_query || is_strong(scan.slice(start..start + 64))) {
            return true;
        }
        if *own == *b"sig" && is_query {
            return true;
        }
        if *own == *b"base64" {
            return name_before(scan, name.start)
                .is_some_and(|outer| is_secret_name(&folded(scan.slice(outer))));
        }
        if *own == *b"value" && is_secret_name(&named_above(scan, name.start)) {
            return true;
        }
        if !is_uuid && is_key_of_service(&own) {
            return true;
        }
        if matches!(&*own, b"session" | b"sid") {
            return !is_uuid && scan.has_before(start, 48, &COOKIE);
        }
        // `API key: x`; the words must be right there.
        if !matches!(&*own, b"key" | b"token" | b"value" | b"secret" | b"is") {
            return false;
        }
        distance = 14;
    }
    let quoted = scan.slice(start.saturating_sub(7)..start);
    if [b"token \"".as_slice(), b"token '", b"token `"]
        .iter()
        .any(|w| quoted.eq_ignore_ascii_case(w))
    {
        return !is_uuid;
    }
    scan.has_before(start, distance, &WORDS)
}

/// The name in the line above, or in the member before: `name: API_KEY`, `"key": "API_KEY",`.
fn named_above(scan: &Scan<'_>, value: usize) -> Folded {
    let is_between =
        |b: u8| matches!(b, b' ' | b'\n' | b'\r' | b'\t' | b',' | b'"' | b'\'' | b'\\');
    let mut end = scan.skip_back(value, 32, is_between);
    // The line break may be written as an escape.
    if scan.byte(end.saturating_sub(1)) == b'n'
        && scan.byte(end) == b' '
        && end >= 2
        && scan.byte(end - 2) == b'\\'
    {
        end = scan.skip_back(end - 2, 8, is_between);
    }
    let start = scan.skip_back(end, 48, is_run);
    folded(scan.slice(start..end))
}

/// At least 32 letters of both cases and digits in a row, as no key of an object has.
fn is_strong(text: &[u8]) -> bool {
    let run = text.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    let text = text.get(..run).unwrap_or_default();
    run >= 32
        && text.iter().any(u8::is_ascii_uppercase)
        && text.iter().any(u8::is_ascii_lowercase)
        && text.iter().any(u8::is_ascii_digit)
}

/// `wandb_key`, `mailchimp_key`: a key of something that is not kept in tables or caches.
fn is_key_of_service(name: &[u8]) -> bool {
    static NOT: Near = Near::of(&[
        "cache",
        "primary",
        "foreign",
        "partition",
        "sort",
        "idempotency",
        "object",
        "s3",
        "row",
        "group",
        "dedup",
        "registry",
        "public",
        "host",
        "lookup",
        "index",
        "unique",
        "shard",
        "bucket",
        "i18n",
        "translation",
        "query",
        "hash",
        "state",
        "map",
        "json",
        "file",
        "blob",
        "storage",
        "lock",
        "build",
        "content",
        "react",
        "item",
        "message",
        "range",
        "restore",
        "artifact",
        "pub",
        "ssh",
        "gpg",
        "order",
        "document",
        "record",
        "dict",
        "tree",
        "etag",
        "version",
        "image",
        "asset",
        "memo",
        "monkey",
    ]);
    name.len() >= 6 && name.ends_with(b"key") && !NOT.are_in(name)
}

/// Whether a folded name is one of a key, a token or a secret.
pub(super) fn is_secret_name(name: &[u8]) -> bool {
    static ENDS: Words = Words::ends(&[
        "apikey",
        "accesskey",
        "secretkey",
        "privatekey",
        "authkey",
        "signingkey",
        "encryptionkey",
        "masterkey",
        "licensekey",
        "subscriptionkey",
        "clientkey",
        "consumerkey",
        "servicekey",
        "appkey",
        "accountkey",
        "sharedkey",
        "storagekey",
        "adminkey",
        "writekey",
        "readkey",
        "webhookkey",
        "jwtkey",
        "sessionkey",
        "deploykey",
        "hmackey",
        "sharedaccesskey",
        "integrationkey",
        "serverkey",
        "fernetkey",
        "cookiekey",
        "secretkeybase",
        "token",
        "secret",
        "authorization",
        "credential",
        "credentials",
        "xapikey",
        "apisecret",
        "clientsecret",
        "webhooksecret",
        "salt",
        "bearer",
        "accesskeysecret",
        "secretaccesskey",
        "apikeysecret",
        "appsecret",
        "pat",
        "tokenvalue",
        "secretvalue",
        "apikeyvalue",
        "authtoken",
        "apitoken",
        "sas",
        "cookie",
        "sessionid",
        "passkey",
        "auth",
    ]);
    static NOT: Words = Words::ends(&[
        "pagetoken",
        "continuationtoken",
        "synctoken",
        "nexttoken",
        "idempotencytoken",
        "cancellationtoken",
        "placeholdertoken",
        "csrftokenname",
        "tokentype",
        "publickeytoken",
    ]);
    ENDS.end_of(name).is_some() && NOT.end_of(name).is_none()
}
