//! The embedded homeserver and TURN server, and what the report says of them.

use std::time::Duration;

use turn_embedded::{EmbeddedServers, USER, room_id};

use crate::{
    account::Login,
    args::{Account, EmbeddedArgs},
    report::{Report, Speaker},
    words::in_words,
};

/// Two thirds of it are the 10 s that the library leaves between a success and the next request.
const LEAST_TTL: Duration = Duration::from_secs(15);

pub(crate) async fn start(args: &EmbeddedArgs, report: &Report) -> anyhow::Result<EmbeddedServers> {
    let servers = EmbeddedServers::start(args.ttl(), args.fault).await?;
    let EmbeddedServers { homeserver, turn_server, .. } = &servers;

    report.line(Speaker::TurnServer, format_args!("listens on {}/udp", turn_server.address()));
    let ttl = in_words(args.ttl());
    report.line(
        Speaker::Homeserver,
        format_args!("listens on {}, credentials hold {ttl}", homeserver.url()),
    );
    if args.ttl() < LEAST_TTL {
        report.bad(
            Speaker::Client,
            format_args!(
                "asks once in 10 s at most: below a TTL of {}, credentials are refreshed late, or \
                 run out",
                in_words(LEAST_TTL)
            ),
        );
    }
    Ok(servers)
}

/// The login of the homeserver's only account.
pub(crate) fn login(servers: &EmbeddedServers) -> Login {
    let homeserver = &servers.homeserver;
    let account =
        Account { homeserver: homeserver.url().clone(), user: USER.to_owned(), room: room_id() };
    Login { account, password: homeserver.password().to_owned() }
}
