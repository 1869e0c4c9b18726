//! What is looked for: one file each, with its own examples.

mod address;
mod api_key;
mod aws_key;
mod credit_card;
mod email;
mod iban;
mod ip;
mod jwt;
mod name;
mod passport;
mod password;
mod phone;
mod private_key;
mod ssn;
mod url_credentials;

mod assignment;
mod commands;
mod entropy;
mod names;
mod numbers;
mod placeholder;
mod streets;
mod vendors;
mod words;

pub(super) use commands::Commands;
pub(super) use entropy::{Counted, Mix};
pub(super) use name::Capitals;
pub(super) use password::Strength;

/// Makes the tables, so that the first scan does not.
pub(super) fn prepare() {
    names::prepare();
}

use super::category::Category;
use super::scanner::{Scan, Trigger};

/// One kind of value: where to look, how to decide, and examples of both verdicts.
pub struct Detector {
    pub category: Category,
    pub triggers: &'static [Trigger],
    /// Last bytes of the stems that it wants to see.
    pub stems: &'static [u8],
    /// And of those that it wants to see inside of values that are too long for a password.
    pub stems_inside: &'static [u8],
    /// Called at each place of a trigger.
    pub verify: fn(&mut Scan<'_>, usize),
    /// Texts with the value that is to be found in each.
    pub matching: &'static [(&'static str, &'static str)],
    /// Texts in which this category is not found.
    pub harmless: &'static [&'static str],
}

/// All of them.
pub static DETECTORS: &[&Detector] = &[
    &private_key::DETECTOR,
    &url_credentials::DETECTOR,
    &jwt::DETECTOR,
    &aws_key::DETECTOR,
    &api_key::DETECTOR,
    &credit_card::DETECTOR,
    &iban::DETECTOR,
    &passport::DETECTOR,
    &ssn::DETECTOR,
    &password::DETECTOR,
    &email::DETECTOR,
    &ip::DETECTOR,
    &phone::DETECTOR,
    &address::DETECTOR,
    &name::DETECTOR,
];

/// Bytes of words and identifiers in most notations.
#[inline]
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::super::category::Categories;
    use super::super::draws::draws;
    use super::super::scanner::Scanner;
    use super::*;

    fn found(scanner: &Scanner, text: &str, category: Category) -> Vec<String> {
        let findings = scanner.scan(text.as_bytes(), None).unwrap();
        assert_eq!(findings, scanner.scan_baseline(text.as_bytes()), "{text}");
        findings
            .iter()
            .filter(|f| f.category == category)
            .map(|f| text[f.range()].to_owned())
            .collect()
    }

    #[test]
    fn every_category_has_one_detector_with_examples() {
        let found: Vec<Category> = DETECTORS.iter().map(|d| d.category).collect();
        let wanted: Vec<Category> =
            Category::ALL.into_iter().filter(|c| *c != Category::Custom).collect();
        assert_eq!(found, wanted);
        for detector in DETECTORS {
            assert!(detector.matching.len() >= 3 && detector.harmless.len() >= 3);
        }
    }

    #[test]
    fn examples_match_in_every_surrounding() {
        let scanner = Scanner::new(Categories::ALL);
        let mut failed = Vec::new();
        for detector in DETECTORS {
            for (text, value) in detector.matching {
                for pad in [0, 1, 7, 37, 63, 64, 65, 130] {
                    for (head, tail) in [("", ""), ("\n", "\n"), ("\\n", "\\n"), (" ", " ")] {
                        let padding = ".\n".repeat(pad / 2) + &"\n".repeat(pad % 2);
                        let whole = format!("{padding}{head}{text}{tail}{padding}");
                        let got = found(&scanner, &whole, detector.category);
                        if got != [*value] {
                            failed.push(format!("{whole:?}: {got:?} instead of {value:?}"));
                        }
                    }
                }
            }
        }
        failed.sort_by_key(String::len);
        failed.truncate(40);
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }

    #[test]
    fn harmless_examples_stay_as_they_are() {
        let scanner = Scanner::new(Categories::ALL);
        let mut failed = Vec::new();
        for detector in DETECTORS {
            for text in detector.harmless {
                let got = found(&scanner, text, detector.category);
                if !got.is_empty() {
                    failed.push(format!("{text:?}: {got:?}"));
                }
            }
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }

    /// Pieces of what detectors look for, in any order and cut anywhere: neither panics nor hangs,
    /// and every machine finds the same, without overlaps, at borders of characters.
    #[test]
    fn any_text_is_scanned_to_its_end() {
        let mut pieces: Vec<&str> = DETECTORS
            .iter()
            .flat_map(|d| {
                d.matching.iter().map(|(text, _)| *text).chain(d.harmless.iter().copied())
            })
            .collect();
        pieces.extend(["\\n", "\\", "\"", " ", "-", "é🦀", "XQZEMAIL", "=", ": ", "1", "A"]);
        let scanner = Scanner::new(Categories::ALL);
        let mut draw = draws();
        for _ in 0..6_000 {
            let mut text = String::new();
            for _ in 0..=draw(4) {
                let piece = pieces[draw(pieces.len())];
                let (mut from, mut to) = (draw(piece.len()), draw(piece.len() + 1));
                if draw(2) == 0 {
                    (from, to) = (0, piece.len());
                }
                text.push_str(piece.get(from..to.max(from)).unwrap_or("?"));
            }
            let findings = scanner.scan(text.as_bytes(), None).unwrap();
            assert_eq!(findings, scanner.scan_baseline(text.as_bytes()), "{text:?}");
            let mut end = 0;
            for finding in findings {
                assert!(finding.start >= end && text.get(finding.range()).is_some(), "{text:?}");
                end = finding.end;
            }
        }
    }

    #[test]
    fn g8_a_detector_that_is_off_finds_nothing() {
        for detector in DETECTORS {
            let mut enabled = Categories::ALL;
            enabled.remove(detector.category);
            let scanner = Scanner::new(enabled);
            for (text, _) in detector.matching {
                assert!(found(&scanner, text, detector.category).is_empty(), "{text}");
            }
        }
    }
}
