//! What an input says besides its text: the way it goes, and where it is cut.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use codegate::formats::Format;

/// An input: one byte of choices, one that says where to cut, and the text.
pub(crate) struct Input<'a> {
    pub(crate) choices: u8,
    cuts: u8,
    pub(crate) text: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn read(data: &'a [u8]) -> Option<Self> {
        let (&[choices, cuts], text) = data.split_first_chunk::<2>()?;
        Some(Self { choices, cuts, text })
    }

    pub(crate) fn write(choices: u8, cuts: u8, text: &[u8]) -> Vec<u8> {
        [&[choices, cuts], text].concat()
    }

    /// Another text with the same choices and cuts.
    pub(crate) fn with<'b>(&self, text: &'b [u8]) -> Input<'b> {
        Input { text, ..*self }
    }

    /// The text in pieces of one length, or of many.
    pub(crate) fn pieces(&self) -> Vec<Bytes> {
        let (mut rest, mut state) = (self.text, u32::from(self.cuts));
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let len = if self.cuts < 16 {
                usize::from(self.cuts) + 1
            } else {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 16) as usize % usize::from(self.cuts)
            };
            let (piece, behind) = rest.split_at(len.clamp(1, rest.len()));
            pieces.push(Bytes::copy_from_slice(piece));
            rest = behind;
        }
        pieces
    }
}

/// The files of one folder of the corpus, each with a few choices and cuts.
pub(crate) fn seeds(format: Format, kind: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let Ok(folder) = fs::read_dir(root.join(format.name()).join(kind)) else { return Vec::new() };
    let mut files: Vec<_> = folder.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let texts = files.iter().filter_map(|path| fs::read(path).ok());
    let choices = [(0, 0), (0xff, 6), (0x55, 200)];
    texts
        .flat_map(|text| choices.map(|(choices, cuts)| Input::write(choices, cuts, &text)))
        .collect()
}
