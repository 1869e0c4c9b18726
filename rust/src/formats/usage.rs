//! Reading token counts.

pub use crate::canonical::Usage;
use crate::json::{Fields, Kind, Value};

/// More tokens than any answer can have: a count beyond it is a fault of the upstream.
const MOST_TOKENS: f64 = 1e9;

/// Reads counts out of a usage object and remembers whether one was bad.
pub(super) struct Counts<'a> {
    fields: Fields<'a>,
    pub(super) is_bad: bool,
}

impl<'a> Counts<'a> {
    pub(super) fn new(fields: Fields<'a>) -> Self {
        Self { fields, is_bad: false }
    }

    /// The count called `name`; absent and `null` are nothing.
    pub(super) fn get(&mut self, name: &str) -> Option<u64> {
        let value = self.fields.present(name)?;
        self.read(&value)
    }

    /// The counts called `names` in the object called `group`.
    pub(super) fn nested<const N: usize>(
        &mut self,
        group: &str,
        names: [&str; N],
    ) -> [Option<u64>; N] {
        let group = self.fields.present(group);
        let fields = group.as_ref().and_then(Value::as_object);
        names.map(|name| self.read(&fields.as_ref()?.present(name)?))
    }

    fn read(&mut self, value: &Value<'_>) -> Option<u64> {
        if let Some(count) = value.as_integer().filter(|count| (*count as f64) <= MOST_TOKENS) {
            return Some(count);
        }
        self.is_bad = true;
        let text = match value.kind {
            Kind::Number => std::str::from_utf8(&value.text).ok()?.to_owned(),
            Kind::String => value.as_string()?,
            _ => return None,
        };
        let number: f64 = text.trim().parse().ok()?;
        (0.0..=MOST_TOKENS).contains(&number).then_some(number as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<u64>, bool) {
        let json = format!("{{\"n\":{text}}}");
        let mut counts = Counts::new(Fields::read(json.as_bytes()).unwrap());
        (counts.get("n"), counts.is_bad)
    }

    #[test]
    fn f47_usage_values() {
        assert_eq!(read("12"), (Some(12), false));
        assert_eq!(read("0"), (Some(0), false));
        assert_eq!(read("null"), (None, false));
        assert_eq!(read("-5"), (None, true));
        assert_eq!(read("-0"), (Some(0), true));
        assert_eq!(read("12.7"), (Some(12), true));
        assert_eq!(read("1e2"), (Some(100), true));
        assert_eq!(read("\"42\""), (Some(42), true));
        assert_eq!(read("\"many\""), (None, true));
        assert_eq!(read("\"NaN\""), (None, true));
        assert_eq!(read("9223372036854775808"), (None, true));
        assert_eq!(read("99999999999999999999999"), (None, true));
        assert_eq!(read("1e999"), (None, true));
        assert_eq!(read("true"), (None, true));
        assert_eq!(read("[1]"), (None, true));
        assert_eq!(read("{}"), (None, true));
    }

    #[test]
    fn f47_missing_and_zero_counts_are_estimated() {
        let usage = |input, output| Usage { input, output, ..Usage::default() }.settled();
        assert!(!usage(Some(1), Some(1)).estimated);
        assert!(usage(Some(0), Some(1)).estimated);
        assert!(usage(Some(1), Some(0)).estimated);
        assert!(usage(None, None).estimated);
        let cached = Usage { cache_read: Some(9), ..usage(Some(0), Some(1)) };
        assert!(!Usage { estimated: false, ..cached }.settled().estimated);
    }
}
