//! The command line.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{ArgGroup, Args as ClapArgs, CommandFactory, Parser, error::ErrorKind};
use matrix_sdk_turn::IceUri;
use url::Url;

use crate::{check::Check, uri};

/// Why do calls not connect? Tries a homeserver's TURN servers for real, and names what to change.
///
/// It logs in, fetches the TURN credentials as a client does, tries every URI with every address, and
/// says for each failure what it means, and which setting to change.
#[derive(Debug, Parser)]
#[command(name = "turn-doctor", version, after_help = AFTER_HELP, max_term_width = 80)]
#[command(group = ArgGroup::new("whose").required(true))]
pub(crate) struct Args {
    #[command(flatten)]
    source: SourceArgs,

    /// Keep running: check again after each refresh of the credentials, one line per check
    #[arg(long, conflicts_with_all = ["uri", "from_json", "report"])]
    pub(crate) watch: bool,

    /// Print JSON, as docs/turn-doctor.md describes it
    #[arg(long)]
    pub(crate) json: bool,

    /// Write a page to share, without any secret in it
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,

    /// Instead of trying the TURN servers, say whether the credentials were made with a shared secret,
    /// which is asked for
    #[arg(long, conflicts_with_all = ["watch", "report"])]
    pub(crate) secret: bool,

    /// Print the username and the password of the TURN server as well
    #[arg(long)]
    pub(crate) show_secrets: bool,

    /// Trust the authorities in this PEM file as well
    #[arg(long, value_name = "FILE.pem")]
    pub(crate) ca_file: Option<PathBuf>,

    /// How long each step may take, from 1 to 60
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "5",
        value_parser = clap::value_parser!(u8).range(1..=60)
    )]
    timeout: u8,
}

#[derive(Debug, ClapArgs)]
struct SourceArgs {
    /// The homeserver: its URL, or the name behind the colon of a user's ID
    // Not parsed by clap, which would print a password in it.
    #[arg(long, value_name = "URL", group = "whose")]
    homeserver: Option<String>,

    /// The account to log in with: `alice`, or `@alice:example.org`
    #[arg(long, value_name = "NAME", requires = "homeserver")]
    user: Option<String>,

    /// A TURN server's URI; may be given several times
    #[arg(long, value_name = "URI", group = "whose")]
    uri: Vec<String>,

    /// The name to authenticate with at --uri
    #[arg(long, value_name = "NAME", requires = "uri")]
    username: Option<String>,

    /// A saved answer of a homeserver; `-` is stdin
    #[arg(long, value_name = "FILE", group = "whose")]
    from_json: Option<PathBuf>,

    /// Try a homeserver and a TURN server of this program's own
    #[arg(long, group = "whose")]
    embedded: bool,

    /// Check coturn's configuration, and Synapse's beside it, without any network
    #[arg(
        long,
        group = "whose",
        num_args = 1..=2,
        value_names = ["turnserver.conf", "homeserver.yaml"],
        conflicts_with_all = ["watch", "report", "secret", "show_secrets", "ca_file"]
    )]
    check: Vec<PathBuf>,
}

/// Whose TURN servers are tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A homeserver's, as a user of it.
    Homeserver {
        /// A URL, or the server's name.
        homeserver: String,
        /// The account to log in with; `None` if there is an access token.
        user: Option<String>,
    },
    /// A TURN server without a homeserver.
    Given { uris: Vec<String>, username: String },
    /// An answer in a file.
    Saved(PathBuf),
    /// This program's own.
    Embedded,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Command {
    /// Check configurations.
    Check(Check),
    /// Try TURN servers.
    Examine(Box<Parsed>),
}

/// The command line, and what it means.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) source: Source,
    flags: Args,
}

impl std::ops::Deref for Parsed {
    type Target = Args;

    fn deref(&self) -> &Args {
        &self.flags
    }
}

impl Args {
    pub(crate) fn parse_from_flags(
        flags: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Command, clap::Error> {
        let flags = Self::try_parse_from(flags)?;
        if let [turnserver_conf, rest @ ..] = &flags.source.check[..] {
            return Ok(Command::Check(Check {
                turnserver_conf: turnserver_conf.clone(),
                homeserver_yaml: rest.first().cloned(),
                json: flags.json,
            }));
        }
        let source = flags
            .source
            .source()
            .map_err(|why| Self::command().error(ErrorKind::ValueValidation, why))?;
        Ok(Command::Examine(Box::new(Parsed { source, flags })))
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout.into())
    }
}

impl SourceArgs {
    fn source(&self) -> Result<Source, String> {
        if let Some(homeserver) = &self.homeserver {
            ensure_no_user(homeserver)?;
            return Ok(Source::Homeserver {
                homeserver: homeserver.clone(),
                user: self.user.clone(),
            });
        }
        if let Some(file) = &self.from_json {
            return Ok(Source::Saved(file.clone()));
        }
        if self.embedded {
            return Ok(Source::Embedded);
        }
        ensure_usable(&self.uri, self.username.as_deref())?;
        Ok(Source::Given {
            uris: self.uri.clone(),
            username: self.username.clone().unwrap_or_default(),
        })
    }
}

