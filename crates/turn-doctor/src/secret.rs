//! Where passwords and access tokens come from. They are never taken from the command line, which
//! all users of the machine can read.

use std::env::{self, VarError};

use anyhow::{Context, bail};
use zeroize::Zeroizing;

use crate::args::Source;

const PASSWORD: &str = "TURN_DOCTOR_PASSWORD";
const ACCESS_TOKEN: &str = "TURN_DOCTOR_ACCESS_TOKEN";
const SHARED_SECRET: &str = "TURN_DOCTOR_SECRET";

/// What a source is asked with; empty if it takes nothing.
pub(crate) type Secret = Zeroizing<String>;

/// Reads what the source takes. A password that is not in the environment is asked for at the terminal.
pub(crate) fn read(source: &Source) -> anyhow::Result<Secret> {
    let secret = match source {
        Source::Homeserver { user: Some(user), .. } => password_of(user)?,
        Source::Homeserver { user: None, .. } => in_environment(ACCESS_TOKEN)?.with_context(|| {
            format!("give --user to log in with a password, or set {ACCESS_TOKEN} to an access token")
        })?,
        Source::Given { username, .. } if !username.is_empty() => password_of(username)?,
        Source::Given { .. } | Source::Saved(_) | Source::Embedded => String::new(),
    };
    Ok(Zeroizing::new(secret))
}

/// Reads the secret that the homeserver and the TURN server should share.
pub(crate) fn shared() -> anyhow::Result<Secret> {
    asked_for(SHARED_SECRET, "Shared secret: ").map(Zeroizing::new)
}

fn password_of(user: &str) -> anyhow::Result<String> {
    asked_for(PASSWORD, &format!("Password of {user}: "))
}

fn asked_for(variable: &str, prompt: &str) -> anyhow::Result<String> {
    match in_environment(variable)? {
        Some(value) => Ok(value),
        None => rpassword::prompt_password(prompt)
            .with_context(|| format!("there is no terminal to ask at: set {variable}")),
    }
}

fn in_environment(variable: &str) -> anyhow::Result<Option<String>> {
    match env::var(variable) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => bail!("{variable} is not UTF-8: set it again"),
    }
}
