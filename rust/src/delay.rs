//! How long an upstream wants to be left alone: every spelling of it, as milliseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::HeaderMap;

/// A delay may be asked for, but not for longer than this.
const LONGEST_DELAY_MS: u64 = 24 * 3600 * 1000;

const TOO_MANY_REQUESTS: u16 = 429;

/// The delay that an answer asks for: `retry-after-ms`, else `retry-after` as seconds (with
/// fraction) or as an HTTP date, else, where a limit was reached, what the headers say about
/// its reset. A date in the past is no delay; nonsense counts as absent.
pub(crate) fn retry_after_ms(headers: &HeaderMap, status: u16, now: SystemTime) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(ms) = text("retry-after-ms").and_then(non_negative) {
        return Some(bounded(ms));
    }
    let told = text("retry-after").and_then(|value| seconds_or_date(value, now));
    // Good answers carry reset headers too, and so do failures that have nothing to do with them.
    let reset = || if status == TOO_MANY_REQUESTS { reset_ms(headers, now) } else { None };
    told.or_else(reset)
}

fn seconds_or_date(value: &str, now: SystemTime) -> Option<u64> {
    if value.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return httpdate::parse_http_date(value).ok().map(|at| until(at, now));
    }
    non_negative(value).map(|seconds| bounded(seconds * 1000.0))
}

/// `anthropic-ratelimit-*-reset` and `x-ratelimit-reset-*`. Several limits may be told: those
/// with nothing left decide, the longest of them; where none says so the shortest does, because
/// asking once too early costs less than staying away too long.
fn reset_ms(headers: &HeaderMap, now: SystemTime) -> Option<u64> {
    let mut reached: Option<u64> = None;
    let mut shortest: Option<u64> = None;
    for (name, value) in headers {
        let Some(remaining) = remaining_name(name.as_str()) else { continue };
        let Some(ms) = value.to_str().ok().and_then(|text| moment_ms(text.trim(), now)) else {
            continue;
        };
        let left = headers.get(&remaining).and_then(|value| value.to_str().ok());
        if left.is_some_and(|left| non_negative(left.trim()) == Some(0.0)) {
            reached = Some(reached.map_or(ms, |longest| longest.max(ms)));
        }
        shortest = Some(shortest.map_or(ms, |least| least.min(ms)));
    }
    reached.or(shortest)
}

/// For a header that tells a limit's reset: the name of the one that tells what is left of it.
fn remaining_name(name: &str) -> Option<String> {
    if let Some(limit) = name.strip_prefix("x-ratelimit-reset") {
        return Some(format!("x-ratelimit-remaining{limit}"));
    }
    let limit = name.strip_prefix("anthropic-ratelimit-")?.strip_suffix("-reset")?;
    Some(format!("anthropic-ratelimit-{limit}-remaining"))
}

/// A reset as any vendor spells it: `6m0s`, RFC 3339, seconds from now, or seconds since 1970.
fn moment_ms(text: &str, now: SystemTime) -> Option<u64> {
    if let Some(seconds) = non_negative(text) {
        let is_date = seconds >= 1e9;
        return Some(if is_date {
            until(since_1970(seconds)?, now)
        } else {
            bounded(seconds * 1e3)
        });
    }
    duration_ms(text).or_else(|| rfc3339(text).map(|at| until(at, now)))
}

/// `1h2m3.5s`, `120ms`: numbers, each with its unit.
fn duration_ms(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut ms = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let units = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(units)?;
        let factor = match unit {
            "d" => 86_400_000.0,
            "h" => 3_600_000.0,
            "m" => 60_000.0,
            "s" => 1_000.0,
            "ms" => 1.0,
            "us" | "ns" => 0.0,
            _ => return None,
        };
        ms += non_negative(number)? * factor;
        rest = tail;
    }
    (!text.is_empty()).then(|| bounded(ms))
}

/// `2026-11-21T12:00:00.5Z`, or with an offset such as `+02:00`.
fn rfc3339(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at_checked(at)?;
    let mut clock = clock.splitn(3, ':');
    let hour: i64 = clock.next()?.parse().ok()?;
    let minute: i64 = clock.next()?.parse().ok()?;
    let second = non_negative(clock.next()?)?;
    let is_real = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && second < 61.0;
    if !is_real {
        return None;
    }
    let minutes = hour * 60 + minute - offset_minutes(zone)?;
    let seconds = days_since_1970(year, month, day) * 86_400 + minutes * 60;
    since_1970(seconds as f64 + second)
}

fn offset_minutes(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
    (minutes < 24 * 60).then_some(if sign == "-" { -minutes } else { minutes })
}

/// Days of the Gregorian calendar, counted in years that begin with March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn since_1970(seconds: f64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

