//! The settings of coturn that the checks know, with coturn's own defaults. Facts are those of coturn 4.6.

/// What coturn makes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// On if it is there. A value has to be a boolean, or coturn does not start.
    Flag,
    /// A flag that ignores its value.
    PlainFlag,
    /// A number.
    Number,
    /// An IP address of this machine, or a host name.
    Address,
    /// `public` or `public/private`.
    ExternalAddress,
    /// `first` or `first-last`.
    AddressRange,
    /// The name of a file.
    File,
    /// A text.
    Text,
    /// A text that is never printed.
    Secret,
}

/// A setting of coturn.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What coturn uses where it is not set.
    pub(crate) default: Option<&'static str>,
}

/// Finds a setting by its name; `None` for one that the checks do not know.
pub(crate) fn setting(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

const fn flag(name: &'static str) -> Setting {
    Setting { name, kind: Kind::Flag, default: None }
}

const fn of(kind: Kind, name: &'static str) -> Setting {
    Setting { name, kind, default: None }
}

const fn number(name: &'static str, default: &'static str) -> Setting {
    Setting { name, kind: Kind::Number, default: Some(default) }
}

const SETTINGS: &[Setting] = &[
    // Addresses and ports.
    of(Kind::Address, "listening-ip"),
    of(Kind::Address, "relay-ip"),
    of(Kind::ExternalAddress, "external-ip"),
    number("listening-port", "3478"),
    number("tls-listening-port", "5349"),
    number("alt-listening-port", "0"),
    number("alt-tls-listening-port", "0"),
    of(Kind::Text, "aux-server"),
    number("min-port", "49152"),
    number("max-port", "65535"),
    flag("no-udp"),
    flag("no-tcp"),
    flag("no-tls"),
    flag("no-dtls"),
    flag("no-udp-relay"),
    flag("no-tcp-relay"),
    flag("stun-only"),
    flag("no-stun"),
    // Who may be reached.
    of(Kind::AddressRange, "allowed-peer-ip"),
    of(Kind::AddressRange, "denied-peer-ip"),
    flag("allow-loopback-peers"),
    flag("no-multicast-peers"),
    // Who may relay.
    of(Kind::PlainFlag, "use-auth-secret"),
    of(Kind::Secret, "static-auth-secret"),
    flag("lt-cred-mech"),
    flag("no-auth"),
    of(Kind::Secret, "user"),
    of(Kind::Text, "realm"),
    of(Kind::Text, "server-name"),
    flag("secure-stun"),
    Setting { name: "rest-api-separator", kind: Kind::Text, default: Some(":") },
    // Where users and secrets are kept.
    of(Kind::File, "userdb"),
    of(Kind::Secret, "psql-userdb"),
    of(Kind::Secret, "mysql-userdb"),
    of(Kind::Secret, "mongo-userdb"),
    of(Kind::Secret, "redis-userdb"),
    of(Kind::Secret, "redis-statsdb"),
    of(Kind::File, "secret-key-file"),
    // TLS.
    of(Kind::File, "cert"),
    of(Kind::File, "pkey"),
    of(Kind::Secret, "pkey-pwd"),
    of(Kind::File, "CA-file"),
    of(Kind::File, "dh-file"),
    Setting { name: "cipher-list", kind: Kind::Text, default: Some("DEFAULT") },
    flag("no-tlsv1"),
    flag("no-tlsv1_1"),
    flag("no-tlsv1_2"),
    // Limits. 0 is none.
    number("user-quota", "0"),
    number("total-quota", "0"),
    number("max-bps", "0"),
    number("bps-capacity", "0"),
    number("max-allocate-lifetime", "3600"),
    number("channel-lifetime", "600"),
    number("permission-lifetime", "300"),
    number("stale-nonce", "600"),
    // The process.
    of(Kind::Text, "proc-user"),
    of(Kind::Text, "proc-group"),
    of(Kind::Text, "log-file"),
    of(Kind::Text, "pidfile"),
    flag("verbose"),
    flag("fingerprint"),
    flag("mobility"),
    flag("no-cli"),
    Setting { name: "cli-ip", kind: Kind::Text, default: Some("127.0.0.1") },
    number("cli-port", "5766"),
    of(Kind::Secret, "cli-password"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_setting_stands_in_the_table_once() {
        let names: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
    }

    #[test]
    fn a_default_is_of_its_settings_kind() {
        for setting in SETTINGS.iter().filter(|setting| setting.kind == Kind::Number) {
            assert!(setting.default.unwrap().parse::<u32>().is_ok(), "{setting:?}");
        }
    }
}
