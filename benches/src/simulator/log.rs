//! Prints a run, for whoever replays one.

use std::{fmt::Write, time::SystemTime};

use super::{
    homeserver::ReplyKind,
    run::{Moment, Note, Observer, Violation},
};

/// Where what happened begins in a line.
const INDENT: &str = "                ";

/// Writes a run down, one note after the other.
#[derive(Debug, Default)]
pub struct Log {
    lines: String,
}

impl Log {
    /// What was written down.
    pub fn lines(&self) -> &str {
        &self.lines
    }
}

impl Observer for Log {
    fn note(&mut self, moment: Moment, note: &Note<'_>) -> Result<(), Violation> {
        let what = match note {
            Note::Event(event) => format!("{event:?}"),
            Note::Awaited => "    nothing to see until the answer".to_owned(),
            Note::Sent => "  request".to_owned(),
            Note::Answered(reply) => match (&reply.kind, &reply.credentials) {
                (ReplyKind::Credentials, Some((server, ttl))) => {
                    format!("  answer: {}, TTL {ttl:?}", server.username())
                }
                (kind, _) => format!("  answer: {kind:?}"),
            },
            Note::Loaded { saved, .. } => format!(
                "  loaded: {}, TTL {:?},\n{INDENT}  asked at {}, refresh at {}",
                saved.server.username(),
                saved.ttl,
                wall(saved.asked),
                wall(saved.refresh)
            ),
            Note::Saved(Some(saved)) => {
                format!(
                    "    saved: {}, refresh at {}",
                    saved.server.username(),
                    wall(saved.refresh)
                )
            }
            Note::Saved(None) => "    saved: nothing any more".to_owned(),
            Note::Published(Some(state)) => match (*state).clone().into_result() {
                Ok(server) => format!("    update: {}", server.username()),
                Err(why) => format!("    update: {:?}", why.reason()),
            },
            // The thirty-second wake-ups would drown the rest.
            Note::Published(None) | Note::Looked { .. } | Note::Rejected(_) | Note::Waiting(_) => {
                return Ok(());
            }
            Note::End => "end".to_owned(),
        };
        let _ = writeln!(self.lines, "{:>12.3} s  {what}", moment.elapsed.as_secs_f64());
        Ok(())
    }
}

/// A moment by the wall clock.
fn wall(moment: SystemTime) -> String {
    let since_1970 = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("wall {:.1} s", since_1970.as_secs_f64())
}
