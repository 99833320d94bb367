//! A homeserver, a TURN server, a Matrix client and a widget in one process, to watch
//! `matrix-sdk-turn` at work. `cargo run -- --help` says how.

mod account;
mod args;
mod countdown;
mod demo;
mod embedded;
mod follow;
mod observed;
mod page;
mod password;
mod play;
mod report;
mod status;
mod tally;
mod widget;
mod words;

use std::{env, io, process::ExitCode};

use tracing_subscriber::EnvFilter;

use crate::{
    account::Login,
    args::{Account, Args},
};

const WRONG_FLAGS: u8 = 2;

fn main() -> ExitCode {
    let (args, account) = match Args::parse_from_flags(env::args_os()) {
        Ok(parsed) => parsed,
        Err(error) if error.use_stderr() => {
            report::error(args::one_line(&error));
            return WRONG_FLAGS.into();
        }
        Err(help_or_version) => {
            let _ = help_or_version.print();
            return ExitCode::SUCCESS;
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| "off".into()))
        .with_ansi(anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never)
        .with_writer(io::stderr)
        .init();

    match run(&args, account) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args, account: Option<Account>) -> anyhow::Result<()> {
    let login = account
        .map(|account| {
            let password = password::read(&account.user)?;
            anyhow::Ok(Login { account, password })
        })
        .transpose()?;

    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(demo::run(args, login));
    // Not dropped, which would wait for a name lookup that is still going on.
    runtime.shutdown_background();
    outcome
}
