//! Where TURN credentials come from, and what is known of them.

use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

use matrix_sdk_turn::{
    Answer, HomeserverSource, TurnServer, TurnServerSource, Unavailable, UnavailableReason,
};
use turn_probe::{Circumstances, Homeserver, Origin};

use crate::{account::Session, clock, output, saved, software};

/// Credentials, and what is known of where they come from.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) server: TurnServer,
    pub(crate) circumstances: Circumstances,
}

impl Credentials {
    pub(crate) fn with_homeserver(self, homeserver: Homeserver) -> Self {
        let circumstances = self.circumstances.with_homeserver(homeserver);
        Self { circumstances, ..self }
    }
}

/// The answer to the request for credentials.
pub(crate) type Obtained = Result<Credentials, Unavailable>;

/// Asks the homeserver, as a client does.
pub(crate) async fn of_homeserver(session: &Session) -> Obtained {
    let source = HomeserverSource::new(&session.client);
    let answer = source.fetch().await.map_err(|why| session.without_secrets(&why))?;
    let circumstances = circumstances(session, answer.ttl()).await;
    Ok(Credentials { server: answer.server().clone(), circumstances })
}

/// What is known of credentials that the homeserver handed out just now.
pub(crate) async fn circumstances(session: &Session, ttl: Duration) -> Circumstances {
    let clocks = clock::compare(&session.client.homeserver()).await;
    Circumstances::new(Origin::Homeserver).with_ttl(ttl).with_clocks(clocks.ours, clocks.homeserver)
}

/// The homeserver's software.
pub(crate) async fn software(session: &Session) -> Homeserver {
    software::of(&session.client.homeserver()).await
}

/// Takes what was typed in.
pub(crate) fn given(uris: &[String], username: &str, password: &str) -> Obtained {
    let server = TurnServer::new(uris.to_vec(), username, password);
    accept(server, Duration::ZERO, Circumstances::new(Origin::Given))
}

/// Takes a homeserver's answer from a file, `-` for stdin.
pub(crate) fn saved(file: &Path) -> anyhow::Result<Obtained> {
    let saved = saved::read(file)?;
    for mistake in &saved.mistakes {
        output::error(format_args!("note: {mistake}"));
    }
    let saved_at = fs::metadata(file).and_then(|file| file.modified()).ok();
    let circumstances = Circumstances::new(Origin::Saved).with_saved_at(saved_at);
    Ok(accept(saved.server, saved.ttl, circumstances))
}

/// Why there are no credentials, by a program that asks once: the library's own words say when it asks
/// again.
pub(crate) fn why_none(why: &Unavailable) -> String {
    let what = match why.reason() {
        UnavailableReason::RateLimited => "it asks for fewer requests: try again later",
        UnavailableReason::Unreachable => {
            "it gave no usable answer: check that it runs, and look at its log"
        }
        UnavailableReason::NotLoggedIn
        | UnavailableReason::SoftLoggedOut
        | UnavailableReason::LoggedOut => {
            "it does not accept the access token: take a newer one, or log in with --user"
        }
        // The library's words have no promise in them.
        _ => return why.to_string(),
    };
    let detail = why.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
    let error = why.matrix_error().map(|error| format!(" {error}")).unwrap_or_default();
    format!("{what}{detail}{error}")
}

/// Judges credentials as those of a homeserver are judged.
fn accept(server: TurnServer, ttl: Duration, circumstances: Circumstances) -> Obtained {
    let answer = Answer::new(server, ttl)?;
    Ok(Credentials { server: answer.server().clone(), circumstances: circumstances.with_ttl(ttl) })
}

/// When credentials expire, by the homeserver's own word.
pub(crate) fn expiry(credentials: &Credentials) -> Option<SystemTime> {
    let circumstances = &credentials.circumstances;
    match circumstances.origin {
        Origin::Homeserver => circumstances.asked_at.checked_add(circumstances.ttl?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_asks_once_does_not_say_that_it_asks_again() {
        for reason in [
            UnavailableReason::Unreachable,
            UnavailableReason::RateLimited,
            UnavailableReason::NotLoggedIn,
            UnavailableReason::SoftLoggedOut,
        ] {
            let said = why_none(&Unavailable::new(reason).with_detail("HTTP 502"));
            assert!(!said.contains("asked again") && !said.contains("is asked"), "{said}");
            assert!(said.contains("HTTP 502"), "{said}");
        }
    }

    #[test]
    fn no_uri_means_no_turn_server() {
        let unavailable = given(&[], "", "").unwrap_err();
        assert_eq!(unavailable.reason(), UnavailableReason::NotConfigured);
    }

    #[test]
    fn what_was_saved_is_known_to_be() {
        let server = TurnServer::new(vec!["turn:a".to_owned()], "u", "p");
        let circumstances = Circumstances::new(Origin::Saved);
        let credentials = accept(server, Duration::from_secs(3600), circumstances).unwrap();
        assert_eq!(credentials.circumstances.ttl, Some(Duration::from_secs(3600)));
        assert_eq!(credentials.circumstances.origin, Origin::Saved);
    }
}
