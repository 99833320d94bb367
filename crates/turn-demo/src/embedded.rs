//! The embedded homeserver and TURN server, and what the report says of them.

use turn_embedded::{EmbeddedServers, USER, room_id};

use crate::{
    account::Login,
    args::{Account, EmbeddedArgs},
    report::{Report, Speaker},
};

pub(crate) async fn start(args: &EmbeddedArgs, report: &Report) -> anyhow::Result<EmbeddedServers> {
    let servers = EmbeddedServers::start(args.ttl(), args.fault).await?;
    let EmbeddedServers { homeserver, turn_server, .. } = &servers;

    report.line(Speaker::TurnServer, format_args!("listens on {}/udp", turn_server.address()));
    let ttl = args.ttl().as_secs();
    report.line(
        Speaker::Homeserver,
        format_args!("listens on {}, credentials are valid for {ttl} s", homeserver.url()),
    );
    Ok(servers)
}

/// The login of the homeserver's only account.
pub(crate) fn login(servers: &EmbeddedServers) -> Login {
    let homeserver = &servers.homeserver;
    let account =
        Account { homeserver: homeserver.url().clone(), user: USER.to_owned(), room: room_id() };
    Login { account, password: homeserver.password().to_owned() }
}
