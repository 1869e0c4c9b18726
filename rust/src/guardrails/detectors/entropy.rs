//! How random a run of characters looks.

/// Which classes of characters a text has.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::guardrails) struct Mix {
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) digits: usize,
    pub(super) others: usize,
}

impl Mix {
    pub(super) fn of(text: &[u8]) -> Self {
        let mut mix = Self::default();
        for byte in text {
            match byte {
                b'a'..=b'z' => mix.lower += 1,
                b'A'..=b'Z' => mix.upper += 1,
                b'0'..=b'9' => mix.digits += 1,
                _ => mix.others += 1,
            }
        }
        mix
    }

    pub(super) fn letters(&self) -> usize {
        self.lower + self.upper
    }
}

/// Shannon entropy in bits a byte.
pub(super) fn entropy(text: &[u8]) -> f32 {
    let mut counts = [0_u16; 256];
    let mut present = [0_u64; 4];
    for byte in text {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
        if let Some(bits) = present.get_mut(usize::from(byte >> 6)) {
            *bits |= 1 << (byte & 63);
        }
    }
    let total = text.len() as f32;
    let bits_of = |count: u16| {
        let share = f32::from(count) / total;
        -share * share.log2()
    };
    // Most characters stand there once or twice.
    let few = [0.0, bits_of(1), bits_of(2), bits_of(3)];
    let mut sum = 0.0;
    for (counts, bits) in counts.chunks(64).zip(present) {
        let mut bits = bits;
        while bits != 0 {
            let count = counts.get(bits.trailing_zeros() as usize).copied().unwrap_or_default();
            bits &= bits - 1;
            sum += few.get(usize::from(count)).copied().unwrap_or_else(|| bits_of(count));
        }
    }
    sum
}

/// Whether `text` is a random key rather than something that people have written.
pub(super) fn is_random(text: &[u8]) -> bool {
    let mix = Mix::of(text);
    if text.len() < 16 || mix.digits == 0 || mix.letters() < 3 {
        return false;
    }
    let is_hex = text.iter().all(u8::is_ascii_hexdigit);
    let needed = match text.len() {
        _ if is_hex => 2.8,
        16..=23 => 3.1,
        24..=31 => 3.4,
        _ => 3.6,
    };
    entropy(text) >= needed && !is_worded(text)
}

/// Words joined by hyphens, dots or underscores, as names of things are.
fn is_worded(text: &[u8]) -> bool {
    let mut parts = 0;
    let mut worded = 0;
    for part in text.split(|byte| matches!(byte, b'-' | b'_' | b'.' | b'/')) {
        if part.is_empty() {
            continue;
        }
        parts += 1;
        let letters = part.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
        let tail = part.get(1..).unwrap_or_default();
        let is_one_case = tail.iter().all(|b| !b.is_ascii_uppercase())
            || part.iter().all(|b| !b.is_ascii_lowercase());
        let is_word = letters == part.len() && is_one_case && part.len() <= 12;
        let is_number = letters == 0 && part.len() <= 4;
        worded += usize::from(is_word || is_number);
    }
    parts >= 2 && worded * 3 >= parts * 2
}
