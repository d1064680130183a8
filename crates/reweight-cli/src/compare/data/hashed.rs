//! Bytes that are hashed as they are read, so that a file need not be held in memory to be known again.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use reweight_lab::table::records::Stream;
use sha2::{Digest, Sha256};

use super::hex;

/// Bytes that are asked for at a time.
const PIECE: usize = 1 << 16;

/// A stream that is being read, and the hash of what was read of it.
#[derive(Clone)]
pub(super) struct Hashed(Rc<RefCell<Inner>>);

struct Inner {
    stream: Stream,
    hash: Sha256,
}

impl Hashed {
    /// A stream of which nothing was read; its copies read the same one.
    pub(super) fn new(stream: Stream) -> Self {
        Self(Rc::new(RefCell::new(Inner { stream, hash: Sha256::new() })))
    }

    /// The SHA-256 of all bytes, in hexadecimal. What nobody has asked for yet, such as what stands behind packed rows, is read.
    pub(super) fn sha256(mut self) -> io::Result<String> {
        let mut piece = vec![0; PIECE];
        while self.read(&mut piece)? > 0 {}
        Ok(hex(&self.0.borrow().hash.clone().finalize()))
    }
}

impl Read for Hashed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let Inner { stream, hash } = &mut *self.0.borrow_mut();
        let read = stream.read(bytes)?;
        hash.update(&bytes[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::super::hex_sha256;
    use super::*;

    #[test]
    fn the_hash_is_that_of_all_bytes_whoever_reads_them() {
        let bytes: Vec<u8> = (0..3 * PIECE).map(|byte| (byte % 251) as u8).collect();
        let hashed = Hashed::new(Box::new(io::Cursor::new(bytes.clone())));
        let mut some = vec![0; 100];
        hashed.clone().read_exact(&mut some).unwrap();
        assert_eq!(some, bytes[..100]);
        assert_eq!(hashed.sha256().unwrap(), hex_sha256(&bytes));
    }
}
