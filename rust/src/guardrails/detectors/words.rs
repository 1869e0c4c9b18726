//! Lists of words that are asked often: nearly every answer is no, and costs one look.

/// Words in lower case.
pub(super) struct Words {
    list: &'static [&'static str],
    /// By a hash of a word's form, one more than the index of the first such word.
    heads: [u8; 256],
    /// The same for the next word of that hash, behind each.
    next: [u8; 256],
    /// By the same hash, how many bytes the shortest of them has.
    least: [u8; 256],
    /// The last two bytes of words, by their low bits: those of the first are a place, and those
    /// of the second a bit.
    pairs: [u32; 32],
}

/// Length, first and last letter.
pub(super) const fn form(text: &[u8]) -> usize {
    if text.is_empty() {
        return 0;
    }
    let (first, last) = (text[0] | 0x20, text[text.len() - 1] | 0x20);
    (text.len() * 89 + first as usize * 7 + last as usize * 31) % 256
}

/// The last three bytes, or what there is of them.
const fn tail(text: &[u8], count: usize) -> usize {
    let (mut hash, mut n) = (count, 0);
    while n < count && n < text.len() {
        hash = hash * 31 + text[text.len() - 1 - n] as usize;
        n += 1;
    }
    hash % 256
}

impl Words {
    const fn empty(list: &'static [&'static str]) -> Self {
        Self { list, heads: [0; 256], next: [0; 256], least: [255; 256], pairs: [0; 32] }
    }

    /// To ask for whole words, in any case.
    pub(super) const fn whole(words: &'static [&'static str]) -> Self {
        let mut table = Self::empty(words);
        let mut index = words.len();
        while index > 0 {
            index -= 1;
            table.add(index, form(words[index].as_bytes()));
        }
        table
    }

    /// To ask for the ends of names.
    pub(super) const fn ends(words: &'static [&'static str]) -> Self {
        let mut table = Self::empty(words);
        let mut index = words.len();
        while index > 0 {
            index -= 1;
            let word = words[index].as_bytes();
            table.add(index, tail(word, if word.len() < 3 { 2 } else { 3 }));
        }
        table
    }

    const fn add(&mut self, index: usize, hash: usize) {
        assert!(self.list.len() < 255);
        self.next[index] = self.heads[hash];
        self.heads[hash] = index as u8 + 1;
        let word = self.list[index].as_bytes();
        if word.len() > 1 {
            let [second, last] = [word[word.len() - 2], word[word.len() - 1]];
            self.pairs[(second & 31) as usize] |= 1 << (last & 31);
        }
        let len = self.list[index].len() as u8;
        if len < self.least[hash] {
            self.least[hash] = len;
        }
    }

    /// Whether `text` is one of the words. Of a list made with [`whole`](Self::whole).
    #[inline]
    pub(super) fn has(&self, text: &[u8]) -> bool {
        let head = self.heads.get(form(text)).copied().unwrap_or_default();
        self.chain(head).any(|(_, word)| text.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The place in the list of `text`, if it is one of the words. Of a list made with
    /// [`whole`](Self::whole).
    #[inline]
    pub(super) fn index_of(&self, text: &[u8]) -> Option<usize> {
        let head = self.heads.get(form(text)).copied().unwrap_or_default();
        let mut found = self.chain(head);
        found.find(|(_, word)| text.eq_ignore_ascii_case(word.as_bytes())).map(|(index, _)| index)
    }

    /// The first of the words that `name`, in lower case, ends with. Of a list made with
    /// [`ends`](Self::ends).
    #[inline]
    pub(super) fn end_of(&self, name: &[u8]) -> Option<&'static str> {
        let head = |count| self.heads.get(tail(name, count)).copied().unwrap_or_default();
        let (three, two) = (head(3), head(2));
        if name.len() < 2 || three == 0 && two == 0 {
            return None;
        }
        let find = |head| self.chain(head).find(|(_, word)| name.ends_with(word.as_bytes()));
        let first = find(three).into_iter().chain(find(two)).min_by_key(|(index, _)| *index);
        first.map(|(_, word)| word)
    }

    /// Whether one of the words may be the end of a name of at most `len` bytes that ends with
    /// `last`: three of them, or fewer if there are no more.
    #[inline]
    pub(super) fn may_end(&self, last: &[u8], len: usize) -> bool {
        let fits = |count| {
            let least = self.least.get(tail(last, count)).copied().unwrap_or(255);
            usize::from(least) <= len
        };
        fits(3) || fits(2)
    }

    /// Whether one of the words that are longer than a byte may have these last two, in any case.
    #[inline]
    pub(super) fn may_end_with(&self, second: u8, last: u8) -> bool {
        let pairs = self.pairs.get(usize::from(second & 31)).copied().unwrap_or_default();
        pairs >> (last & 31) & 1 != 0
    }

    fn chain(&self, head: u8) -> impl Iterator<Item = (usize, &'static str)> {
        let mut next = head;
        std::iter::from_fn(move || {
            let index = usize::from(next).checked_sub(1)?;
            next = self.next.get(index).copied().unwrap_or_default();
            self.list.get(index).map(|word| (index, *word))
        })
    }
}

