//! Guardrails: looking through a request for the first time and with a known history, the worst
//! texts, and putting values back in a stream.

#![expect(clippy::unwrap_used, reason = "a bench may stop where its own data is wrong")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use codegate::formats::Format;
use codegate::guardrails::policy::Wishes;
use codegate::guardrails::{Categories, Guard, Scanner, StreamRestorer};
use codegate::request::ParsedRequest;
use criterion::{BatchSize, Criterion, Throughput, criterion_group};

/// Files as agents read them: code, lock files, logs, prose, a little base64.
const PIECES: [&str; 5] = [
    "    def read_rows(self, path: str, limit: int = 500) -> list[Row]:\n        rows = []\n        with open(path, encoding=\"utf-8\") as file:\n            for line in file:\n                key, _, value = line.partition(\"=\")\n                rows.append(Row(key=key.strip(), value=value.strip()))\n        return rows[:limit]\n\n",
    "    \"node_modules/@babel/core\": {\n      \"version\": \"7.26.10\",\n      \"resolved\": \"vendor/babel-core-7.26.10.tgz\",\n      \"integrity\": \"sha512-vMqyb7XCDMPvJFFOaT9kxtiRh42GwlZEg1/uIgtZshS5a/8OaduUfCi7kynKgc3Tw/6Uo2D+db9qBttghhmxwQ==\",\n      \"engines\": {\n        \"node\": \">=6.9.0\"\n      }\n    },\n",
    "2026-11-21T09:14:33.108Z INFO  [http-nio-8080-exec-4] c.e.orders.OrderService - order 88213 accepted in 42 ms, trace=5f0c1e2ab77d4410, shard=7\n2026-11-21T09:14:33.240Z DEBUG [pool-2-thread-1] c.e.orders.Outbox - 17 rows flushed, lag 3\n",
    "The scheduler keeps one queue for each account and takes from the fullest first. When an upstream answers with 429 the account rests until the time that it named; others go on. See the chapter on limits for how the numbers were chosen.\n\n",
    "iVBORw0KGgoAAAANSUhEUgAAAQAAAAEACAIAAADTED8xAAADMElEQVR4nOzVwQnAIBQFQYXff81RUkQCOyDj1YOPnbXWPmeTRef+/3O/OyBjzh3CD95BfqICMd4v8QAAAABJRU5ErkJggg==\n",
];

fn text(len: usize) -> String {
    let mut text = String::new();
    let mut n = 0_usize;
    while text.len() < len {
        text.push_str(PIECES[[0, 1, 0, 2, 3, 0, 2, 1, 0, 4][n % 10]]);
        n += 1;
        if n.is_multiple_of(97) {
            let _ = writeln!(text, "contact ada{n}@example.org, password: Sommer{n}!");
        }
    }
    text
}

