//! `--secret`: whether credentials were made with a secret, which tells whose secret is another one.

use anyhow::anyhow;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use matrix_sdk_turn::TurnServer;
use serde::Serialize;
use sha1::Sha1;
use turn_probe::{Homeserver, Severity};

use crate::{
    account::{Session, while_logged_in},
    args::{Parsed, Source},
    credentials::{self, Obtained},
    embedded::Embedded,
    examination::log_in,
    output,
    secret::Secret,
    text::{finding, heading},
};

/// Whether the credentials of a source were made with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum MadeWith {
    /// With the one that was given.
    ThisSecret,
    /// With that one and something around it: quotes, a space, a line break.
    ThisSecretAndMore,
    /// With another one.
    AnotherSecret,
    /// The username does not begin with a time, as those of shared secrets do.
    NoSecret,
}

/// Fetches credentials, checks them, prints what that means, and returns the exit status. No TURN server
/// is contacted.
pub(crate) async fn run(
    args: &Parsed,
    secret: &Secret,
    shared_secret: &Secret,
) -> anyhow::Result<u8> {
    let obtained = obtain(&args.source, secret).await?;
    let credentials = obtained.map_err(|why| {
        anyhow!("there are no credentials to check: {}", credentials::why_none(&why))
    })?;
    let made_with = MadeWith::of(&credentials.server, shared_secret);
    let homeserver = credentials.circumstances.homeserver;
    match args.json {
        true => output::json(&made_with.json(homeserver))?,
        false => output::text(&made_with.text(homeserver))?,
    }
    Ok(made_with.status())
}

async fn obtain(source: &Source, secret: &Secret) -> anyhow::Result<Obtained> {
    let ask = async |session: &Session| {
        let obtained = credentials::of_homeserver(session).await;
        let homeserver = credentials::software(session).await;
        Ok(obtained.map(|credentials| credentials.with_homeserver(homeserver)))
    };
    match source {
        Source::Homeserver { .. } => while_logged_in(log_in(source, secret), ask).await,
        Source::Embedded => {
            let embedded = Embedded::start().await?;
            let obtained = while_logged_in(embedded.log_in(), ask).await;
            embedded.stop().await;
            obtained
        }
        Source::Given { uris, username } => Ok(credentials::given(uris, username, secret)),
        Source::Saved(file) => credentials::saved(file),
    }
}

impl MadeWith {
    fn of(server: &TurnServer, secret: &str) -> Self {
        let (time, _user) = server.username().split_once(':').unwrap_or((server.username(), ""));
        if time.parse::<u64>().is_err() {
            return Self::NoSecret;
        }
        let is_made_with = |secret: &str| password(secret, server.username()) == server.password();
        let around = [("\"", "\""), ("'", "'"), (" ", ""), ("", " "), ("", "\n"), ("", "\r\n")];
        let bare = secret.trim().trim_matches(['"', '\'']);
        if is_made_with(secret) {
            Self::ThisSecret
        } else if is_made_with(bare)
            || around.iter().any(|(before, after)| is_made_with(&format!("{before}{bare}{after}")))
        {
            Self::ThisSecretAndMore
        } else {
            Self::AnotherSecret
        }
    }

    fn status(self) -> u8 {
        match self {
            Self::ThisSecret => 0,
            Self::ThisSecretAndMore | Self::AnotherSecret | Self::NoSecret => 2,
        }
    }

    /// The verdict, what it means, and what to change.
    fn words(self, homeserver: Homeserver) -> (&'static str, &'static str, String) {
        let (secret, user) = (homeserver.secret(), homeserver.user());
        match self {
            Self::ThisSecret => (
                "The credentials were made with this secret.",
                "If the TURN server rejects them, it has another secret, or its clock is wrong.",
                "Give the TURN server this secret (in coturn `static-auth-secret` in \
                 turnserver.conf, without quotes and without a comment behind it), and restart it."
                    .to_owned(),
            ),
            Self::ThisSecretAndMore => (
                "The credentials were made with this secret and something around it.",
                "The homeserver takes quotes, a space or a line break for a part of the secret, or \
                 you typed one.",
                format!("Correct {secret}, and restart the homeserver."),
            ),
            Self::AnotherSecret => (
                "The credentials were not made with this secret.",
                "The homeserver has another secret.",
                format!(
                    "If this is the secret of the TURN server, set {secret} to it, and restart the \
                     homeserver."
                ),
            ),
            Self::NoSecret => (
                "The credentials were not made with a secret.",
                "Their username does not begin with the time at which they expire.",
                format!("Compare {user} with the TURN server's (in coturn `user`)."),
            ),
        }
    }

    fn text(self, homeserver: Homeserver) -> String {
        let (verdict, meaning, advice) = self.words(homeserver);
        let worst = (self.status() != 0).then_some(Severity::Problem);
        let severity = worst.unwrap_or(Severity::Note);
        format!("{}\n{}", heading(verdict, worst), finding(1, severity, meaning, &advice))
    }

    fn json(self, homeserver: Homeserver) -> String {
        let (verdict, meaning, advice) = self.words(homeserver);
        let document = serde_json::json!({
            "version": 1,
            "exit_status": self.status(),
            "made_with": self,
            "verdict": verdict,
            "meaning": meaning,
            "advice": advice,
        });
        document.to_string()
    }
}

/// What a homeserver and coturn make of a secret.
fn password(secret: &str, username: &str) -> String {
    // A key of any length will do.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(username.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_with(used: &str, asked: &str) -> MadeWith {
        let username = "1900000000:@alice:example.org";
        let server = TurnServer::new(vec!["turn:a".to_owned()], username, password(used, username));
        MadeWith::of(&server, asked)
    }

    #[test]
    fn a_password_is_what_openssl_makes_of_it() {
        // printf 1900000000:@alice:example.org | openssl dgst -sha1 -hmac north -binary | base64
        let password = password("north", "1900000000:@alice:example.org");
        assert_eq!(password, "6aAAoOejR5uTV7NtlznLB5UGWLE=");
    }

    #[test]
    fn the_side_whose_secret_differs_is_known() {
        assert_eq!(made_with("north", "north"), MadeWith::ThisSecret);
        assert_eq!(made_with("south", "north"), MadeWith::AnotherSecret);
        for used in ["north\n", "\"north\"", "'north'", " north", "north\r\n"] {
            assert_eq!(made_with(used, "north"), MadeWith::ThisSecretAndMore, "{used:?}");
        }
        assert_eq!(made_with("north", "\"north\""), MadeWith::ThisSecretAndMore);
    }

    #[test]
    fn a_fixed_password_has_no_secret() {
        let server = TurnServer::new(vec!["turn:a".to_owned()], "alice", "p");
        assert_eq!(MadeWith::of(&server, "north"), MadeWith::NoSecret);
    }
}
