//! Why do calls not connect? Tries a homeserver's TURN servers for real, and names what to change.
//! `turn-doctor --help` says how; docs/turn-doctor.md has all of it.

mod account;
mod args;
mod clock;
mod credentials;
mod embedded;
mod examination;
mod html;
mod json;
mod output;
mod progress;
mod saved;
mod secret;
mod table;
mod text;
mod timeline;
mod watch;

use std::{env, io, process::ExitCode};

use tracing_subscriber::EnvFilter;

use crate::{
    args::{Args, Parsed},
    output::COULD_NOT_ASK,
};

fn main() -> ExitCode {
    let args = match Args::parse_from_flags(env::args_os()) {
        Ok(args) => args,
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

    let status = run(&args).unwrap_or_else(|error| {
        output::could_not_ask(&args, &error);
        COULD_NOT_ASK
    });
    status.into()
}

fn run(args: &Parsed) -> anyhow::Result<u8> {
    // Asked for before anything is shown at the terminal.
    let secret = secret::read(&args.source)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(async {
        match args.watch {
            true => watch::run(args, &secret).await,
            false => examination::run(args, &secret).await,
        }
    });
    // Not dropped, which would wait for a name lookup that is still going on.
    runtime.shutdown_background();
    outcome
}