/// Letters, digits and some other bytes.
pub(super) struct Class([bool; 256]);

impl Class {
    pub(super) const fn of(others: &[u8]) -> Self {
        let mut bytes = [false; 256];
        let mut byte = 0;
        while byte < 128 {
            bytes[byte] = (byte as u8).is_ascii_alphanumeric();
            byte += 1;
        }
        let mut index = 0;
        while index < others.len() {
            bytes[others[index] as usize] = true;
            index += 1;
        }
        Self(bytes)
    }

    /// Letters, bytes beyond ASCII and some others.
    pub(super) const fn letters(others: &[u8]) -> Self {
        let mut class = Self::of(others);
        let mut byte = b'0';
        while byte <= b'9' {
            class.0[byte as usize] = false;
            byte += 1;
        }
        let mut byte = 128;
        while byte < 256 {
            class.0[byte] = true;
            byte += 1;
        }
        class
    }

    #[inline]
    pub(super) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[&str] =
        &["key", "apikey", "token", "pw", "Straße", "av.", "mot de passe", "xpw", "ken"];

    #[test]
    fn a_word_is_found_in_any_case_and_no_other_is() {
        static WORDS: Words = Words::whole(LIST);
        for word in LIST {
            assert!(WORDS.has(word.as_bytes()) && WORDS.has(word.to_ascii_uppercase().as_bytes()));
            assert!(!WORDS.has(format!("{word}x").as_bytes()), "{word}");
        }
        for other in ["", "ke", "kex", "kay", "b"] {
            assert!(!WORDS.has(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn no_word_has_other_last_letters_than_it_may() {
        static WORDS: Words = Words::whole(LIST);
        for word in LIST {
            for word in [word.to_ascii_uppercase(), (*word).to_owned()] {
                let [.., second, last] = word.as_bytes() else { continue };
                assert!(WORDS.may_end_with(*second, *last), "{word}");
            }
        }
        assert!(!WORDS.may_end_with(b'k', b'e') && !WORDS.may_end_with(b'y', b'y'));
    }

    #[test]
    fn the_first_end_in_order_is_found() {
        static ENDS: Words = Words::ends(LIST);
        for (name, end) in [
            ("myapikey", Some("key")),
            ("key", Some("key")),
            ("dbpw", Some("pw")),
            ("xpw", Some("pw")),
            ("token", Some("token")),
            ("chicken", Some("ken")),
            ("ke", None),
            ("p", None),
            ("", None),
        ] {
            assert_eq!(ENDS.end_of(name.as_bytes()), end, "{name}");
        }
    }
}
