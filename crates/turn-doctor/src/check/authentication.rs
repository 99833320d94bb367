//! Who may relay: coturn's settings, and whether Synapse's fit them.

use turn_probe::Severity::{self, Problem, Warning};

use super::{
    homeserver_yaml::HomeserverYaml,
    mistake::{Mistake, Which},
    turnserver_conf::TurnserverConf,
};

/// coturn's databases, which may hold users and secrets.
const DATABASES: [&str; 5] =
    ["userdb", "psql-userdb", "mysql-userdb", "mongo-userdb", "redis-userdb"];

/// Checks how coturn authenticates.
pub(super) fn check(conf: &TurnserverConf) -> Vec<Mistake> {
    mechanism(conf).into_iter().chain(no_realm(conf)).collect()
}

fn mechanism(conf: &TurnserverConf) -> Option<Mistake> {
    let mistake = |severity, setting, code, meaning: &str, advice: &str| {
        Some(Mistake::about(Which::Coturn, setting, severity, code, meaning, advice))
    };
    let authenticates = has_secrets(conf) || conf.is_on("lt-cred-mech");
    if conf.is_on("no-auth") {
        if authenticates {
            let meaning = "coturn does not start with `no-auth` beside a way to authenticate.";
            return mistake(Problem, "no-auth", "auth_contradiction", meaning, "Delete `no-auth`.");
        }
        let meaning = "Anyone on the internet can relay through this server.";
        let advice = "Set `use-auth-secret` and `static-auth-secret` instead of `no-auth`.";
        return mistake(Warning, "no-auth", "open_relay", meaning, advice);
    }
    if !authenticates && !has_users(conf) && !conf.is_on("stun-only") {
        let meaning =
            "coturn has no way to authenticate, so anyone on the internet can relay through it.";
        let advice = "Set `use-auth-secret`, and `static-auth-secret` to the value of \
                      `turn_shared_secret` in homeserver.yaml.";
        return mistake(Problem, "use-auth-secret", "open_relay", meaning, advice);
    }
    let has_secret = conf.line("static-auth-secret").is_some() || has_database(conf);
    if conf.is_on("use-auth-secret") && !has_secret {
        let meaning = "`use-auth-secret` is set, and there is no secret, unless one is in coturn's own \
                       database.";
        let advice =
            "Set `static-auth-secret` to the value of `turn_shared_secret` in homeserver.yaml.";
        return mistake(Problem, "static-auth-secret", "no_secret", meaning, advice);
    }
    None
}

fn no_realm(conf: &TurnserverConf) -> Option<Mistake> {
    let meaning = "There is no realm, so coturn uses the machine's own domain, or none.";
    let advice = "Set `realm` to the TURN server's name.";
    (has_secrets(conf) && conf.line("realm").is_none())
        .then(|| Mistake::about(Which::Coturn, "realm", Warning, "no_realm", meaning, advice))
}

/// A secret switches the mechanism on by itself.
fn has_secrets(conf: &TurnserverConf) -> bool {
    conf.is_on("use-auth-secret") || conf.line("static-auth-secret").is_some()
}

/// Users switch `lt-cred-mech` on by themselves, as coturn 4.6.1 says when it starts.
fn has_users(conf: &TurnserverConf) -> bool {
    conf.line("user").is_some()
}

fn has_database(conf: &TurnserverConf) -> bool {
    DATABASES.iter().any(|name| conf.line(name).is_some())
}

/// Checks what Synapse hands out against what coturn accepts.
pub(super) fn check_pair(conf: &TurnserverConf, yaml: &HomeserverYaml) -> Vec<Mistake> {
    let is_secret_set =
        yaml.get("turn_shared_secret").is_some() || yaml.get("turn_shared_secret_path").is_some();
    if is_secret_set {
        return shared_secret(conf, yaml).into_iter().collect();
    }
    match (yaml.text("turn_username"), yaml.text("turn_password")) {
        (Some(name), Some(password)) => {
            fixed_password(conf, yaml, name, password).into_iter().collect()
        }
        _ => vec![mistake(
            yaml,
            "turn_shared_secret",
            Problem,
            "no_secret",
            "Synapse has no secret to make credentials with, and hands out no TURN server.",
            "Set `turn_shared_secret` to the value of `static-auth-secret` in turnserver.conf.",
        )],
    }
}

