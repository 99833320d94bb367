//! The command line.

use std::{ffi::OsString, time::Duration};

use clap::{Args as ClapArgs, CommandFactory, Parser, error::ErrorKind};
use matrix_sdk::ruma::OwnedRoomId;
use turn_embedded::Fault;
use url::Url;

/// A homeserver, a TURN server, a Matrix client and a widget in one process, to watch
/// matrix-sdk-turn at work.
///
/// The widget asks for the TURN servers by MSC3846, and asks the TURN server for a relay with every
/// set of credentials that it is sent.
#[derive(Debug, Parser)]
#[command(name = "turn-demo", version, after_help = AFTER_HELP, max_term_width = 80)]
pub(crate) struct Args {
    /// End after this many updates; without it, Ctrl-C ends the program
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) updates: Option<u32>,

    #[command(flatten)]
    pub(crate) page: PageArgs,

    #[command(flatten)]
    pub(crate) embedded: EmbeddedArgs,

    #[command(flatten)]
    real: RealArgs,
}

/// Whether there is a page to watch and break.
#[derive(Debug, ClapArgs)]
pub(crate) struct PageArgs {
    /// Serve no page
    #[arg(long, conflicts_with = "open")]
    no_page: bool,

    /// Open the page in the desktop's browser
    #[arg(long, conflicts_with = "homeserver")]
    pub(crate) open: bool,
}

impl Args {
    /// The page has servers of its own, to break. With a real homeserver there is none.
    pub(crate) fn serves_page(&self) -> bool {
        !self.page.no_page && self.real.homeserver.is_none()
    }
}

/// How the embedded homeserver behaves.
#[derive(Debug, ClapArgs)]
pub(crate) struct EmbeddedArgs {
    /// For how long the embedded homeserver's TURN credentials are valid, from 1 to 86400
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "30",
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(1..=86_400),
        conflicts_with = "homeserver"
    )]
    ttl: u32,

    /// What goes wrong at the embedded homeserver
    #[arg(long, conflicts_with = "homeserver")]
    pub(crate) fault: Option<Fault>,
}

impl EmbeddedArgs {
    pub(crate) fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl.into())
    }
}

#[derive(Debug, ClapArgs)]
struct RealArgs {
    /// Use this homeserver and its TURN server instead of the embedded ones
    // Not parsed by clap, which would print a password in it.
    #[arg(long, value_name = "URL", requires_all = ["user", "room"])]
    homeserver: Option<String>,

    /// Whom to log in as: `alice`, or `@alice:example.org`
    #[arg(long, value_name = "NAME", requires = "homeserver")]
    user: Option<String>,

    /// The ID of a room that the user has joined, where the widget is
    #[arg(long, value_name = "ID", requires = "homeserver")]
    room: Option<OwnedRoomId>,
}

/// An account, and a room that it has joined.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) homeserver: Url,
    pub(crate) user: String,
    pub(crate) room: OwnedRoomId,
}

impl Args {
    /// The flags, and the account on a real homeserver; `None` if everything is embedded.
    pub(crate) fn parse_from_flags(
        flags: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<(Self, Option<Account>), clap::Error> {
        let args = Self::try_parse_from(flags)?;
        let account = args
            .real
            .account()
            .map_err(|why| Self::command().error(ErrorKind::ValueValidation, why))?;
        Ok((args, account))
    }
}

impl RealArgs {
    fn account(&self) -> Result<Option<Account>, &'static str> {
        // clap makes sure that there are all three or none.
        let (Some(homeserver), Some(user), Some(room)) = (&self.homeserver, &self.user, &self.room)
        else {
            return Ok(None);
        };
        let homeserver = http_url(homeserver)?;
        Ok(Some(Account { homeserver, user: user.clone(), room: room.clone() }))
    }
}

const AFTER_HELP: &str = "\
Enter prints what the library knows right now, as JSON.
The password for --homeserver is read from TURN_DEMO_PASSWORD, or else asked for.
RUST_LOG=debug writes a log to stderr.

Exit status:
  0  the updates asked for have come, or Ctrl-C was pressed
  1  something failed: no homeserver, no login, not in the room, an error in answer to the
     widget's watch, no relay from the TURN server
  2  wrong flags";

