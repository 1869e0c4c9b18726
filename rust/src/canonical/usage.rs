//! Token counts, in one meaning for all formats.

/// Tokens of one answer. `input` EXCLUDES what was read from and written to the prompt cache, in
/// every format, so that the whole prompt is `input + cache_read + cache_write`; formats that
/// report a sum are taken apart when they are read. `output` includes `reasoning`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub input: Option<u64>,
    pub output: Option<u64>,
    pub cache_read: Option<u64>,
    /// All that was written to the cache, whatever its lifetime.
    pub cache_write: Option<u64>,
    /// The share of `cache_write` that lives for an hour.
    pub cache_write_1h: Option<u64>,
    pub reasoning: Option<u64>,
    /// A count was missing, zero, or no count at all, so that costs made of these are a guess.
    pub estimated: bool,
}

impl Usage {
    /// Whether any count was received.
    pub fn is_known(&self) -> bool {
        self.input.is_some() || self.output.is_some()
    }

    /// Input and cache together.
    pub fn prompt(&self) -> u64 {
        [self.input, self.cache_read, self.cache_write]
            .into_iter()
            .fold(0, |sum, count| sum.saturating_add(count.unwrap_or_default()))
    }

    /// With `estimated` also set where a count that every answer has is missing or zero.
    #[must_use]
    pub fn settled(mut self) -> Self {
        self.estimated |= self.prompt() == 0 || self.output.unwrap_or_default() == 0;
        self
    }
}