fn mistake(
    yaml: &HomeserverYaml,
    setting: &'static str,
    severity: Severity,
    code: &'static str,
    meaning: &str,
    advice: &str,
) -> Mistake {
    let mistake = Mistake::about(Which::Homeserver, setting, severity, code, meaning, advice);
    Mistake { line: yaml.line(setting), ..mistake }
}

fn shared_secret(conf: &TurnserverConf, yaml: &HomeserverYaml) -> Option<Mistake> {
    let [inline, in_file] = ["turn_shared_secret", "turn_shared_secret_path"];
    let problem = |setting, code, meaning: &str, advice: &str| {
        Some(mistake(yaml, setting, Problem, code, meaning, advice))
    };
    if yaml.get(inline).is_some() && yaml.get(in_file).is_some() {
        let meaning = "Synapse does not start with both `turn_shared_secret` and its path.";
        return problem(in_file, "two_secrets", meaning, "Delete one of them.");
    }
    if yaml.get(inline).is_some_and(|value| !value.is_string()) {
        let meaning = "The secret is not a text for YAML, but a number, a list or something else.";
        return problem(inline, "secret_is_no_text", meaning, "Put it in double quotes.");
    }
    let Some(secret) = yaml.shared_secret() else {
        let meaning = "The file with the secret cannot be read.";
        let advice = "Name a file that Synapse can read, and run this as a user who can, too.";
        return problem(in_file, "secret_unreadable", meaning, advice);
    };
    let setting = if yaml.get(inline).is_some() { inline } else { in_file };
    let theirs: Vec<&str> =
        conf.all("static-auth-secret").map(|line| line.value.as_str()).collect();
    let is_asked_for_users = conf.is_on("lt-cred-mech") || has_users(conf);
    if !has_secrets(conf) && is_asked_for_users && !conf.is_on("no-auth") && !has_database(conf) {
        let meaning =
            "Synapse makes credentials with a secret, and coturn, which has none, rejects them.";
        let advice = "Set `use-auth-secret` and `static-auth-secret` in turnserver.conf to this secret, \
                      instead of `lt-cred-mech` and `user`.";
        return problem(setting, "no_secret_in_coturn", meaning, advice);
    }
    if theirs.is_empty() || theirs.contains(&secret.as_str()) {
        return None;
    }
    let meaning = match theirs.iter().any(|theirs| plain(theirs) == plain(&secret)) {
        true => {
            "It differs from `static-auth-secret` in turnserver.conf by quotes, a space, a semicolon or \
             a comment, so coturn rejects all credentials."
        }
        false => {
            "It differs from `static-auth-secret` in turnserver.conf, so coturn rejects all \
             credentials."
        }
    };
    let advice = "Give both the same value, without quotes in turnserver.conf, and restart both.";
    problem(setting, "secrets_differ", meaning, advice)
}

/// A secret without what people put around it.
fn plain(secret: &str) -> &str {
    let secret = secret.split([' ', '\t']).find(|word| !word.is_empty()).unwrap_or_default();
    secret.trim_matches(['"', '\'', ';'])
}

