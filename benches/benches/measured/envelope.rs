//! Whether a message concerns us, as the handle finds out, and beside it a plain look at each of the
//! message's bytes.

use std::hint::black_box;

use matrix_sdk_turn::fuzzing::is_looked_at_from_widget;

use super::{Case, passthrough::message_of};

/// With how often each is done.
const SIZES: [(&str, usize, u64); 3] =
    [("200 B", 200, 10_000), ("2 KiB", 2 << 10, 10_000), ("64 KiB", 64 << 10, 1_000)];

pub(super) fn cases() -> impl Iterator<Item = Case> {
    SIZES.into_iter().flat_map(|(name, bytes, times)| {
        [
            Case::new(format!("envelope/looked at/{name}"), times, move || {
                let message = message_of(bytes);
                move |times| {
                    for _ in 0..times {
                        assert!(!is_looked_at_from_widget(black_box(&message)));
                    }
                }
            }),
            Case::new(format!("envelope/scanned/{name}"), times, move || {
                let message = message_of(bytes);
                move |times| {
                    for _ in 0..times {
                        assert!(!black_box(&message).as_bytes().contains(&0));
                    }
                }
            }),
        ]
    })
}