fn ensure_usable(uris: &[String], username: Option<&str>) -> Result<(), String> {
    let mistakes = uri::mistakes(uris.iter().map(String::as_str));
    if !mistakes.is_empty() {
        let mistakes = mistakes.join("; ");
        return Err(format!(
            "--uri takes a URI like turn:turn.example.org?transport=udp, and {mistakes}"
        ));
    }
    let is_turn = |uri: &String| uri.parse().is_ok_and(|uri: IceUri| uri.is_turn());
    match uris.iter().any(is_turn) && username.is_none_or(str::is_empty) {
        true => {
            Err("--uri takes a turn: URI with --username: the name to authenticate with".to_owned())
        }
        false => Ok(()),
    }
}

fn ensure_no_user(homeserver: &str) -> Result<(), &'static str> {
    let has_user = Url::parse(homeserver)
        .is_ok_and(|url| url.password().is_some() || !url.username().is_empty());
    match has_user || homeserver.contains('@') {
        true => Err("--homeserver takes a URL without a user: give the name with --user, and the \
                     password in TURN_DOCTOR_PASSWORD"),
        false => Ok(()),
    }
}

const AFTER_HELP: &str = "\
Passwords are asked for, or read from TURN_DOCTOR_PASSWORD: the account's with
--user, the TURN server's with --username. Without --user, --homeserver takes an
access token from TURN_DOCTOR_ACCESS_TOKEN. --secret asks for the shared secret,
or reads it from TURN_DOCTOR_SECRET. NO_COLOR switches colours off, and
RUST_LOG=debug writes a log to stderr.

Exit status:
  0  everything relays; with --check, nothing is wrong
  1  something relays, and something does not; with --check, only warnings
  2  nothing relays; with --check, problems; with --secret, another secret
  3  it could not be asked: no homeserver, no login, wrong flags";

/// The first paragraph of an error of clap's, as one line.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{line}; --help lists the flags")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(flags: &str) -> Result<Command, String> {
        let flags = ["turn-doctor"].into_iter().chain(flags.split_whitespace());
        Args::parse_from_flags(flags).map_err(|error| one_line(&error))
    }

    fn parse(flags: &str) -> Result<Parsed, String> {
        match command(flags)? {
            Command::Examine(parsed) => Ok(*parsed),
            Command::Check(check) => Err(format!("{check:?}")),
        }
    }

    #[test]
    fn help_says_what_watch_does_and_names_no_single_homeserver() {
        let help = Args::command().render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains("Keep running: check again after each refresh"), "{help}");
        assert!(!help.contains("Synapse or coturn") && !help.contains("somebody"), "{help}");
    }

    #[test]
    fn check_takes_one_file_or_two() {
        let Ok(Command::Check(check)) = command("--check turnserver.conf homeserver.yaml") else {
            panic!("it is no check")
        };
        assert_eq!(check.turnserver_conf, PathBuf::from("turnserver.conf"));
        assert_eq!(check.homeserver_yaml, Some("homeserver.yaml".into()));
        assert!(matches!(command("--check a"), Ok(Command::Check(_))));
        for flags in ["--check", "--check a b c", "--check a --embedded", "--check a --watch"] {
            assert!(command(flags).is_err(), "{flags}");
        }
    }

    #[test]
    fn one_source_is_needed_and_no_more() {
        assert!(parse("").is_err());
        assert!(parse("--embedded --homeserver example.org").is_err());
        assert_eq!(parse("--embedded").unwrap().source, Source::Embedded);
        assert_eq!(parse("--from-json -").unwrap().source, Source::Saved("-".into()));
    }

    #[test]
    fn each_uri_that_cannot_be_tried_is_refused_and_no_password_repeated() {
        for flags in [
            "--uri http://example.org --username alice",
            "--uri turn:alice:s3cret@example.org --username alice",
            "--uri turn:a --uri turn: --username alice",
        ] {
            let error = parse(flags).unwrap_err();
            assert!(error.contains("cannot be used: "), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        let error = parse("--uri turn://a --uri turn:b/ --username alice").unwrap_err();
        assert!(error.contains("turn://a") && error.contains("turn:b/"), "{error}");
        let error = parse("--uri turn:a").unwrap_err();
        assert!(error.contains("--username"), "{error}");
        assert!(parse("--uri stun:a").is_ok());
    }

    #[test]
    fn several_uris_make_one_source() {
        let parsed = parse("--uri turn:a --uri turns:b --username alice").unwrap();
        let uris = vec!["turn:a".to_owned(), "turns:b".to_owned()];
        assert_eq!(parsed.source, Source::Given { uris, username: "alice".to_owned() });
    }

    #[test]
    fn a_password_in_a_url_is_not_printed() {
        for url in ["https://alice:s3cret@example.org", "alice:s3cret@example.org"] {
            let error = parse(&format!("--homeserver {url} --user alice")).unwrap_err();
            assert!(error.contains("TURN_DOCTOR_PASSWORD") && !error.contains("s3cret"), "{error}");
        }
    }
}
