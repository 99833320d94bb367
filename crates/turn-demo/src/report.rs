//! What the program prints: a line for everything that happens and, at a terminal, a countdown below
//! the lines.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget};
use matrix_sdk_turn::{TurnServer, TurnService};
use textwrap::Options;
use tokio::sync::Notify;
use turn_probe::Text;

use crate::{countdown, words::as_printed};

/// Where the text of a line begins.
const INDENT: &str = "                       ";

/// The width of what is not printed to a terminal.
const WIDTH: usize = 80;

/// Whom a line is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Speaker {
    Page,
    Homeserver,
    TurnServer,
    Client,
    Widget,
}

impl Speaker {
    fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Homeserver => "homeserver",
            Self::TurnServer => "TURN server",
            Self::Client => "client",
            Self::Widget => "widget",
        }
    }

    fn style(self) -> Style {
        let color = match self {
            Self::Page => AnsiColor::BrightWhite,
            Self::Homeserver => AnsiColor::Yellow,
            Self::TurnServer => AnsiColor::Magenta,
            Self::Client => AnsiColor::Blue,
            Self::Widget => AnsiColor::Cyan,
        };
        color.on_default()
    }
}

/// Whether what a line says is welcome.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Neither,
    Good,
    Bad,
}

impl Outcome {
    fn style(self) -> Style {
        match self {
            Self::Neither => Style::new(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
        }
    }
}

/// Prints to stdout, in colour if that is a terminal and `NO_COLOR` is not set. Clones print to the
/// same.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    started: Instant,
    width: usize,
    countdown: Option<ProgressBar>,
    output: Arc<Output>,
}

/// Whether anybody reads what is printed.
#[derive(Debug, Default)]
struct Output {
    has_failed: Notify,
    error: Mutex<Option<io::Error>>,
}

impl Report {
    pub(crate) fn new() -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self {
            started: Instant::now(),
            width: if is_terminal { textwrap::termwidth().max(WIDTH / 2) } else { WIDTH },
            countdown: is_terminal.then(|| {
                let target = ProgressDrawTarget::stdout();
                let bar = ProgressBar::with_draw_target(None, target).with_style(countdown::none());
                bar.enable_steady_tick(Duration::from_millis(200));
                bar
            }),
            output: Arc::default(),
        }
    }

    /// A line about what just happened, or is about to.
    pub(crate) fn line(&self, speaker: Speaker, what: impl fmt::Display) {
        self.event(speaker.name(), speaker.style(), Outcome::Neither, &what);
    }

    /// The same, of something that is welcome.
    pub(crate) fn good(&self, speaker: Speaker, what: impl fmt::Display) {
        self.event(speaker.name(), speaker.style(), Outcome::Good, &what);
    }

    /// The same, of something that is not.
    pub(crate) fn bad(&self, speaker: Speaker, what: impl fmt::Display) {
        self.event(speaker.name(), speaker.style(), Outcome::Bad, &what);
    }

    /// The last lines.
    pub(crate) fn summary(&self, summary: impl fmt::Display) {
        if let Some(bar) = &self.countdown {
            bar.finish_and_clear();
        }
        self.print(&textwrap::fill(&summary.to_string(), self.width));
    }

    /// Counts down to the next refresh of these credentials, and to their end.
    pub(crate) fn count_down(&self, turn: &TurnService, server: &TurnServer) {
        if let Some(bar) = &self.countdown {
            bar.set_style(countdown::to_the_end_of(turn.clone(), server.clone()));
        }
    }

    /// Resolves when the output cannot be written any more.
    pub(crate) async fn output_failed(&self) {
        self.output.has_failed.notified().await;
    }

    /// Why the output is not complete, if it is not. That nobody reads it any more is no error.
    pub(crate) fn output_error(&self) -> Option<io::Error> {
        let mut error = self.output.error.lock().unwrap_or_else(PoisonError::into_inner);
        error.take().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
    }

    fn event(&self, who: &str, style: Style, outcome: Outcome, what: &dyn fmt::Display) {
        let options = Options::new(self.width)
            .initial_indent(INDENT)
            .subsequent_indent(INDENT)
            .break_words(false);
        let text = filled(what, options);
        let elapsed = self.started.elapsed().as_secs_f64();
        let (dimmed, colour) = (Style::new().dimmed(), outcome.style());
        self.print(&format!(
            "{dimmed}{elapsed:7.1} s{dimmed:#}  {style}{who:<12}{style:#}{colour}{}{colour:#}",
            text.trim_start()
        ));
    }

    fn print(&self, lines: &str) {
        let lines = as_printed(lines);
        let print = || writeln!(anstream::stdout().lock(), "{lines}");
        let printed = match &self.countdown {
            Some(bar) => bar.suspend(print),
            None => print(),
        };
        if let Err(error) = printed {
            *self.output.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            self.output.has_failed.notify_one();
        }
    }
}

/// Wrapped. What a server says may be in it, and moves no cursor.
fn filled(what: &dyn fmt::Display, options: Options<'_>) -> String {
    textwrap::fill(Text::uncut(&what.to_string()).as_str(), options)
}

/// What went wrong, on stderr.
pub(crate) fn error(what: impl fmt::Display) {
    let text = as_printed(&filled(&what, Options::new(WIDTH)));
    // If stderr is closed, there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_moves_no_cursor() {
        let said = "M_\u{1b}]0;pwned\u{7} \u{1b}[2J \u{202e}drawkcab \u{2066}";
        let shown = filled(&said, Options::new(WIDTH));
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{2066}']), "{shown:?}");
    }
}
