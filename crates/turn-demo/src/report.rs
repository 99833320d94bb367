//! What the program prints: a line for everything that happens and, at a terminal, a countdown below
//! the lines.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use matrix_sdk_turn::{Timestamp, TurnServer, TurnService};
use tokio::sync::Notify;

/// Whom a line is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Speaker {
    Homeserver,
    TurnServer,
    Client,
    Widget,
}

impl fmt::Display for Speaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Homeserver => "homeserver",
            Self::TurnServer => "TURN server",
            Self::Client => "client",
            Self::Widget => "widget",
        })
    }
}

/// Prints to stdout. Clones print to the same.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    started: Instant,
    countdown: Option<ProgressBar>,
    reader_gone: Arc<Notify>,
}

impl Report {
    pub(crate) fn new() -> Self {
        let countdown = io::stdout().is_terminal().then(|| {
            let target = ProgressDrawTarget::stdout();
            let bar = ProgressBar::with_draw_target(None, target).with_style(blank());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { started: Instant::now(), countdown, reader_gone: Arc::default() }
    }

    /// A line about what just happened.
    pub(crate) fn line(&self, speaker: Speaker, what: impl fmt::Display) {
        self.print(format_args!("{:7.1} s  {speaker:<12}{what}", self.elapsed()));
    }

    /// A line about an update that was sent to the widget.
    pub(crate) fn update(&self, what: impl fmt::Display) {
        self.print(format_args!("{:7.1} s  {what}", self.elapsed()));
    }

    /// The last line.
    pub(crate) fn summary(&self, summary: impl fmt::Display) {
        if let Some(bar) = &self.countdown {
            bar.finish_and_clear();
        }
        self.print(format_args!("{summary}"));
    }

    /// Counts down to the next refresh of these credentials, and to their end.
    pub(crate) fn count_down(&self, turn: &TurnService, server: &TurnServer) {
        if let Some(bar) = &self.countdown {
            bar.set_style(countdown(turn.clone(), server.clone()));
        }
    }

    /// Resolves when nobody reads the output any more.
    pub(crate) async fn reader_gone(&self) {
        self.reader_gone.notified().await;
    }

    fn elapsed(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn print(&self, line: fmt::Arguments<'_>) {
        let print = || writeln!(io::stdout().lock(), "{line}");
        let printed = match &self.countdown {
            Some(bar) => bar.suspend(print),
            None => print(),
        };
        if printed.is_err() {
            self.reader_gone.notify_one();
        }
    }
}

/// What went wrong, on stderr.
pub(crate) fn error(what: impl fmt::Display) {
    // If stderr is closed, there is nobody to tell.
    let _ = writeln!(io::stderr(), "{what}");
}

fn blank() -> ProgressStyle {
    style("")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn countdown(turn: TurnService, server: TurnServer) -> ProgressStyle {
    style("           {spinner} {countdown}").with_key(
        "countdown",
        move |_: &ProgressState, line: &mut dyn fmt::Write| {
            let _ = match turn.next_request_in() {
                Some(next) => write!(line, "next refresh in {} s, ", next.as_secs()),
                None => write!(line, "asking the homeserver, "),
            };
            let _ = match server.valid_for(Timestamp::now()) {
                Some(left) if left.is_zero() => write!(line, "credentials expired"),
                Some(left) => write!(line, "credentials valid for another {} s", left.as_secs()),
                None => write!(line, "credentials valid for nobody knows how long"),
            };
        },
    )
}