fn body(len: usize, news: &str) -> Vec<u8> {
    let mut messages = Vec::new();
    for (n, piece) in text(len).into_bytes().chunks(3_000).enumerate() {
        let piece = String::from_utf8_lossy(piece);
        messages.push(serde_json::json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": format!("toolu_{n}"), "content": piece}]}));
    }
    messages.push(serde_json::json!({"role": "user", "content": news}));
    serde_json::json!({"model": "m", "max_tokens": 9, "messages": messages})
        .to_string()
        .into_bytes()
}

fn guard() -> Guard {
    let wishes = Wishes { in_tool_args: Categories::ALL, ..Wishes::default() };
    Guard::new(&[[7; 32]], "default", wishes, [1, 2, 3, 4]).unwrap()
}

fn parse(body: &[u8]) -> Arc<ParsedRequest> {
    let parts = [Bytes::copy_from_slice(body)];
    Arc::new(ParsedRequest::parse(Format::AnthropicMessages, parts).unwrap())
}

fn bench_mask(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask");
    group.measurement_time(Duration::from_secs(3)).sample_size(30);
    for (name, len) in [("100 KB", 100_000), ("1 MB", 1_000_000)] {
        let whole = body(len, "go on");
        let request = parse(&whole);
        group.throughput(Throughput::Bytes(whole.len() as u64));
        group.bench_function(format!("first {name}"), |bencher| {
            bencher.iter_batched(
                guard,
                |guard| black_box(request.masked(&guard).unwrap().counts),
                BatchSize::LargeInput,
            );
        });
    }
    let known = guard();
    let history = body(1_000_000, "go on");
    known_turn(&known, &history);
    let turns: Vec<_> =
        (0..64).map(|n| parse(&body(1_000_000, &format!("{n} {}", text(4_000))))).collect();
    let mut next = 0;
    group.bench_function("4 KB new on 1 MB known", |bencher| {
        bencher.iter(|| {
            next = (next + 1) % turns.len();
            black_box(turns[next].masked(&known).unwrap().counts)
        });
    });
    group.finish();
}

fn known_turn(guard: &Guard, body: &[u8]) {
    black_box(parse(body).masked(guard).unwrap().counts);
}

/// Texts made against one detector each, and the slowest of many that were put together at random
/// from stems and what may stand between them; repeated.
#[rustfmt::skip]
const WORST: &[&str] = &[
    "a", "sk-", "eyJ.", "JAMES ", "a:", "1", "1.1.", "a@", "password=", "://", "1 Main ", "1 2-3.4 ", "-----BEGIN ", "James Smith ", "DE44 ", "name: ", "+/a", "key=\"",
    "::", "Box 1 ", "pass", "-p ", " -p x", "pw=", "pw ", "pass ", "passport ", "token=", "1 A ", "a1b2c3d4e5f6g7h8/", "81.2.69.142 ", "address: 1 ",
    "-----BEGIN PRIVATE KEY-----", "12 Main Street ", "AKIAQ2WERTY7UIOP3ASD ", "curl -u ", "mysql -p ", "sudo -S ", "zip -P ", "mysql -p x -p x -p x -p x -p x ",
    "curl -p -p -p -p -p -p -p -p -p -p ", "pw", "token ", "secret ", "password: ", "token: ", "token=abc ", "password is ", "-u ", " -u a", " -S ", "1234567 ",
    "123-45 ", "1 2 3 4 5 ", "A 1 ", "a 1 ", "A b ", "Street 5 ", "key ", "key=", "cret=x ", "name=", "1st A ", "pw:", "pass=", "a 12 B ", "address: ", "(\"a\"",
    "credentials: ", "pwd=/a ", "secretkey=", "sessiontoken=", "+/apasswordpassword: b'", "--password to ", "A-a ", "address is 1.1.", "pwd ( pw ", "::pw:pw =Apsk",
    "pass=81.2.69.142 cret psk ", "pw:_a@auth=(AKIAQ2WERTY7UIOP3ASD A ",
    "key=sessiontoken=", "namekey=addressname123-45 secret key ", "pw=1 2 3 4 5 1234567 to _ a:-", "..://a1b2c3d4e5f6g7h8/pw:pw", "pwsecretkey=AKIAQ2WERTY7UIOP3ASD A-a x ",
];

/// `part` again and again; with a word of its own after a few of them if it is not to repeat itself.
fn worst_text(part: &str, is_varied: bool) -> String {
    if !is_varied {
        return part.repeat(1_000_000 / part.len());
    }
    let (mut text, mut seed) = (String::new(), 0x9E37_79B9_u32);
    while text.len() < 1_000_000 {
        text.push_str(&part.repeat(200_usize.div_ceil(part.len())));
        for _ in 0..5 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push(char::from(b'a' + (seed >> 24) as u8 % 26));
        }
        text.push('\n');
    }
    text
}

fn bench_scan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan 1 MB");
    group.measurement_time(Duration::from_secs(2)).sample_size(20);
    let scanner = Scanner::new(Categories::ALL);
    let ordinary = text(1_000_000);
    group.bench_function("ordinary", |b| {
        b.iter(|| scanner.scan(black_box(ordinary.as_bytes()), None));
    });
    group.bench_function("ordinary, without AVX2", |b| {
        b.iter(|| scanner.scan_baseline(black_box(ordinary.as_bytes())));
    });
    for worst in WORST {
        let text = worst_text(worst, false);
        group.bench_function(*worst, |b| b.iter(|| scanner.scan(black_box(text.as_bytes()), None)));
    }
    group.finish();
}

