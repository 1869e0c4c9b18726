//! Words of streets, places and labels in addresses.

use super::words::Words;
use crate::guardrails::near::Near;

/// Suffixes of streets. The first are nearly always ones; the others are ordinary words as well: a
/// city, a postcode or a label has to come along.
#[rustfmt::skip]
static SUFFIXES: Words = Words::whole(&[
    "street", "avenue", "boulevard", "road", "lane", "terrace", "parkway", "highway", "turnpike", "expressway", "crescent", "esplanade",
    "ave", "blvd", "rd", "pkwy", "hwy", "ln", "st", "dr", "ct", "cir", "ter", "tpke", "expy", "cres", "ste",
    "drive", "court", "way", "place", "circle", "trail", "square", "alley", "bend", "bluff", "branch", "bridge", "brook", "burg", "bypass",
    "camp", "canyon", "cape", "causeway", "center", "cliff", "club", "common", "corner", "course", "cove", "creek", "crest", "crossing",
    "crossroad", "curve", "dale", "dam", "divide", "estate", "extension", "fall", "ferry", "field", "flat", "ford", "forest", "forge", "fork",
    "fort", "freeway", "garden", "gardens", "gateway", "glen", "green", "grove", "harbor", "haven", "heights", "hill", "hills", "hollow", "inlet", "island",
    "isle", "junction", "key", "knoll", "lake", "landing", "light", "loaf", "lock", "lodge", "loop", "mall", "manor", "meadow", "meadows", "mews",
    "mill", "mission", "motorway", "mount", "mountain", "neck", "orchard", "oval", "overpass", "park", "pass", "passage", "path", "pike", "pine",
    "plain", "plaza", "point", "port", "prairie", "radial", "ramp", "ranch", "rapid", "rest", "ridge", "river", "route", "row", "rue", "run",
    "shoal", "shore", "skyway", "spring", "springs", "spur", "station", "stream", "summit", "throughway", "trace", "track", "trafficway", "tunnel",
    "union", "valley", "viaduct", "view", "village", "vista", "walk", "wall", "well", "wells", "pl", "sq", "trl", "plz", "gdns", "close", "quay", "wharf",
]);

/// How many of them are nearly always streets.
const STRONG: usize = 27;

/// Words before the name of a street in Romance languages.
pub(super) static BEFORE: Words = Words::whole(&[
    "rue",
    "avenue",
    "boulevard",
    "place",
    "chemin",
    "allée",
    "impasse",
    "quai",
    "cours",
    "route",
    "rua",
    "avenida",
    "av.",
    "via",
    "viale",
    "piazza",
    "corso",
    "calle",
    "plaza",
    "paseo",
    "bd",
    "rue,",
    "boul.",
]);

/// Endings of German, Dutch and Scandinavian street names, which stand before the number.
pub(super) const ENDINGS: &[&str] = &[
    "straße", "strasse", "str.", "weg", "allee", "platz", "gasse", "ring", "damm", "ufer",
    "straat", "laan", "plein", "gracht", "kade", "gatan", "vägen", "gata", "vej", "gade", "veien",
    "gaten", "katu", "tie",
];

pub(super) const STATES: &[u8] = b"AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR AB BC MB NB NL NS ON PE QC SK ACT NSW NT QLD SA TAS VIC";

pub(super) static LABELS: Near = Near::of(&[
    "address",
    "addr",
    "lives at",
    "live at",
    "living at",
    "resides at",
    "ship to",
    "shipping",
    "deliver to",
    "delivery",
    "mail to",
    "billing",
    "located at",
    "residence",
    "home",
    "street",
    "moved to",
    "send it to",
    "send to",
    "office",
    "adresse",
    "anschrift",
    "dirección",
    "direccion",
    "indirizzo",
    "endereço",
    "wohnhaft",
    "habite",
    "deliver it to",
    "delivered to",
    "shipped to",
    "lived at",
    "residing at",
    "mailing",
    "street address",
    "invoice",
    "location",
]);

/// Whether `text` is a street suffix, and whether a strong one.
pub(super) fn suffix(text: &[u8]) -> Option<bool> {
    if !(2..=11).contains(&text.len()) || !text.first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    SUFFIXES.index_of(text).map(|index| index < STRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strong_suffixes_are_the_first_of_them() {
        assert_eq!(suffix(b"ste"), Some(true));
        assert_eq!(suffix(b"drive"), Some(false));
    }
}