fn fixed_password(
    conf: &TurnserverConf,
    yaml: &HomeserverYaml,
    name: &str,
    password: &str,
) -> Option<Mistake> {
    let problem = |code, meaning: &str, advice: &str| {
        Some(mistake(yaml, "turn_username", Problem, code, meaning, advice))
    };
    if has_secrets(conf) {
        let meaning = "Synapse hands out a fixed name, and coturn accepts only credentials that are \
                       made with its secret.";
        let advice = "Set `turn_shared_secret` to the value of `static-auth-secret`, and delete \
                      `turn_username` and `turn_password`.";
        return problem("fixed_name_with_secret", meaning, advice);
    }
    let mut users = conf.all("user").filter_map(|line| line.value.split_once(':'));
    let (_, theirs) = users.find(|(user, _)| *user == name)?;
    // A key instead of a password begins like this, and cannot be compared.
    if theirs == password || theirs.starts_with("0x") {
        return None;
    }
    let meaning = "`turn_password` differs from the password of `user` in turnserver.conf.";
    problem("passwords_differ", meaning, "Give both the same password, and restart both.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(conf: &str) -> Vec<&'static str> {
        check(&TurnserverConf::parse(conf)).iter().map(|mistake| mistake.code).collect()
    }

    fn pair(conf: &str, yaml: &str) -> Vec<Mistake> {
        check_pair(&TurnserverConf::parse(conf), &HomeserverYaml::parse(yaml).unwrap())
    }

    fn codes(conf: &str, yaml: &str) -> Vec<&'static str> {
        pair(conf, yaml).iter().map(|mistake| mistake.code).collect()
    }

    #[test]
    fn ways_to_authenticate_that_do_not_go_together_are_found() {
        assert_eq!(alone("no-auth"), ["open_relay"]);
        assert_eq!(alone("no-auth\nlt-cred-mech"), ["auth_contradiction"]);
        assert_eq!(alone("use-auth-secret\nrealm=a"), ["no_secret"]);
        assert_eq!(alone("static-auth-secret=a"), ["no_realm"]);
        assert!(alone("use-auth-secret\nrealm=a\nuserdb=/var/lib/turn/turndb").is_empty());
    }

    #[test]
    fn a_relay_that_is_open_to_anyone_is_found() {
        assert_eq!(alone("realm=a"), ["open_relay"]);
        assert_eq!(alone("realm=a\nuserdb=/var/lib/turn/turndb"), ["open_relay"]);
        for closed in ["lt-cred-mech", "user=alice:p", "stun-only", "use-auth-secret\nuserdb=/a"] {
            assert!(alone(&format!("realm=a\n{closed}")).is_empty(), "{closed}");
        }
    }

    #[test]
    fn a_secret_of_synapse_that_coturn_does_not_ask_for_is_found() {
        let yaml = "turn_shared_secret: abc";
        for conf in ["lt-cred-mech\nuser=alice:p", "user=alice:p", "lt-cred-mech"] {
            assert_eq!(codes(conf, yaml), ["no_secret_in_coturn"], "{conf}");
        }
        for conf in ["lt-cred-mech\nuse-auth-secret\nuserdb=/a", "lt-cred-mech\npsql-userdb=a"] {
            assert!(codes(conf, yaml).is_empty(), "{conf}");
        }
    }

    #[test]
    fn secrets_that_differ_are_found_and_not_shown() {
        let mistakes = pair("static-auth-secret=northern", "turn_shared_secret: southern");
        assert_eq!(mistakes[0].code, "secrets_differ");
        let shown = format!("{mistakes:?}");
        assert!(!shown.contains("northern") && !shown.contains("southern"), "{shown}");
        assert!(codes("static-auth-secret=abc", "turn_shared_secret: abc").is_empty());
        let two = "static-auth-secret=abc\nstatic-auth-secret=def";
        assert!(codes(two, "turn_shared_secret: abc").is_empty(), "coturn takes both");
    }

    #[test]
    fn secrets_that_differ_by_quotes_or_a_comment_are_said_to() {
        for conf in
            ["static-auth-secret='abc'", "static-auth-secret=abc # mine", "static-auth-secret=abc;"]
        {
            let mistakes = pair(conf, "turn_shared_secret: abc");
            assert!(
                mistakes[0].meaning.contains("by quotes, a space, a semicolon or"),
                "{mistakes:?}"
            );
        }
    }

    #[test]
    fn what_synapse_cannot_use_is_found() {
        let conf = "static-auth-secret=abc";
        assert_eq!(codes(conf, "turn_shared_secret: 123"), ["secret_is_no_text"]);
        assert_eq!(codes(conf, "server_name: a"), ["no_secret"]);
        let both = "turn_shared_secret: abc\nturn_shared_secret_path: /a";
        assert_eq!(codes(conf, both), ["two_secrets"]);
        assert_eq!(codes(conf, "turn_shared_secret_path: /nowhere/at/all"), ["secret_unreadable"]);
    }

    #[test]
    fn a_fixed_password_is_compared() {
        let yaml = "turn_username: alice\nturn_password: p1";
        assert_eq!(codes("static-auth-secret=abc", yaml), ["fixed_name_with_secret"]);
        assert_eq!(codes("lt-cred-mech\nuser=alice:p2", yaml), ["passwords_differ"]);
        assert!(codes("lt-cred-mech\nuser=alice:p1", yaml).is_empty());
        assert!(codes("lt-cred-mech\nuser=alice:0xabc", yaml).is_empty());
    }
}
