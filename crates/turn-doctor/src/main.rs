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
mod software;
mod status;
mod style;
mod table;
mod text;
mod timeline;
mod watch;

use std::{env, fs, io, process::ExitCode};

use anyhow::{Context, anyhow};
use tracing_subscriber::EnvFilter;

use crate::{
    args::{Args, Parsed},
    progress::Progress,
    secret::Secret,
    status::COULD_NOT_ASK,
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
            false => examine_once(args, &secret).await,
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
    let examination = tokio::select! {
        examination = examination::examine_source(args, secret, options, &progress) => examination?,
        Ok(()) = tokio::signal::ctrl_c() => return Err(anyhow!("it was stopped")),
    };
    progress.finish();
    if let Some(file) = &args.report {
        let page = html::page(&examination);
        fs::write(file, page).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    output::print(args, &examination)?;
    Ok(status::of(&examination.diagnosis))
}
