//! What a run of the client adds up to, as one JSON object.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Different failures told in full; the rest are only counted.
const MAX_SAMPLES: usize = 5;

/// The outcome of the exchanges of one connection, or of all of them.
#[derive(Default)]
pub(crate) struct Tally {
    latencies: Vec<u64>,
    first_bytes: Vec<u64>,
    /// Ages of deltas on arrival, in nanoseconds.
    pub(crate) ages: Vec<u64>,
    deltas: u64,
    answer_bytes: u64,
    pub(crate) connects: u64,
    /// Failures by kind.
    failures: BTreeMap<&'static str, u64>,
    samples: Vec<String>,
}

impl Tally {
    /// Counts a whole, right answer; times are in nanoseconds.
    pub(crate) fn succeed(&mut self, latency: u64, first_byte: u64, deltas: usize, bytes: usize) {
        self.latencies.push(latency);
        self.first_bytes.push(first_byte);
        self.deltas += deltas as u64;
        self.answer_bytes += bytes as u64;
    }

    pub(crate) fn fail(&mut self, kind: &'static str, detail: &str) {
        *self.failures.entry(kind).or_default() += 1;
        self.keep(format!("{kind}: {detail}"));
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.first_bytes.extend(other.first_bytes);
        self.ages.extend(other.ages);
        self.deltas += other.deltas;
        self.answer_bytes += other.answer_bytes;
        self.connects += other.connects;
        for (kind, count) in other.failures {
            *self.failures.entry(kind).or_default() += count;
        }
        other.samples.into_iter().for_each(|sample| self.keep(sample));
    }

    /// Keeps the first few failures that differ.
    fn keep(&mut self, sample: String) {
        if self.samples.len() < MAX_SAMPLES && !self.samples.contains(&sample) {
            self.samples.push(sample);
        }
    }
}

/// The report: times in microseconds, quantiles by nearest rank, `null` where nothing was counted.
pub(crate) fn render(tally: Tally, seconds: f64, cpu_ns: u64) -> String {
    let requests = tally.latencies.len();
    let cpu = cpu_ns as f64 / 1e3;
    json!({
        "requests": requests,
        "errors": tally.failures.values().sum::<u64>(),
        "error_kinds": tally.failures,
        "samples": tally.samples,
        "connects": tally.connects,
        "deltas": tally.deltas,
        "answer_bytes": tally.answer_bytes,
        "seconds": seconds,
        "rps": requests as f64 / seconds,
        "latency_us": quantiles(tally.latencies),
        "first_byte_us": quantiles(tally.first_bytes),
        "delta_age_us": quantiles(tally.ages),
        "cpu_us": cpu,
        "cpu_us_per_request": cpu / requests.max(1) as f64,
    })
    .to_string()
}

fn quantiles(mut nanos: Vec<u64>) -> Value {
    nanos.sort_unstable();
    let at = |per_mille: usize| {
        let rank = (nanos.len() * per_mille).div_ceil(1000).max(1);
        nanos.get(rank - 1).map(|&ns| ns as f64 / 1e3)
    };
    json!({"p50": at(500), "p90": at(900), "p99": at(990), "max": at(1000)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let hundred = quantiles((1..=100).map(|n| n * 1000).rev().collect());
        assert_eq!(hundred, json!({"p50": 50.0, "p90": 90.0, "p99": 99.0, "max": 100.0}));
        assert_eq!(quantiles(vec![7_000])["p99"], json!(7.0));
        assert_eq!(quantiles(Vec::new())["p50"], Value::Null);
    }

    #[test]
    fn sums_keep_counts_and_few_samples() {
        let mut sum = Tally::default();
        for index in 0..4 {
            let mut tally = Tally::default();
            tally.succeed(1_000, 500, 3, 10);
            tally.fail("status", "status 500");
            tally.fail("content", &format!("wrong byte at {index}"));
            tally.fail("cut", "closed");
            sum.add(tally);
        }
        let Ok(report) = serde_json::from_str::<Value>(&render(sum, 2.0, 8_000)) else {
            panic!("the report is JSON");
        };
        assert_eq!(report["requests"], 4);
        assert_eq!(report["errors"], 12);
        assert_eq!(report["error_kinds"], json!({"content": 4, "cut": 4, "status": 4}));
        assert_eq!(report["samples"].as_array().map(Vec::len), Some(MAX_SAMPLES));
        assert_eq!(report["samples"][3], "content: wrong byte at 1");
        assert_eq!(report["rps"], 2.0);
        assert_eq!(report["cpu_us_per_request"], 2.0);
    }
}
