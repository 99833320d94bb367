//! `--watch`: again with each refresh of the credentials, a line each.

use std::{
    io,
    time::{Duration, SystemTime},
};

use anyhow::anyhow;
use matrix_sdk_turn::{Timestamp, TurnService, TurnState, UnavailableReason};
use turn_probe::{Diagnosis, ProbeOptions};

use crate::{
    account::{Session, while_logged_in},
    args::{Parsed, Source},
    credentials::{self, Credentials, Obtained, circumstances},
    embedded::Embedded,
    examination::{self, Examination, examine, log_in, subject},
    json, output,
    progress::Progress,
    secret::Secret,
    status,
    stop::Stopped,
    style::verdict,
};

/// Goes on until Ctrl-C is pressed, and returns the exit status of the last examination.
pub(crate) async fn run(args: &Parsed, secret: &Secret) -> anyhow::Result<u8> {
    let options = examination::options(args)?;
    let embedded = match &args.source {
        Source::Embedded => Some(Embedded::start().await?),
        _ => None,
    };
    let logging_in = async {
        match &embedded {
            Some(embedded) => embedded.log_in().await,
            None => log_in(&args.source, secret).await,
        }
    };
    let mut status = None;
    let follow = async |session: &Session| follow(args, session, &options, &mut status).await;
    let outcome = while_logged_in(logging_in, follow).await;
    if let Some(embedded) = embedded {
        embedded.stop().await;
    }
    match status {
        // Stopping is how it ends.
        Some(status) if outcome.as_ref().is_err_and(|why| why.is::<Stopped>()) => Ok(status),
        _ => outcome.and_then(|()| Err(Stopped.into())),
    }
}

async fn follow(
    args: &Parsed,
    session: &Session,
    options: &ProbeOptions,
    status: &mut Option<u8>,
) -> anyhow::Result<()> {
    let turn = TurnService::new(&session.client);
    let mut states = turn.subscribe();
    while let Some(state) = states.next().await {
        let obtained = obtained(session, state).await;
        let progress = Progress::new();
        let homeserver = credentials::software(session).await;
        let examined =
            examine(subject(session), obtained, homeserver, options.clone(), &progress).await;
        progress.finish();
        match examined {
            Ok(examination) => {
                *status = Some(status::of(&examination.diagnosis));
                print(args, &examination)?;
            }
            // The service goes on asking.
            Err(why) if args.json => output::json(&json::failure(&format!("{why:#}")))?,
            Err(why) => output::line(&format!("{}  {why:#}", time_of_day(SystemTime::now())))?,
        }
    }
    Err(anyhow!("the session has ended: log in again"))
}

async fn obtained(session: &Session, state: TurnState) -> Obtained {
    let why = state.unavailable().map(|why| session.without_secrets(why));
    let Some(server) = state.available().cloned() else {
        return Err(why.unwrap_or_else(|| UnavailableReason::Unreachable.into()));
    };
    let left = server.valid_for(Timestamp::now()).unwrap_or(Duration::ZERO);
    let circumstances = circumstances(session, left).await;
    Ok(Credentials { server, circumstances })
}

fn print(args: &Parsed, examination: &Examination) -> io::Result<()> {
    match args.json {
        true => output::json(&json::one_line(examination, args.show_secrets)),
        false => {
            let verdict = verdict(&examination.diagnosis);
            let time = time_of_day(examination.at);
            output::line(&format!("{time}  {verdict}{}", codes(&examination.diagnosis)))
        }
    }
}

/// The names of the problems, as they are in the output without `--watch`.
fn codes(diagnosis: &Diagnosis) -> String {
    let problems = diagnosis
        .findings
        .iter()
        .filter(|finding| finding.severity == turn_probe::Severity::Problem)
        .map(|finding| finding.explanation.code)
        .collect::<Vec<_>>();
    match problems.is_empty() {
        true => String::new(),
        false => format!(" ({})", problems.join(", ")),
    }
}

/// In UTC, since the standard library knows no other.
fn time_of_day(moment: SystemTime) -> String {
    let seconds = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let of_day = seconds % (24 * 3600);
    format!("{:02}:{:02}:{:02} UTC", of_day / 3600, of_day / 60 % 60, of_day % 60)
}
