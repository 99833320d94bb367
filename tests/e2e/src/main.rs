//! matrix-sdk-turn with real parts: Synapse, coturn, Chromium and matrix-widget-api.
//!
//! `cargo xtask e2e` installs what is missing and runs this.

// The SDK's sync is a deep future.
#![recursion_limit = "256"]

mod account;
mod calls;
mod environment;
mod host;
mod interop;
mod outcomes;
mod parts;
mod relay;
mod run;
mod scenarios;
mod stage;
mod wait;
mod widget;

use std::process::ExitCode;

use anyhow::Context;
use libtest_mimic::{Arguments, Trial};
use tracing_log::LogTracer;
use tracing_subscriber::filter::LevelFilter;

use crate::{
    calls::{MEASUREMENTS, measure},
    environment::Environment,
    outcomes::Outcomes,
    run::{run, run_logged},
    scenarios::SCENARIOS,
};

/// A scenario keeps about one core busy.
const AT_A_TIME: usize = 2;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_A_TIME);
    collect_logs()?;

    let outcomes = Outcomes::default();
    let scenarios = SCENARIOS
        .iter()
        .map(|scenario| {
            let outcomes = outcomes.clone();
            Trial::test(scenario.name, move || {
                let played = Environment::read().and_then(|parts| run(scenario, &parts));
                let failure = played.as_ref().err().map(|error| format!("{error:?}"));
                outcomes.note(scenario.name, played.ok());
                failure.map_or(Ok(()), |failure| Err(failure.into()))
            })
        })
        .collect::<Vec<_>>();
    let measured = Outcomes::default();
    let trials = scenarios.into_iter().chain(measurements(&measured)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);

    outcomes.print();
    measured.print();
    if outcomes.are_complete() {
        interop::write(&Environment::read()?, &outcomes)?;
    }
    Ok(conclusion.exit_code())
}

/// Ignored unless asked for: they take minutes, and prove nothing that must hold.
fn measurements(outcomes: &Outcomes) -> impl Iterator<Item = Trial> {
    MEASUREMENTS.into_iter().map(|measurement| {
        let outcomes = outcomes.clone();
        let measure = move || {
            let parts = Environment::read()?;
            let played = run_logged(&parts, measurement.name, LevelFilter::INFO, |directory| {
                measure(measurement, parts.clone(), directory)
            });
            let failure = played.as_ref().err().map(|error| format!("{error:?}"));
            outcomes.note(measurement.name, played.ok());
            failure.map_or(Ok(()), |failure| Err(failure.into()))
        };
        Trial::test(measurement.name, measure).with_ignored_flag(true)
    })
}

/// Some libraries log rather than trace.
fn collect_logs() -> anyhow::Result<()> {
    LogTracer::builder()
        // At TRACE it shows all that passes through a WebSocket: here, what a widget is told.
        .ignore_crate("tungstenite")
        .init()
        .context("something else collects the logs")
}