fn http_url(url: &str) -> Result<Url, &'static str> {
    const EXPECTED: &str = "--homeserver takes a URL like https://matrix.example.org";
    let url = Url::parse(url).map_err(|_| EXPECTED)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(EXPECTED);
    }
    if url.password().is_some() || !url.username().is_empty() {
        return Err("--homeserver takes a URL without a user: give the name with --user, and the \
                    password in TURN_DEMO_PASSWORD");
    }
    Ok(url)
}

/// An error of clap's, as one line: what is wrong, and clap's tip if it has one.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let mut paragraphs = text.split("\n\n").map(str::trim);
    let what = paragraphs.next().unwrap_or_default();
    let tip = paragraphs.find(|paragraph| paragraph.starts_with("tip:"));
    let parts = [Some(what), tip, Some("--help lists the flags")];
    let in_one_line = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
    parts.into_iter().flatten().map(in_one_line).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(flags: &str) -> Result<(Args, Option<Account>), String> {
        let flags = ["turn-demo"].into_iter().chain(flags.split_whitespace());
        Args::parse_from_flags(flags).map_err(|error| one_line(&error))
    }

    const ACCOUNT: &str = "--homeserver http://127.0.0.1:8008 --user alice --room !a:b";

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_flags_everything_is_embedded() {
        let (args, account) = parse("").unwrap();
        assert_eq!(account, None);
        assert_eq!(args.embedded.ttl(), Duration::from_secs(30));
        assert_eq!(args.updates, None);
    }

    #[test]
    fn an_account_needs_homeserver_user_and_room() {
        let account = parse(ACCOUNT).unwrap().1.unwrap();
        assert_eq!(account.homeserver.as_str(), "http://127.0.0.1:8008/");
        assert_eq!(account.user, "alice");
        assert_eq!(account.room, "!a:b");

        let incomplete = [
            "--homeserver http://127.0.0.1:8008",
            "--homeserver http://127.0.0.1:8008 --user alice",
            "--homeserver http://127.0.0.1:8008 --room !a:b",
            "--user alice",
            "--room !a:b",
            "--user alice --room !a:b",
        ];
        for flags in incomplete {
            assert!(parse(flags).unwrap_err().contains("not provided"), "{flags}");
        }
    }

    #[test]
    fn there_is_a_page_unless_it_is_left_out_or_the_homeserver_is_real() {
        assert!(parse("").unwrap().0.serves_page());
        assert!(!parse("--no-page").unwrap().0.serves_page());
        assert!(!parse(ACCOUNT).unwrap().0.serves_page());
        assert!(parse("--no-page --open").unwrap_err().contains("cannot be used with"));
    }

    #[test]
    fn a_real_homeserver_takes_neither_ttl_nor_fault() {
        for flag in ["--ttl 30", "--fault outage"] {
            let error = parse(&format!("{ACCOUNT} {flag}")).unwrap_err();
            assert!(error.contains("cannot be used with"), "{error}");
        }
    }

    #[test]
    fn a_mistake_is_told_with_what_was_meant() {
        let tip = parse("--falut outage").unwrap_err();
        assert!(tip.contains("'--falut' found") && tip.contains("'--fault'"), "{tip}");
        let range = parse("--ttl -1").unwrap_err();
        assert!(range.contains("-1 is not in 1..=86400"), "{range}");
    }

    #[test]
    fn nonsense_is_refused_in_one_line() {
        let nonsense = [
            "--ttl 0",
            "--ttl 86401",
            "--ttl -1",
            "--ttl soon",
            "--updates 0",
            "--updates -1",
            "--fault none",
            "--password x",
            "--homeserver a --user a --room !a:b",
            "--homeserver ftp://a --user a --room !a:b",
            "--homeserver http:// --user a --room !a:b",
            "--homeserver http://alice:secret@a --user a --room !a:b",
            "--homeserver http://a --user a --room lobby",
            "stray",
        ];
        for flags in nonsense {
            let error = parse(flags).unwrap_err();
            assert!(error.starts_with("error: ") && !error.contains('\n'), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
