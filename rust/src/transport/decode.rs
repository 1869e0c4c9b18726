//! Content encodings of upstream answers: gzip, deflate, br, zstd, decoded in bounded steps.

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use flate2::write::{GzDecoder, ZlibDecoder};
use zstd::stream::raw::{Decoder as ZstdDecoder, InBuffer, Operation, OutBuffer};

use super::failure::{Failure, FailureKind};

/// What we ask upstreams for on plain answers; exactly what [`Decoder`] can undo.
pub const ACCEPT_ENCODING: &str = "gzip, br, zstd";
/// How much compressed input is expanded at once: bounds the output of one step for every codec
/// but brotli, whose sink is capped instead.
const STEP: usize = 4 * 1024;
/// No step of a sane answer expands past this.
const STEP_LIMIT: usize = 64 * 1024 * 1024;

/// Collects decoded bytes and refuses to grow past [`STEP_LIMIT`].
#[derive(Default)]
struct Sink(Vec<u8>);

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.0.len() + buf.len() > STEP_LIMIT {
            return Err(io::Error::other("decoded size limit"));
        }
        self.0.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Codec {
    Gzip(Box<GzDecoder<Sink>>),
    Deflate(Box<ZlibDecoder<Sink>>),
    Brotli(Box<DecompressorWriter<Sink>>),
    Zstd { decoder: Box<ZstdDecoder<'static>>, is_complete: bool },
}

/// Undoes one `content-encoding`. Feed it input in order, then [`Decoder::finish`].
pub struct Decoder(Codec);

impl Decoder {
    /// `None` for identity; an error for an encoding that we did not ask for.
    pub fn for_encoding(value: &str) -> Result<Option<Self>, Failure> {
        let codec = match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => return Ok(None),
            "gzip" | "x-gzip" => Codec::Gzip(Box::new(GzDecoder::new(Sink::default()))),
            "deflate" => Codec::Deflate(Box::new(ZlibDecoder::new(Sink::default()))),
            "br" => Codec::Brotli(Box::new(DecompressorWriter::new(Sink::default(), 4096))),
            "zstd" => {
                let decoder = ZstdDecoder::new().map_err(|_| corrupt())?;
                Codec::Zstd { decoder: Box::new(decoder), is_complete: false }
            }
            _ => {
                return Err(Failure::new(
                    FailureKind::Protocol,
                    "the upstream used a content encoding that was not asked for",
                ));
            }
        };
        Ok(Some(Self(codec)))
    }

    /// Decodes at most one step of `input`, appends to `out`, and returns how much was consumed.
    pub fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Failure> {
        let take = input.len().min(STEP);
        let slice = input.get(..take).unwrap_or_default();
        match &mut self.0 {
            Codec::Gzip(d) => {
                d.write_all(slice).map_err(|_| corrupt())?;
                // The decoder keeps decoded bytes back until it is flushed.
                d.flush().map_err(|_| corrupt())?;
                out.append(&mut d.get_mut().0);
            }
            Codec::Deflate(d) => {
                d.write_all(slice).map_err(|_| corrupt())?;
                d.flush().map_err(|_| corrupt())?;
                out.append(&mut d.get_mut().0);
            }
            Codec::Brotli(d) => {
                d.write_all(slice).map_err(|_| corrupt())?;
                d.flush().map_err(|_| corrupt())?;
                out.append(&mut d.get_mut().0);
            }
            Codec::Zstd { decoder, is_complete } => {
                let mut input = InBuffer::around(slice);
                loop {
                    let mut step = vec![0; 128 * 1024];
                    let mut output = OutBuffer::around(step.as_mut_slice());
                    let hint = decoder.run(&mut input, &mut output).map_err(|_| corrupt())?;
                    let written = output.pos();
                    out.extend_from_slice(step.get(..written).unwrap_or_default());
                    *is_complete = hint == 0;
                    if out.len() > STEP_LIMIT {
                        return Err(corrupt());
                    }
                    if input.pos() >= slice.len() && written < 128 * 1024 {
                        break;
                    }
                }
            }
        }
        Ok(take)
    }

    /// Whether the encoded stream was whole, its checksum included.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        match &mut self.0 {
            Codec::Gzip(d) => {
                d.try_finish().map_err(|_| corrupt())?;
                out.append(&mut d.get_mut().0);
            }
            Codec::Deflate(d) => {
                d.try_finish().map_err(|_| corrupt())?;
                out.append(&mut d.get_mut().0);
            }
            Codec::Brotli(d) => {
                d.close().map_err(|_| corrupt())?;
                out.append(&mut d.get_mut().0);
            }
            Codec::Zstd { is_complete, .. } => {
                if !*is_complete {
                    return Err(corrupt());
                }
            }
        }
        Ok(())
    }
}

fn corrupt() -> Failure {
    Failure::new(FailureKind::Truncated, "the upstream's compressed answer is damaged or cut off")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn decode(encoding: &str, input: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut decoder = Decoder::for_encoding(encoding)?.expect("a decoder");
        let (mut out, mut at) = (Vec::new(), 0);
        while at < input.len() {
            at += decoder.step(&input[at..], &mut out)?;
        }
        decoder.finish(&mut out)?;
        Ok(out)
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).expect("written");
        encoder.finish().expect("finished")
    }

    #[test]
    fn f40_gzip_and_zstd_round_trip_and_damage_is_seen() {
        let data = b"data: {\"x\": 1}\n\n".repeat(5_000);
        let zipped = gzip(&data);
        assert_eq!(decode("gzip", &zipped).expect("whole"), data);
        assert!(decode("gzip", &zipped[..zipped.len() - 9]).is_err(), "cut off");
        let mut wrong = zipped.clone();
        let at = wrong.len() - 6;
        wrong[at] ^= 1;
        assert!(decode("gzip", &wrong).is_err(), "wrong checksum");
        let zst = zstd::bulk::compress(&data, 3).expect("compressed");
        assert_eq!(decode("zstd", &zst).expect("whole"), data);
        assert!(decode("zstd", &zst[..zst.len() - 1]).is_err(), "cut off");
        assert!(decode("gzip", b"plain text, not gzip").is_err());
    }

    #[test]
    fn brotli_is_decoded_and_a_cut_is_seen() {
        // "hello hello hello hello" as an uncompressed meta-block followed by the last empty one.
        let text = b"hello hello hello hello";
        let mut raw = vec![0x0b, 0x0b, 0x80];
        raw.extend_from_slice(text);
        raw.push(0x03);
        assert_eq!(decode("br", &raw).expect("whole"), text);
        assert!(decode("br", &raw[..10]).is_err());
    }

    #[test]
    fn unknown_encodings_are_refused_and_identity_needs_nothing() {
        assert!(Decoder::for_encoding("compress").is_err());
        assert!(Decoder::for_encoding("gzip, gzip").is_err());
        assert!(Decoder::for_encoding("identity").expect("known").is_none());
    }
}
