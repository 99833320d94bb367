//! The program turn-doctor, as a library for its `main` and for fuzz targets. It promises no API.

mod account;
mod args;
mod check;
mod clock;
mod credentials;
mod embedded;
mod examination;
mod file;
#[doc(hidden)]
pub mod fuzzing;
mod html;
mod http;
mod json;
mod output;
mod progress;
mod saved;
mod secret;
mod shared_secret;
mod software;
mod status;
mod stop;
mod style;
mod table;
mod text;
mod timeline;
mod uri;
mod watch;

use std::{env, fs, io, process::ExitCode};

use tracing_subscriber::EnvFilter;

use crate::{
    args::{Args, Command, Parsed},
    progress::Progress,
    secret::Secret,
    status::COULD_NOT_ASK,
};

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
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
            None => examine_once(args, &secret).await,
        }
    });
    // Not dropped, which would wait for a name lookup that is still going on.
    runtime.shutdown_background();
    outcome
}

/// Examines once, prints it, and returns the exit status.
async fn examine_once(args: &Parsed, secret: &Secret) -> anyhow::Result<u8> {
    let options = examination::options(args)?;
    let progress = Progress::new();
    let examination = examination::examine_source(args, secret, options, &progress).await?;
    progress.finish();
    // Before the report, which may fail, so that the result is not lost.
    output::print(args, &examination)?;
    if let Some(file) = &args.report {
        let page = html::page(&examination);
        if let Err(error) = fs::write(file, page) {
            output::error(format_args!("error: {} cannot be written: {error}", file.display()));
            return Ok(COULD_NOT_ASK);
        }
    }
    Ok(status::of(&examination.diagnosis))
}
