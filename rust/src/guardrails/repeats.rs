//! Text that repeats itself is read once: a scan that stands in it as it stood one round before
//! finds in each further round what it found in that one, as many bytes on.

use super::category::Category;
use super::scanner::{Finding, Read, STRIDE, Scan};

/// Bytes between two looks for a round.
pub(super) const EVERY: usize = 4096;
/// Longest part that is seen to repeat itself.
const LONGEST: usize = 256;
/// So many bytes have to be the same for a closer look.
const TAIL: usize = 32;
/// Longest step: windows and parts that repeat themselves end together there.
const STEP: usize = 12 * 1024;
/// Longest round: detectors that read some bytes ahead at once begin again elsewhere in each part.
const ROUND: usize = 16 * 1024;
/// Farther back than any detector looks from its trigger.
const BEFORE: usize = 1024;
/// Farther than any detector looks ahead, but where a private key begins. Runs of characters are
/// read to their ends: those end in the part, or all of what repeats itself is in one. Lists are
/// walked no farther than one part.
const AHEAD: usize = 5 * 1024;
/// The same for private keys.
const AHEAD_OF_KEY: usize = 66 * 1024;

/// What the next windows depend on besides their text.
struct Standing {
    cursors: [usize; Category::COUNT],
    run: usize,
    word: u64,
}

/// One round, from its first window on. It has some steps, after each of which it may be over.
struct Round {
    base: usize,
    step: usize,
    standing: Standing,
    /// How many findings there were before it.
    findings: usize,
    /// Up to here no detector reads what does not repeat itself.
    until: usize,
}

/// Where a text repeats itself.
#[derive(Default)]
pub(super) struct Repeats {
    round: Option<Round>,
    /// The length of the part that repeats itself, and up to where.
    known: (usize, usize),
}

impl Repeats {
    /// Called before the window at `base`, which `word` is left over for; says where to go on, and
    /// where to call again.
    #[cold]
    #[inline(never)]
    pub(super) fn look(&mut self, scan: &mut Scan<'_>, base: usize, word: u64) -> (usize, usize) {
        if let Some(round) = self.round.take() {
            let by = round.pass(scan, base, word);
            if by == 0 && base < round.base + ROUND && base + round.step < round.until {
                let next = base + round.step;
                self.round = Some(round);
                return (base, next);
            }
            return (base + by, base + by + EVERY);
        }
        let Some((step, until)) = self.find(scan.text, base) else { return (base, base + EVERY) };
        let standing = Standing { cursors: scan.cursors, run: scan.run, word };
        self.round = Some(Round { base, step, standing, findings: scan.findings.len(), until });
        (base, base + step)
    }

    /// How long a step from `base` on is, and up to where no detector reads beyond what repeats
    /// itself.
    fn find(&mut self, text: &[u8], base: usize) -> Option<(usize, usize)> {
        let part = part_before(text, base)?;
        let step = part / common(part, STRIDE) * STRIDE;
        let head = text.get(base.checked_sub(BEFORE + part)?..base)?;
        if step > STEP || head.get(part..) != head.get(..BEFORE) {
            return None;
        }
        let (known, to) = self.known;
        let to = if known == part && to > base { to } else { same_until(text, base, part) };
        self.known = (part, to);
        // Twice, so that the words are found wherever the part is cut.
        let twice = text.get(base.checked_sub(2 * part)?..base)?;
        let is_key = memchr::memmem::find(twice, b"PRIVATE KEY").is_some();
        let until = to.checked_sub(if is_key { AHEAD_OF_KEY } else { AHEAD })?;
        (until >= base + 2 * step).then_some((step, until))
    }
}

impl Round {
    /// Passes over the rounds that follow this one, if they are as this one was; says how many
    /// bytes they have.
    fn pass(&self, scan: &mut Scan<'_>, base: usize, word: u64) -> usize {
        let len = base - self.base;
        let times = self.until.saturating_sub(base) / len;
        // What moves does so by one round in each; what lies farther back than anyone looks stays.
        let moves = |then: usize, now: usize| {
            if now == then + len {
                return Some(true);
            }
            (now == then && now + BEFORE <= self.base).then_some(false)
        };
        let mut cursors = scan.cursors;
        for (now, then) in cursors.iter_mut().zip(self.standing.cursors) {
            let Some(is_moving) = moves(then, *now) else { return 0 };
            *now += if is_moving { times * len } else { 0 };
        }
        let Some(is_running) = moves(self.standing.run, scan.run) else { return 0 };
        if times == 0 || word != self.standing.word {
            return 0;
        }
        let found: Vec<Finding> = scan.findings.get(self.findings..).unwrap_or_default().to_vec();
        scan.findings.reserve(found.len() * times);
        for time in 1..=times {
            let by = time * len;
            scan.findings.extend(found.iter().map(|finding| Finding {
                start: finding.start + by,
                end: finding.end + by,
                ..*finding
            }));
        }
        let by = times * len;
        scan.cursors = cursors;
        scan.run += if is_running { by } else { 0 };
        // All of it was read for places that are passed.
        scan.read = Read::default();
        by
    }
}

