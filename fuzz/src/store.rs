//! Credentials in the client's store, which anybody may have written.

use matrix_sdk_turn::fuzzing::{read_entry, write_entry};

use crate::secret::{MARK, assert_none_in};

/// An input is an entry of the store.
pub fn store(entry: &[u8]) {
    let Some(saved) = read_entry(entry) else { return };
    assert_eq!(saved.server.ice_servers().len(), 1, "a transport can use them");
    if !saved.server.uris().iter().any(|uri| uri.contains(MARK)) {
        assert_none_in(&format!("{saved:?}"));
    }
    let written = write_entry(&saved);
    assert_eq!(read_entry(&written), Some(saved));
}