fn until(at: SystemTime, now: SystemTime) -> u64 {
    bounded(at.duration_since(now).unwrap_or(Duration::ZERO).as_secs_f64() * 1000.0)
}

fn non_negative(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
}

fn bounded(ms: f64) -> u64 {
    (ms.ceil() as u64).min(LONGEST_DELAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{HeaderName, HeaderValue};

    /// 9 September 2001, 01:46:40 UTC.
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000_000)
    }

    fn delay_of(status: u16, pairs: &[(&'static str, &str)]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let value = HeaderValue::from_str(value).expect("valid");
            headers.insert(HeaderName::from_static(name), value);
        }
        retry_after_ms(&headers, status, now())
    }

    fn delay(name: &'static str, value: &str) -> Option<u64> {
        delay_of(429, &[(name, value)])
    }

    #[test]
    fn f13_retry_after_spellings() {
        assert_eq!(delay("retry-after", "2"), Some(2000));
        assert_eq!(delay("retry-after", "1.5"), Some(1500));
        assert_eq!(delay("retry-after-ms", "750"), Some(750));
        assert_eq!(delay("retry-after", "Sun, 09 Sep 2001 01:46:43 GMT"), Some(3000));
        assert_eq!(delay("retry-after", "Sun, 09 Sep 2001 01:46:30 GMT"), Some(0));
        assert_eq!(delay("retry-after", "-1"), None);
        assert_eq!(delay("retry-after", "abc"), None);
        assert_eq!(delay("retry-after", "99999999999"), Some(LONGEST_DELAY_MS));
        assert_eq!(delay_of(429, &[("retry-after", "9"), ("retry-after-ms", "750")]), Some(750));
    }

    #[test]
    fn f14_reset_spellings() {
        for (text, ms) in [
            ("1s", Some(1000)),
            ("6m0s", Some(360_000)),
            ("120ms", Some(120)),
            ("1h2m3.5s", Some(3_723_500)),
            ("7.66s", Some(7660)),
            ("12", Some(12_000)),
            ("1000000005", Some(5000)),
            ("999999999", Some(LONGEST_DELAY_MS)),
            ("2001-09-09T01:46:43Z", Some(3000)),
            ("2001-09-09T01:46:40.250Z", Some(250)),
            ("2001-09-09T03:46:43+02:00", Some(3000)),
            ("2001-09-08T20:16:43-05:30", Some(3000)),
            ("2001-09-09T01:46:30Z", Some(0)),
            ("2099-01-01T00:00:00Z", Some(LONGEST_DELAY_MS)),
            ("", None),
            ("soon", None),
            ("-3s", None),
            ("5x", None),
            ("2001-13-09T01:46:43Z", None),
            ("2001-09-09", None),
        ] {
            assert_eq!(delay("x-ratelimit-reset-tokens", text), ms, "{text}");
            assert_eq!(delay("anthropic-ratelimit-requests-reset", text), ms, "{text}");
        }
        assert_eq!(delay("x-ratelimit-reset", "4"), Some(4000));
        assert_eq!(delay("anthropic-ratelimit-unified-reset", "1000000007"), Some(7000));
    }

    #[test]
    fn f14_the_limit_that_is_reached_decides() {
        let (requests, tokens) =
            (("x-ratelimit-reset-requests", "1s"), ("x-ratelimit-reset-tokens", "6m0s"));
        assert_eq!(delay_of(429, &[requests, tokens]), Some(1000));
        let nothing_left = ("x-ratelimit-remaining-tokens", "0");
        assert_eq!(delay_of(429, &[requests, tokens, nothing_left]), Some(360_000));
        assert_eq!(delay_of(429, &[tokens, ("retry-after", "2")]), Some(2000));
        assert_eq!(delay_of(429, &[tokens, ("retry-after", "abc")]), Some(360_000));
    }

    #[test]
    fn f14_resets_mean_nothing_beside_other_failures() {
        let reset = ("anthropic-ratelimit-requests-reset", "2001-09-09T01:47:40Z");
        for status in [200, 500, 503, 529] {
            assert_eq!(delay_of(status, &[reset]), None);
        }
        assert_eq!(delay_of(529, &[reset, ("retry-after", "3")]), Some(3000));
    }

    #[test]
    fn dates_are_counted_as_the_calendar_does() {
        let since = |text| {
            rfc3339(text).and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|d| d.as_secs())
        };
        assert_eq!(since("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(since("2000-02-29T12:00:00Z"), Some(951_825_600));
        assert_eq!(since("2001-09-09T01:46:40Z"), Some(1_000_000_000));
        assert_eq!(since("2026-11-21T00:00:00Z"), Some(1_795_219_200));
        assert_eq!(since("2100-03-01T00:00:00Z"), Some(4_107_542_400));
    }
}
