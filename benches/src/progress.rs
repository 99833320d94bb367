//! What a program computes at the moment, on stderr, if that is a terminal.

use std::{fmt, process, thread, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

/// What the shell calls the end by Ctrl-C.
const INTERRUPTED: i32 = 130;

/// A line that says which step is under way, and vanishes at the end. There is none, if nobody looks.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Of a program with so many steps.
    pub fn new(steps: u64) -> Self {
        let style = ProgressStyle::with_template("{spinner} {pos} of {len}, {elapsed}: {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(steps).with_style(style);
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(100));
            vanish_when_interrupted(bar.clone());
        }
        Self(bar)
    }

    /// The next step begins.
    pub fn step(&self, what: impl fmt::Display) {
        self.0.set_message(what.to_string());
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn vanish_when_interrupted(bar: ProgressBar) {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        if runtime.is_ok_and(|runtime| runtime.block_on(tokio::signal::ctrl_c()).is_ok()) {
            bar.finish_and_clear();
            process::exit(INTERRUPTED);
        }
    });
}
