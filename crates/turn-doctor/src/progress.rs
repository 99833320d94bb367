//! What goes on at the moment, on stderr, if that is a terminal.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use turn_probe::Step;

/// A line that changes; nothing, if stderr is no terminal.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new() -> Self {
        if !io::stderr().is_terminal() {
            return Self::hidden();
        }
        let style = ProgressStyle::with_template("{spinner} {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar =
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    pub(crate) fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    pub(crate) fn say(&self, what: &'static str) {
        self.0.set_message(what);
    }

    /// The last step that ended.
    pub(crate) fn step(&self, step: &Step) {
        let outcome = match step.failure() {
            Some(failure) => format!("failed: {failure}"),
            None => "done".to_owned(),
        };
        self.0.set_message(format!("{} {} {outcome}", step.uri, step.kind));
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
