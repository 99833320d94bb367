//! What the service knows, for whoever presses Enter.

use std::{convert::Infallible, future::pending};

use matrix_sdk_turn::TurnService;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use crate::report::{Report, Speaker};

/// Prints the status with every line of input.
pub(crate) async fn print_on_enter(turn: &TurnService, report: &Report) -> Infallible {
    if is_in_background() {
        return pending().await;
    }
    let mut lines = BufReader::new(stdin()).lines();
    while let Ok(Some(_line)) = lines.next_line().await {
        match serde_json::to_string(&turn.status()) {
            Ok(status) => report.line(Speaker::Client, format_args!("status {status}")),
            Err(error) => tracing::warn!(%error, "the status cannot be written as JSON"),
        }
    }
    // There is no more input.
    pending().await
}

/// The system stops whoever reads from a terminal that another program has in the foreground.
#[cfg(unix)]
fn is_in_background() -> bool {
    let foreground = rustix::termios::tcgetpgrp(rustix::stdio::stdin());
    // An error: it is no terminal.
    foreground.is_ok_and(|group| group != rustix::process::getpgrp())
}

#[cfg(not(unix))]
fn is_in_background() -> bool {
    false
}
