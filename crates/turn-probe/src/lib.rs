//! Tries TURN servers for real, step by step, and says what is wrong with them.
//!
//! A client that has TURN credentials can put "Test my TURN server" into its settings: [`probe`](probe()) yields a
//! [`Step`] for each thing that it tried, and [`diagnose`] turns the steps into findings, each with one
//! sentence on what it means and one on what to change.
//!
//! ```no_run
//! use futures_util::StreamExt;
//! use matrix_sdk_turn::TurnService;
//! use turn_probe::{Circumstances, Origin, ProbeOptions, diagnose, probe};
//!
//! # async fn example(turn: TurnService) -> Result<(), Box<dyn std::error::Error>> {
//! let server = turn.get().await?;
//! let steps: Vec<_> = probe(&server, ProbeOptions::new()).collect().await;
//! let diagnosis = diagnose(&server, &Circumstances::new(Origin::Homeserver), &steps);
//! for finding in &diagnosis.findings {
//!     println!("{} {}", finding.explanation.meaning, finding.explanation.advice);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! `cargo run -p turn-probe --example test_my_turn_server` shows steps as they end, and the `turn-doctor`
//! program is all of it for a terminal.
//!
//! # What is tried
//!
//! Every URI, with every address that its host resolves to, IPv4 and IPv6, over UDP, TCP and TLS: what
//! [`StepKind`] lists. It does as browsers do: it follows a 300 Try Alternate once, and asks for relays
//! without naming a family. `turns:` over UDP, which is DTLS, is not tried.
//!
//! # What is promised
//!
//! - **It ends.** Each step has a time limit, and there are so many URIs, addresses and redirections, and
//!   no more. A server cannot hold it up, make it grow, or make it panic: what it sends is limited, and
//!   texts of its own are cut and rid of control characters.
//! - **It leaves nothing behind.** Nothing is spawned: dropping the stream ends the probe. Relays are given
//!   back.
//! - **It shows no secret.** Neither username nor password is in a [`Step`], a [`Diagnosis`], an error or
//!   a log.
//!
//! # What it is built on
//!
//! [`stun-proto`](stun_proto) has STUN's transactions and long-term credentials without I/O, and
//! [`turn-types`](turn_types) has TURN's attributes and framing. `turn-client-proto` and
//! `turn-client-rustls`, by the same authors and on the same two, are whole TURN clients, and hide what a
//! diagnosis is made of: a relay that was not lent is an event without the error's code. webrtc-rs's
//! `turn` has codes in the text of its errors only, and knows neither TCP nor TLS.
//!
//! TLS is rustls, and certificates are judged by the platform
//! ([`rustls-platform-verifier`](rustls_platform_verifier)), both of which matrix-sdk brings. On Android,
//! the app has to initialize the latter.

mod address;
mod allocate;
mod attempt;
mod budget;
mod diagnosis;
mod direct;
mod failure;
mod identify;
mod log;
mod net;
mod options;
mod probe;
mod race;
mod reach;
mod relaying;
mod requests;
mod session;
mod step;

pub use rustls::pki_types::CertificateDer;

pub use self::{
    allocate::{AllocateError, Relay, allocate},
    diagnosis::{
        Cause, Circumstances, Diagnosis, Explanation, Finding, Homeserver, Origin, Place, Places,
        QuotaUser, Route, RouteStatus, Severity, Verdict, diagnose, diagnose_unavailable,
    },
    failure::{CertificateFault, Failure, Leg, NameFault, Stranger, Text, Unreachable},
    options::ProbeOptions,
    probe::probe,
    step::{Found, Outcome, Relayed, Skipped, Step, StepKind},
};
