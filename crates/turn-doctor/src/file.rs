//! Files from outside.

use std::io::{self, Read};

use zeroize::Zeroizing;

/// Reads all of a file, which may hold a secret.
///
/// # Errors
///
/// Also if it is longer than `max_bytes`: not all files end.
pub(crate) fn read_to_end(file: impl Read, max_bytes: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(max_bytes + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > max_bytes {
        true => Err(io::Error::other(format!("it is longer than {} KiB", max_bytes / 1024))),
        false => Ok(bytes),
    }
}
