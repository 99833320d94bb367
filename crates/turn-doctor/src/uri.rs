//! What is wrong with a URI, for people.

use matrix_sdk_turn::IceUri;
use turn_probe::Text;

/// Names a URI, and says what is wrong with it; `None` if it can be used.
pub(crate) fn mistake(uri: &str) -> Option<String> {
    let why = uri.parse::<IceUri>().err()?;
    // A user before the host may have a password.
    let name = match uri.contains('@') {
        true => "a URI".to_owned(),
        false => format!("{:?}", Text::new(uri)),
    };
    let rest = uri.split_once(':').map_or(uri, |(_scheme, rest)| rest);
    let what = match rest.split_once('?') {
        _ if uri.trim() != uri => "there are spaces around it".to_owned(),
        Some((host, _query)) if !host.starts_with('/') && host.ends_with('/') => {
            "there is a slash before `?`".to_owned()
        }
        None if !rest.starts_with('/') && rest.ends_with('/') => {
            "there is a slash at its end".to_owned()
        }
        _ => why.to_string(),
    };
    Some(format!("{name} cannot be used: {what}"))
}

/// The mistakes of several URIs, each.
pub(crate) fn mistakes<'a>(uris: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    uris.into_iter().filter_map(mistake).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_names_the_uri_and_what_is_wrong() {
        let uris = [
            "turn:a/?transport=udp",
            "turn:b/",
            "turn://c",
            " turn:d",
            "turn:e:0",
            "turn:f?transport=udp",
        ];
        let expected = [
            "\"turn:a/?transport=udp\" cannot be used: there is a slash before `?`",
            "\"turn:b/\" cannot be used: there is a slash at its end",
            "\"turn://c\" cannot be used: a slash follows its scheme, where the host belongs",
            "\" turn:d\" cannot be used: there are spaces around it",
            "\"turn:e:0\" cannot be used: its port is not a number from 1 to 65535",
        ];
        assert_eq!(mistakes(uris), expected);
    }

    #[test]
    fn a_uri_with_a_user_is_not_shown() {
        let mistake = mistake("turn:alice:s3cret@a").unwrap();
        assert!(mistake.starts_with("a URI cannot be used"), "{mistake}");
    }
}
