//! Command line options: `--name value`, repeatable, and a few bare flags.

use std::str::FromStr;

/// The options of one subcommand, in the order they were given.
pub(crate) struct Args {
    options: Vec<(String, String)>,
}

impl Args {
    /// Reads `--name value` pairs; a name in `flags` stands alone.
    pub(crate) fn parse(
        words: impl Iterator<Item = String>,
        flags: &[&str],
    ) -> Result<Self, String> {
        let mut words = words;
        let mut options = Vec::new();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--") else {
                return Err(format!("unexpected argument: {word}"));
            };
            let value = if flags.contains(&name) {
                String::new()
            } else {
                words.next().ok_or_else(|| format!("--{name} needs a value"))?
            };
            options.push((name.to_owned(), value));
        }
        Ok(Self { options })
    }

    /// Refuses every name that is not in `known`, so that a typing error cannot pass as a default.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), String> {
        match self.options.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => Err(format!("unknown option: --{name}")),
            None => Ok(()),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(given, _)| given == name)
    }

    /// Every value given for `name`.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.options.iter().filter(move |(given, _)| given == name).map(|(_, v)| v.as_str())
    }

    /// The last value given for `name`.
    pub(crate) fn text(&self, name: &str) -> Result<&str, String> {
        self.all(name).last().ok_or_else(|| format!("--{name} is needed"))
    }

    /// The last value given for `name` as a number, or `default`.
    pub(crate) fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T, String> {
        match self.all(name).last() {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("--{name}: not a number: {text}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, String> {
        Args::parse(line.split_whitespace().map(str::to_owned), &["stream"])
    }

    #[test]
    fn last_value_wins_and_flags_take_none() {
        let args = parse("--port 1 --stream --port 2").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(args.number("port", 0_u16), Ok(2));
        assert!(args.has("stream"));
        assert_eq!(args.number("deltas", 300_usize), Ok(300));
    }

    #[test]
    fn wrong_lines_are_refused() {
        assert!(parse("port 1").is_err());
        assert!(parse("--port").is_err());
        let args = parse("--prot 1").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(args.only(&["port"]), Err("unknown option: --prot".to_owned()));
    }
}
