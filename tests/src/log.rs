//! What is logged, for tests to look at.

use std::{
    fmt, io,
    sync::{Arc, LazyLock, Mutex},
};

use tracing::{
    Dispatch, Level,
    subscriber::{DefaultGuard, NoSubscriber},
};
use tracing_log::LogTracer;
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

/// Everything that was logged since [`Log::record`].
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Everything that this thread logs until the guard is dropped.
    pub fn record() -> (Self, DefaultGuard) {
        // As long as there is only one subscriber, tracing asks that of whichever thread comes by a
        // line first whether the line is wanted. Other tests' threads have none, and would say no.
        static SECOND_SUBSCRIBER: LazyLock<Dispatch> =
            LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
        LazyLock::force(&SECOND_SUBSCRIBER);
        // The HTTP client's crates log with the crate `log`, which knows one logger for the process.
        static LOG_TRACER: LazyLock<()> = LazyLock::new(|| LogTracer::init().unwrap());
        LazyLock::force(&LOG_TRACER);

        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            // What is in the fields of a span that nothing is logged in.
            .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// All of it.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines with these words in them.
    pub fn lines_with(&self, words: &str) -> Vec<String> {
        self.text().lines().filter(|line| line.contains(words)).map(str::to_owned).collect()
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
