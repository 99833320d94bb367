//! Where the password of a real account comes from. It is never taken from the command line, which
//! everybody on the machine can read.

use std::env::{self, VarError};

use anyhow::{Context, bail};

const VARIABLE: &str = "TURN_DEMO_PASSWORD";

/// The password in the environment. If there is none, it is asked for at the terminal.
pub(crate) fn read(user: &str) -> anyhow::Result<String> {
    match env::var(VARIABLE) {
        Ok(password) => Ok(password),
        Err(VarError::NotUnicode(_)) => bail!("{VARIABLE} is not UTF-8: set it again"),
        Err(VarError::NotPresent) => rpassword::prompt_password(format!("Password of {user}: "))
            .with_context(|| {
                format!("there is no terminal to ask for the password at: set {VARIABLE}")
            }),
    }
}