const DELTA: &[u8] = br#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" the next twenty ch"}}"#;

fn restorer() -> StreamRestorer {
    let request = parse(&body(10_000, "mail ada@example.org"));
    let masked = request.masked(&guard()).unwrap().request.unwrap();
    StreamRestorer::new(Format::AnthropicMessages, masked.issued.clone().unwrap())
}

fn bench_restore(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("restore");
    let mut restorer = restorer();
    group.bench_function("delta without a token", |b| b.iter(|| restorer.event(black_box(DELTA))));
    let cut = br#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" to XQZEMAILHG0W9G"}}"#;
    let rest = br#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"AJ163M14BCJJ. "}}"#;
    group.bench_function("two deltas with a token cut in two", |b| {
        b.iter(|| (restorer.event(black_box(cut)), restorer.event(black_box(rest))));
    });
    group.finish();
}

/// CPU time of this thread: it bears noisy neighbours, which the clock on the wall does not.
fn cpu_us() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to `time` and to nothing else.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// The least CPU time that `work` took on what `make` makes for it.
fn least<T>(count: usize, mut make: impl FnMut() -> T, mut work: impl FnMut(&T)) -> f64 {
    let measured = (0..count).map(|_| {
        let input = make();
        let begun = cpu_us();
        work(&input);
        cpu_us() - begun
    });
    measured.fold(f64::MAX, f64::min)
}

/// What each varied text takes, and the least CPU times in microseconds as JSON on the last line:
/// `--costs`.
#[expect(clippy::print_stdout, reason = "that is what it is asked for")]
fn costs() {
    const DELTAS: usize = 1_000;
    let plain = text(1_000_000);
    let whole = body(1_000_000, "go on");
    let request = parse(&whole);
    let scanner = Scanner::new(Categories::ALL);
    let first = least(60, guard, |guard| {
        black_box(request.masked(guard).unwrap().counts);
    });
    let scan = least(
        60,
        || (),
        |()| {
            black_box(scanner.scan(plain.as_bytes(), None).unwrap());
        },
    );
    let baseline = least(
        60,
        || (),
        |()| {
            black_box(scanner.scan_baseline(plain.as_bytes()));
        },
    );
    let known = guard();
    known_turn(&known, &whole);
    let mut turn = 0;
    let next = least(
        100,
        || {
            turn += 1;
            parse(&body(1_000_000, &format!("{turn} {}", text(4_000))))
        },
        |request| {
            black_box(request.masked(&known).unwrap().counts);
        },
    );
    let mut restorer = restorer();
    let delta = least(
        200,
        || (),
        |()| {
            for _ in 0..DELTAS {
                black_box(restorer.event(black_box(DELTA)));
            }
        },
    );
    let slowest = |is_varied| {
        let costs = WORST.iter().map(|part| {
            let text = worst_text(part, is_varied);
            let cost = least(4, || (), |()| drop(black_box(scanner.scan(text.as_bytes(), None))));
            (cost, *part)
        });
        let mut costs: Vec<_> = costs.collect();
        costs.sort_by(|one, other| other.0.total_cmp(&one.0));
        costs
    };
    let (repeated, varied) = (slowest(false), slowest(true));
    for (cost, text) in &varied {
        println!("{:5.1} times ordinary text, varied: {text:?}", cost / scan);
    }
    let (worst, varied) = (repeated[0], varied[0]);
    let costs = serde_json::json!({
        "first": first, "first_baseline": first - scan + baseline, "scan": scan,
        "next": next, "delta": delta / DELTAS as f64, "worst": worst.0, "worst_text": worst.1,
        "varied": varied.0, "varied_text": varied.1,
    });
    println!("{costs}");
}

criterion_group!(benches, bench_mask, bench_scan, bench_restore);

fn main() {
    if std::env::args().any(|word| word == "--costs") {
        costs();
        return;
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
