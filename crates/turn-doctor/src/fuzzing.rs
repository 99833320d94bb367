//! What fuzz targets reach.

use std::time::Duration;

use matrix_sdk_turn::TurnServer;

use crate::{
    args::{self, Args},
    saved,
};

/// The line that the program prints about a command line that it refuses.
pub fn refusal(arguments: &[&str]) -> Option<String> {
    let error = Args::parse_from_flags(arguments).err().filter(clap::Error::use_stderr)?;
    Some(args::one_line(&error))
}

/// The credentials of a saved answer, their TTL, and what the program prints about mistakes in it.
///
/// # Errors
///
/// What the program prints about the file, and its `Debug`.
pub fn saved(bytes: &[u8]) -> Result<(TurnServer, Duration, Vec<String>), String> {
    match saved::parse(bytes) {
        Ok(saved) => Ok((saved.server, saved.ttl, saved.mistakes)),
        Err(error) => Err(format!("{error:#} {error:?}")),
    }
}
