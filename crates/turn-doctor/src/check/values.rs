//! Values that coturn understands otherwise than they were meant.

use std::net::IpAddr;

use turn_probe::Severity::{Problem, Warning};

use super::{
    mistake::Mistake,
    settings::Kind,
    turnserver_conf::{Line, TurnserverConf, boolean, digits},
};

/// Checks each value by itself.
pub(super) fn check(conf: &TurnserverConf) -> Vec<Mistake> {
    conf.lines().iter().filter_map(check_line).collect()
}

fn check_line(line: &Line) -> Option<Mistake> {
    match line.setting.kind {
        Kind::PlainFlag => return None,
        Kind::Number => return number(line),
        _ => {}
    }
    comment(line).or_else(|| quotes(line)).or_else(|| type_of_value(line))
}

fn comment(line: &Line) -> Option<Mistake> {
    let is_comment = line.value.starts_with('#') || line.value.contains(" #");
    let advice = "Put the comment on a line of its own, and restart coturn.";
    let meaning = "coturn takes a comment behind a value for a part of the value.";
    (is_comment || line.value.contains("\t#"))
        .then(|| Mistake::at(line, Problem, "comment_in_value", meaning, advice))
}

fn quotes(line: &Line) -> Option<Mistake> {
    let value = &line.value;
    let is_quoted = value.len() > 1 && value.starts_with('\'') && value.ends_with('\'');
    let meaning = match (is_quoted, value.contains('"')) {
        (true, _) => "coturn takes the single quotes for a part of the value.",
        (false, true) => "coturn takes a double quote for a part of the value.",
        (false, false) => return None,
    };
    let advice = "Take the quotes away, and restart coturn.";
    Some(Mistake::at(line, Problem, "quotes_in_value", meaning, advice))
}

fn type_of_value(line: &Line) -> Option<Mistake> {
    let value = line.value.as_str();
    match line.setting.kind {
        Kind::Flag if boolean(value).is_none() => {
            let meaning = format!("coturn does not start: {value:?} is not a boolean.");
            let advice = "Leave the value out, or write yes or no.";
            Some(Mistake::at(line, Problem, "not_a_boolean", meaning, advice))
        }
        Kind::AddressRange if range(value).is_none() => {
            let (meaning, advice) = wrong_range(value);
            Some(Mistake::at(line, Problem, "not_a_range", meaning, advice))
        }
        Kind::Address | Kind::ExternalAddress | Kind::File | Kind::Secret if value.is_empty() => {
            let (meaning, advice) = ("It has no value.", "Give it one, or delete the line.");
            Some(Mistake::at(line, Warning, "empty_value", meaning, advice))
        }
        _ => None,
    }
}

/// coturn reads the digits at the beginning, so that a comment behind them does no harm.
fn number(line: &Line) -> Option<Mistake> {
    let value = line.value.as_str();
    let digits = digits(value);
    let rest = value[digits.len()..].trim_start();
    if value.is_empty() {
        return None;
    }
    if digits.parse::<u64>().is_err() {
        let meaning = format!("{value:?} is not a number that coturn can read.");
        return Some(Mistake::at(line, Problem, "not_a_number", meaning, "Write a number."));
    }
    let meaning = format!("coturn reads {digits}, and ignores the rest of {value:?}.");
    let advice = "Write a number without a unit.";
    (!rest.is_empty() && !rest.starts_with(['#', ';']))
        .then(|| Mistake::at(line, Warning, "not_a_number", meaning, advice))
}

fn wrong_range(value: &str) -> (String, &'static str) {
    match value.contains('/') {
        true => (
            format!("coturn does not know the form {value:?} with a slash, and ignores the line."),
            "Write the first and the last address: 10.0.0.0-10.255.255.255.",
        ),
        false => (
            format!(
                "{value:?} is neither an address nor a range of addresses: coturn ignores the line."
            ),
            "Write an address, or the first and the last one: 10.0.0.0-10.255.255.255.",
        ),
    }
}

/// The first and the last address of a range.
pub(super) fn range(value: &str) -> Option<(IpAddr, IpAddr)> {
    let (first, last) = value.split_once('-').unwrap_or((value, value));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    Some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<&'static str> {
        check(&TurnserverConf::parse(text)).iter().map(|mistake| mistake.code).collect()
    }

    #[test]
    fn a_comment_in_a_value_is_found() {
        assert_eq!(codes("static-auth-secret=abc # mine"), ["comment_in_value"]);
        assert_eq!(codes("no-tcp # not needed"), ["comment_in_value"]);
        // The flag ignores it, and a secret may have the sign in it.
        assert!(codes("use-auth-secret # yes\nstatic-auth-secret=a#b").is_empty());
    }

    #[test]
    fn a_number_may_have_a_comment_behind_it_and_no_unit() {
        for right in
            ["user-quota=50 # per user", "min-port=49152;", "max-port=50000 ; to", "max-bps=0"]
        {
            assert!(codes(right).is_empty(), "{right}");
        }
        for wrong in
            ["min-port=many", "min-port=# 49152", "max-bps=-1", "max-bps=99999999999999999999"]
        {
            assert_eq!(codes(wrong), ["not_a_number"], "{wrong}");
        }
        let conf = TurnserverConf::parse("max-bps=5M");
        let found = &check(&conf)[0];
        assert_eq!((found.severity, found.code), (Warning, "not_a_number"));
        assert!(found.meaning.contains("reads 5,"), "{found:?}");
    }

    #[test]
    fn quotes_that_coturn_does_not_take_off_are_found() {
        assert_eq!(codes("static-auth-secret='abc'"), ["quotes_in_value"]);
        assert_eq!(codes("realm=\"a\" b"), ["quotes_in_value"]);
        assert!(codes("realm=\"a\"\nstatic-auth-secret=it's").is_empty());
    }

    #[test]
    fn a_value_of_the_wrong_type_is_found() {
        assert_eq!(codes("no-tcp=perhaps"), ["not_a_boolean"]);
        assert_eq!(codes("denied-peer-ip=10.0.0.0/8"), ["not_a_range"]);
        assert_eq!(codes("denied-peer-ip=everything"), ["not_a_range"]);
        assert_eq!(codes("relay-ip="), ["empty_value"]);
        assert!(codes("stale-nonce\ndenied-peer-ip=::1-::2\nno-tcp=no").is_empty());
    }
}
