//! ICE URIs and credentials, and what becomes of them in the words of each transport.

mod conversions;
mod uri;

use matrix_sdk_turn::TurnServer;

use crate::secret::MARK;

/// More bring nothing new, and take time.
const MAX_URIS: usize = 4;

/// An input is a username, a password, and URIs, a line each.
pub fn ice(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut lines = text.split('\n');
    let [username, password] = [(); 2].map(|()| secret(lines.next().unwrap_or_default()));
    let uris: Vec<String> = lines.take(MAX_URIS).map(str::to_owned).collect();

    uris.iter().for_each(|text| uri::check(text));
    let server = TurnServer::new(uris.clone(), &*username, &*password);
    check_server(&uris, &server);
    conversions::check(&server, &username, &password);
}

/// Empty if the line is, since nothing is a case of its own.
fn secret(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!("{MARK}{line}") }
}

/// Every URI is kept, or left out for a reason, in the order they came in.
fn check_server(uris: &[String], server: &TurnServer) {
    let mut kept = server.uris().iter();
    let mut left_out = server.left_out().iter();
    for uri in uris {
        match uri.parse::<matrix_sdk_turn::IceUri>() {
            Ok(parsed) => assert_eq!(kept.next(), Some(&parsed.to_string())),
            Err(reason) => {
                let other = left_out.next().expect("it is not kept, so it is left out");
                assert_eq!((&other.uri, other.reason), (uri, reason));
                assert_eq!(
                    format!("{other:?}"),
                    format!("LeftOutUri {{ reason: {reason:?}, .. }}"),
                    "the URI is not shown"
                );
            }
        }
    }
    assert_eq!((kept.next(), left_out.next()), (None, None));
    assert!(server.ice_uris().map(|uri| uri.to_string()).eq(server.uris().iter().cloned()));
}
