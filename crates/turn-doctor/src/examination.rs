//! One examination: credentials, a probe with them, and what it means.

use std::{path::Path, time::SystemTime};

use anyhow::anyhow;
use futures_util::{StreamExt, pin_mut};
use turn_probe::{
    CertificateDer, Diagnosis, Homeserver, ProbeOptions, Step, Text, diagnose,
    diagnose_unavailable, probe,
};

use crate::{
    account::{Session, while_logged_in},
    args::{Parsed, Source},
    credentials::{self, Credentials, Obtained, expiry, why_none},
    embedded::Embedded,
    progress::Progress,
    secret::Secret,
    stop::until_stopped,
};

/// What was found out.
#[derive(Debug)]
pub(crate) struct Examination {
    /// Whose TURN servers they are, for people.
    pub(crate) subject: String,
    /// `None` if there are none.
    pub(crate) credentials: Option<Credentials>,
    pub(crate) diagnosis: Diagnosis,
    pub(crate) at: SystemTime,
}

impl Examination {
    /// Whose TURN servers they are, and how long the credentials hold.
    pub(crate) fn headline(&self) -> String {
        let subject = &self.subject;
        match self.credentials.as_ref().and_then(expiry) {
            Some(expires) => {
                let left = expires.duration_since(self.at).unwrap_or_default();
                let minutes = left.as_secs().div_ceil(60);
                format!("Tried: {subject}, credentials valid for {minutes} min.")
            }
            None => format!("Tried: {subject}."),
        }
    }
}

/// Examines what the command line names.
pub(crate) async fn examine_source(
    args: &Parsed,
    secret: &Secret,
    options: ProbeOptions,
    progress: &Progress,
) -> anyhow::Result<Examination> {
    match &args.source {
        Source::Homeserver { .. } => {
            progress.say("logging in");
            let examine =
                async |session: &Session| examine_session(session, options, progress).await;
            while_logged_in(log_in(&args.source, secret), examine).await
        }
        Source::Embedded => {
            let embedded = Embedded::start().await?;
            let examine =
                async |session: &Session| examine_session(session, options, progress).await;
            let examination = while_logged_in(embedded.log_in(), examine).await;
            embedded.stop().await;
            examination
        }
        Source::Given { uris, username } => {
            let obtained = credentials::given(uris, username, secret);
            let subject = "the TURN server given".to_owned();
            until_stopped(examine(subject, obtained, Homeserver::Unknown, options, progress)).await
        }
        Source::Saved(file) => {
            // A report does not show its directory.
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let subject = match file.as_os_str() == "-" {
                true => "the answer on stdin".to_owned(),
                false => format!("the answer in {}", Text::uncut(&name)),
            };
            let obtained = credentials::saved(file)?;
            until_stopped(examine(subject, obtained, Homeserver::Unknown, options, progress)).await
        }
    }
}

/// Logs in to the homeserver of a source, with a password or a token.
pub(crate) async fn log_in(source: &Source, secret: &Secret) -> anyhow::Result<Session> {
    match source {
        Source::Homeserver { homeserver, user: Some(user) } => {
            Session::log_in(homeserver, user, secret).await
        }
        Source::Homeserver { homeserver, user: None } => {
            Session::with_token(homeserver, secret).await
        }
        _ => Err(anyhow!("there is no homeserver to log in to")),
    }
}

async fn examine_session(
    session: &Session,
    options: ProbeOptions,
    progress: &Progress,
) -> anyhow::Result<Examination> {
    progress.say("asking for TURN credentials");
    let obtained = credentials::of_homeserver(session).await;
    let homeserver = credentials::software(session).await;
    examine(subject(session), obtained, homeserver, options, progress).await
}

/// A homeserver, for people.
pub(crate) fn subject(session: &Session) -> String {
    let url = session.client.homeserver().to_string();
    format!("the homeserver {}", url.trim_end_matches('/'))
}

/// Tries what was obtained.
///
/// # Errors
///
/// If nothing was, and it is not known why.
pub(crate) async fn examine(
    subject: String,
    obtained: Obtained,
    homeserver: Homeserver,
    options: ProbeOptions,
    progress: &Progress,
) -> anyhow::Result<Examination> {
    let at = SystemTime::now();
    let credentials = match obtained {
        Ok(credentials) => credentials.with_homeserver(homeserver),
        Err(why) => {
            let diagnosis = diagnose_unavailable(&why, homeserver)
                .ok_or_else(|| anyhow!("{subject} could not be asked: {}", why_none(&why)))?;
            return Ok(Examination { subject, credentials: None, diagnosis, at });
        }
    };
    let steps = steps(&credentials, options, progress).await;
    let diagnosis = diagnose(&credentials.server, &credentials.circumstances, &steps);
    Ok(Examination { subject, credentials: Some(credentials), diagnosis, at })
}

async fn steps(credentials: &Credentials, options: ProbeOptions, progress: &Progress) -> Vec<Step> {
    let stream = probe(&credentials.server, options);
    pin_mut!(stream);
    let mut steps = Vec::new();
    while let Some(step) = stream.next().await {
        progress.step(&step);
        steps.push(step);
    }
    steps
}

/// How the probe is set up.
pub(crate) fn options(args: &Parsed) -> anyhow::Result<ProbeOptions> {
    let is_homeserver = matches!(args.source, Source::Homeserver { .. });
    let options =
        ProbeOptions::new().step_timeout(args.timeout()).identify_private_addresses(!is_homeserver);
    Ok(match &args.ca_file {
        Some(file) => options.extra_roots(certificates(file)?),
        None => options,
    })
}

fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    use rustls::pki_types::pem::PemObject;

    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| anyhow!("{} holds no certificates: {error}", file.display()))?;
    match certificates.is_empty() {
        true => Err(anyhow!("{} holds no certificates", file.display())),
        false => Ok(certificates),
    }
}
