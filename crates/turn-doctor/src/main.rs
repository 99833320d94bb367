//! Why do calls not connect? Tries a homeserver's TURN servers for real, and names what to change.
//! `turn-doctor --help` says how; docs/turn-doctor.md has all of it.

mod account;
mod args;
mod check;
mod clock;
mod credentials;
mod embedded;
mod examination;
mod html;
mod http;
mod json;
mod output;
mod progress;
mod saved;
mod secret;
mod shared_secret;
mod stop;
mod table;
mod text;
mod timeline;
mod uri;
mod watch;

use std::{env, io, process::ExitCode};

use tracing_subscriber::EnvFilter;

use crate::{
    args::{Args, Command, Parsed},
    output::COULD_NOT_ASK,
};

fn main() -> ExitCode {
    let command = match Args::parse_from_flags(env::args_os()) {
        Ok(command) => command,
        Err(error) if error.use_stderr() => {
            output::error(args::one_line(&error));
            return COULD_NOT_ASK.into();
        }
        Err(help_or_version) => {
            let _ = help_or_version.print();
            return ExitCode::SUCCESS;
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| "off".into()))
        .with_writer(io::stderr)
        .init();

    let (outcome, json) = match &command {
        Command::Check(check) => (check::run(check), check.json),
        Command::Examine(args) => (run(args), args.json),
    };
    let status = outcome.unwrap_or_else(|error| {
        output::could_not_ask(json, &error);
        COULD_NOT_ASK
    });
    status.into()
}

fn run(args: &Parsed) -> anyhow::Result<u8> {
    // Asked for before anything is shown at the terminal.
    let secret = secret::read(&args.source)?;
    let shared_secret = match args.secret {
        true => Some(secret::shared()?),
        false => None,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(async {
        match &shared_secret {
            Some(shared_secret) => shared_secret::run(args, &secret, shared_secret).await,
            None if args.watch => watch::run(args, &secret).await,
            None => examination::run(args, &secret).await,
        }
    });
    // Not dropped, which would wait for a name lookup that is still going on.
    runtime.shutdown_background();
    outcome
}
