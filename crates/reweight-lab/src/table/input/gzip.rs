//! What gzip packed, as its own program unpacks it: several members one after the other are one text, and zeros behind the last,
//! as tapes and blocks of a disk leave them, are nothing.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// What a member begins with.
pub(super) const MAGIC: [u8; 2] = [0x1F, 0x8B];

/// Most zeros behind a member: more than the block of any tape has.
const MOST_ZEROS: usize = 1 << 28;

/// The unpacked text of all members.
pub(super) struct Members<R> {
    /// None behind the last.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    /// The members of `packed`, which begins with the first.
    pub(super) fn new(packed: R) -> Self {
        Self { member: Some(GzDecoder::new(packed)) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(bytes)?;
            if read > 0 || bytes.is_empty() {
                return Ok(read);
            }
            let mut packed = match self.member.take() {
                Some(member) => member.into_inner(),
                None => break,
            };
            match after_zeros(&mut packed)? {
                None => break,
                Some(first) if first == MAGIC[0] => self.member = Some(GzDecoder::new(packed)),
                Some(_) => {
                    let text = "behind the packed rows there is something else";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
            }
        }
        Ok(0)
    }
}

/// Skips zeros, and says what byte is next; none at the end.
fn after_zeros(packed: &mut impl BufRead) -> io::Result<Option<u8>> {
    let mut all = 0;
    loop {
        let ahead = packed.fill_buf()?;
        if ahead.is_empty() {
            return Ok(None);
        }
        let zeros = ahead.iter().take_while(|&&byte| byte == 0).count();
        let next = ahead.get(zeros).copied();
        packed.consume(zeros);
        all += zeros;
        if all > MOST_ZEROS {
            let text = "behind the packed rows there are zeros without end";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        if next.is_some() {
            return Ok(next);
        }
    }
}
