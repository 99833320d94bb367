//! Plays a script to a client.

use std::time::{Duration, Instant};

use matrix_sdk_turn::{Timestamp, TurnServer, TurnState, schedule::Saved};
use turn_rules::schedule::Shown;

use super::{
    client::Client,
    clock::VirtualClock,
    homeserver::{Homeserver, Reply, ReplyKind},
    script::{Event, Script},
    store::Store,
};

/// How long every client waits for an answer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);

/// More steps than this at one moment, and the client is going round in circles.
const MOST_STEPS_AT_ONCE: u32 = 10_000;

/// A moment of a run.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The true time since the start.
    pub elapsed: Duration,
    /// What the machine's clocks say.
    pub now: Timestamp,
}

/// What an [`Observer`] is told.
#[derive(Debug)]
pub enum Note<'a> {
    /// Something happened on the client's side. Of a sleep: it is over.
    Event(&'a Event),
    /// What was last published is out of date: whoever just subscribed sees nothing until the next
    /// answer.
    Awaited,
    /// `report_rejected()` is called with these credentials.
    Rejected(&'a TurnServer),
    /// The client looked whether a request is due.
    Looked {
        /// It begins one.
        begins: bool,
    },
    /// A request has begun, and a saved entry of an earlier process was found in its place.
    Loaded {
        /// What it saved.
        saved: &'a Saved,
        /// It is the answer.
        is_taken: bool,
    },
    /// The request that has begun is sent.
    Sent,
    /// It is answered, or ran into its timeout.
    Answered(&'a Reply),
    /// The client published what there was to publish: what subscribers see from now on, if that
    /// changed.
    Published(Option<&'a TurnState>),
    /// From now on this is worth keeping beyond the process, or nothing is.
    Saved(Option<&'a Saved>),
    /// The client has nothing more to do now, and set its timer. What it shows, if it is the schedule.
    Waiting(Option<&'a Shown>),
    /// The script is over.
    End,
}

/// A rule that was broken: which, and how.
pub type Violation = String;

/// What must hold, and the rule that is broken if it does not.
pub(super) fn ensure(holds: bool, rule: &str) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(rule.to_owned()) }
}

/// Somebody who watches a run.
pub trait Observer {
    /// Told everything, in order.
    ///
    /// # Errors
    ///
    /// Ends the run: a rule was broken.
    fn note(&mut self, moment: Moment, note: &Note<'_>) -> Result<(), Violation>;
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    fn note(&mut self, moment: Moment, note: &Note<'_>) -> Result<(), Violation> {
        self.0.note(moment, note)?;
        self.1.note(moment, note)
    }
}

impl<O: Observer> Observer for &mut O {
    fn note(&mut self, moment: Moment, note: &Note<'_>) -> Result<(), Violation> {
        (**self).note(moment, note)
    }
}

struct Run<'a, C, O> {
    client: C,
    observer: O,
    clock: VirtualClock,
    homeserver: Homeserver<'a>,
    store: Store,
    process: Process,
}

/// What ends with the process.
#[derive(Default)]
struct Process {
    in_flight: Option<InFlight>,
    /// What the client's timer is set to.
    timer: Option<Instant>,
    subscribers: usize,
    seen: Option<TurnState>,
    /// It knows what an earlier process saved, or has newer credentials.
    has_loaded: bool,
    /// What it last found worth keeping.
    saved: Option<Saved>,
}

struct InFlight {
    /// When the answer arrives in true time, and what it is.
    answer: Option<(Duration, Reply)>,
    timeout: Instant,
}

/// Plays `script` to `client`, and tells `observer`.
///
/// # Errors
///
/// What the observer found to be broken.
pub fn run(script: &Script, client: impl Client, observer: impl Observer) -> Result<(), Violation> {
    let mut run = Run::new(script, client, observer);
    let mut events = script.events.iter().peekable();
    let mut steps_at_once = 0;
    run.settle()?;

    loop {
        let to_event = events.peek().map(|(at, _)| run.until(*at));
        let to_answer = run.until_answer();
        let to_timer = run.process.timer.map(|timer| run.until_instant(timer));
        let to_end = run.until(script.length);
        let next = [to_event, to_answer, to_timer].into_iter().flatten().min();

        let Some(next) = next.filter(|next| *next < to_end) else {
            run.clock.advance(to_end);
            return run.note(&Note::End);
        };
        steps_at_once = if next.is_zero() { steps_at_once + 1 } else { 0 };
        if steps_at_once > MOST_STEPS_AT_ONCE {
            return Err("goes round in circles: no time passes any more".to_owned());
        }
        run.clock.advance(next);

        if to_event == Some(next)
            && let Some((_, event)) = events.next()
        {
            run.happen(event)?;
            if matches!(event, Event::Sleep(_) | Event::SetWall(_)) {
                // Nobody tells the client, and its timer runs on as it was set.
                continue;
            }
        } else if to_answer == Some(next) {
            run.answer()?;
        }
        // Otherwise the timer went off.
        run.settle()?;
    }
}

impl<'a, C: Client, O: Observer> Run<'a, C, O> {
    fn new(script: &'a Script, client: C, observer: O) -> Self {
        Self {
            client,
            observer,
            clock: VirtualClock::new(script.wall),
            homeserver: Homeserver::new(&script.phases, script.seed),
            store: Store::new(script.persistence, script.seed),
            process: Process::default(),
        }
    }

    /// How long until this moment in true time.
    fn until(&self, at: Duration) -> Duration {
        at.saturating_sub(self.clock.elapsed())
    }

    /// How long until the monotonic clock says this, if the machine stays awake.
    fn until_instant(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.clock.now().monotonic)
    }

    /// How long until the request is answered, or runs into its timeout.
    fn until_answer(&self) -> Option<Duration> {
        let request = self.process.in_flight.as_ref()?;
        let timeout = self.until_instant(request.timeout);
        Some(request.answer.as_ref().map_or(timeout, |(at, _)| self.until(*at).min(timeout)))
    }

    fn note(&mut self, note: &Note<'_>) -> Result<(), Violation> {
        self.observer.note(Moment { elapsed: self.clock.elapsed(), now: self.clock.now() }, note)
    }

    /// Does what the shell does after each event.
    fn settle(&mut self) -> Result<(), Violation> {
        let now = self.clock.now();
        self.publish(now)?;
        let begins = self.client.begin_request(now);
        self.note(&Note::Looked { begins })?;
        if begins {
            if self.restore(now)? {
                // What was restored may be due for its refresh.
                return self.settle();
            }
            self.send(now)?;
        }
        self.save()?;
        self.process.timer = self.client.next_wakeup(now);
        let shown = self.client.shown(now);
        self.note(&Note::Waiting(shown.as_ref()))
    }

    fn publish(&mut self, now: Timestamp) -> Result<(), Violation> {
        let update = self.client.take_update(now);
        self.note(&Note::Published(update.as_ref()))?;
        self.process.seen = update.or(self.process.seen.take());
        Ok(())
    }

    fn send(&mut self, now: Timestamp) -> Result<(), Violation> {
        self.note(&Note::Sent)?;
        let elapsed = self.clock.elapsed();
        let answer = self.homeserver.ask(elapsed).map(|(after, reply)| (elapsed + after, reply));
        let timeout = now.monotonic + REQUEST_TIMEOUT;
        self.process.in_flight = Some(InFlight { answer, timeout });
        Ok(())
    }

    /// Before its first request, a process looks for what an earlier one saved; before the next as
    /// well, if the store failed. Returns whether that is the answer.
    fn restore(&mut self, now: Timestamp) -> Result<bool, Violation> {
        if self.process.has_loaded {
            return Ok(false);
        }
        let Some(loaded) = self.store.load() else { return Ok(false) };
        self.process.has_loaded = true;
        let Some(saved) = loaded else { return Ok(false) };
        let is_taken = self.client.restored(now, &saved);
        self.note(&Note::Loaded { saved: &saved, is_taken })?;
        if is_taken {
            self.process.saved = Some(saved);
        } else {
            self.store.remove();
        }
        Ok(is_taken)
    }

    fn save(&mut self) -> Result<(), Violation> {
        let saved = self.client.saved();
        if saved == self.process.saved || !self.store.is_there() {
            return Ok(());
        }
        self.note(&Note::Saved(saved.as_ref()))?;
        self.process.saved.clone_from(&saved);
        match saved {
            Some(saved) => self.store.save(saved),
            None => self.store.remove(),
        }
        Ok(())
    }

    fn answer(&mut self) -> Result<(), Violation> {
        let Some(request) = self.process.in_flight.take() else { return Ok(()) };
        let reply = match request.answer {
            Some((at, reply)) if at <= self.clock.elapsed() => reply,
            _ => Reply::timeout(),
        };
        self.note(&Note::Answered(&reply))?;
        let is_obsolete = !self.process.has_loaded && reply.credentials.is_some();
        if is_obsolete || reply.kind == ReplyKind::LoggedOut {
            self.process.has_loaded = true;
            self.store.remove();
        }
        self.client.answered(self.clock.now(), reply);
        Ok(())
    }

    fn reject(&mut self, now: Timestamp, server: &TurnServer) -> Result<(), Violation> {
        self.note(&Note::Rejected(server))?;
        self.client.report_rejected(now, server);
        Ok(())
    }

    fn happen(&mut self, event: &Event) -> Result<(), Violation> {
        match event {
            Event::Sleep(span) => self.clock.sleep(*span),
            Event::SetWall(shift) => self.clock.set_wall(*shift),
            Event::Reboot => self.clock.reboot(),
            _ => {}
        }
        self.note(&Note::Event(event))?;

        let now = self.clock.now();
        match event {
            Event::Subscribe => {
                self.process.subscribers += 1;
                self.client.subscribe(now);
                if self.client.is_waiting_for_outcome() {
                    if self.process.subscribers == 1 {
                        self.process.seen = None;
                    }
                    self.note(&Note::Awaited)?;
                }
            }
            Event::Unsubscribe if self.process.subscribers > 0 => {
                self.process.subscribers -= 1;
                if self.process.subscribers == 0 {
                    self.client.unsubscribe();
                }
            }
            Event::Refresh => self.client.refresh(now),
            Event::RejectCurrent => {
                if let Some(server) = self.process.seen.as_ref().and_then(TurnState::available) {
                    self.reject(now, &server.clone())?;
                }
            }
            Event::RejectOthers => {
                self.reject(now, &TurnServer::new(Vec::new(), "other", "nothing"))?;
            }
            Event::Restart | Event::Reboot => {
                self.process = Process::default();
                self.client.restart();
            }
            Event::Unsubscribe | Event::Sleep(_) | Event::SetWall(_) => {}
        }
        Ok(())
    }
}