/// The length of the part before `base` that stands there twice, as far as its last bytes tell.
fn part_before(text: &[u8], base: usize) -> Option<usize> {
    let head = text.get(base.checked_sub(LONGEST + TAIL)?..base)?;
    let (rest, tail) = head.split_at_checked(head.len() - TAIL)?;
    let last = *tail.last()?;
    let end = rest.len() + TAIL - 1;
    memchr::memrchr_iter(last, head.get(TAIL - 1..end)?)
        .find(|at| head.get(*at..at + TAIL) == Some(tail))
        .map(|at| LONGEST - at)
}

/// Up to where each byte from `from` on is the one `part` bytes before it.
fn same_until(text: &[u8], from: usize, part: usize) -> usize {
    const CHUNK: usize = 512;
    let (mut at, ahead) = (from, text.get(from..).unwrap_or_default());
    let behind = text.get(from - part..).unwrap_or_default();
    for (one, other) in ahead.chunks(CHUNK).zip(behind.chunks(CHUNK)) {
        if other.get(..one.len()) != Some(one) {
            return at + one.iter().zip(other).take_while(|(one, other)| one == other).count();
        }
        at += one.len();
    }
    at
}

/// The greatest common divisor.
fn common(one: usize, other: usize) -> usize {
    if other == 0 { one } else { common(other, one % other) }
}

#[cfg(test)]
mod tests {
    use super::super::category::Categories;
    use super::super::detectors::DETECTORS;
    use super::super::draws::draws;
    use super::super::scanner::Scanner;
    use std::time::{Duration, Instant};

    /// Parts of what detectors look for, repeated, with other texts before, behind and in between.
    #[test]
    fn nothing_else_is_found_where_rounds_are_passed_over() {
        let texts: Vec<&str> = DETECTORS
            .iter()
            .flat_map(|d| {
                d.matching.iter().map(|(text, _)| *text).chain(d.harmless.iter().copied())
            })
            .collect();
        let scanner = Scanner::new(Categories::ALL);
        let mut draw = draws();
        for round in 0..100 {
            let mut part = String::new();
            for _ in 0..=draw(3) {
                let text = texts[draw(texts.len())];
                let from = draw(text.len());
                let to = (from + 1 + draw(40)).min(text.len());
                part.push_str(text.get(from..to).unwrap_or(text));
                part.push_str([" ", "\n", "=", "", ": "][draw(5)]);
            }
            let (head, tail) = (texts[draw(texts.len())], texts[draw(texts.len())]);
            let repeated = part.repeat((8_000 + draw(8_000)) / part.len());
            let mut text = format!("{head}\n{repeated}{tail}\n{repeated}");
            if round % 3 == 0 {
                let at =
                    (0..text.len()).map(|_| draw(text.len())).find(|at| text.is_char_boundary(*at));
                text.insert(at.unwrap_or_default(), 'q');
            }
            let found = scanner.scan(text.as_bytes(), None).unwrap();
            assert_eq!(found, scanner.scan_baseline(text.as_bytes()), "{part:?}");
        }
    }

    #[test]
    fn what_is_looked_for_far_ahead_is_found_behind_what_repeats_itself() {
        let scanner = Scanner::new(Categories::ALL);
        for (part, tail) in [
            ("-----BEGIN PRIVATE KEY----- ", "MIIEvQIBADANBg\\n-----END PRIVATE KEY-----"),
            ("sessiontoken=", "AbCdEfGh1234"),
        ] {
            let text = part.repeat(80_000 / part.len()) + tail;
            let found = scanner.scan(text.as_bytes(), None).unwrap();
            assert_eq!(found, scanner.scan_baseline(text.as_bytes()));
            assert!(found.iter().any(|finding| finding.end == text.len()), "{found:?}");
        }
    }

    #[test]
    fn what_began_before_what_repeats_itself_goes_on_behind_it() {
        let header = "eyJhbGciOiJIUzI1NiIsInR5cCI6Ikp".to_owned() + &"J".repeat(30_000);
        let text = header + ".eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N ";
        let scanner = Scanner::new(Categories::ALL);
        let found = scanner.scan(text.as_bytes(), None).unwrap();
        assert_eq!(found, scanner.scan_baseline(text.as_bytes()));
        assert_eq!(found.first().map(|finding| finding.start), Some(0));
    }

    /// The least time of some runs: others use the machine too.
    fn least(mut work: impl FnMut()) -> Duration {
        let timed = |()| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        };
        [(); 5].map(timed).into_iter().min().unwrap_or_default()
    }

    #[test]
    fn what_repeats_itself_is_read_once() {
        let scanner = Scanner::new(Categories::ALL);
        let odd = &"pw=1 2 3 4 5 1234567 to _ a:-".repeat(6)[..173];
        for part in ["pw=1 2 3 4 5 1234567 to _ a:-", "James Smith ", "AKIAQ2WERTY7UIOP3ASD ", odd]
        {
            let text = part.repeat(200_000 / part.len());
            let all = scanner.scan_baseline(text.as_bytes());
            let each = least(|| drop(scanner.scan_baseline(text.as_bytes())));
            let once = least(|| {
                assert_eq!(scanner.scan(text.as_bytes(), None).unwrap(), all);
            });
            assert!(once * 2 < each, "{part:?}: {once:?}, each for itself {each:?}");
        }
    }
}
