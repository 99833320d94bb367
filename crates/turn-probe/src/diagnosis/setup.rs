//! Which software is set up wrong, so that advice names its own settings.

use crate::{failure::Text, step::Step};

/// The software on both sides, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Setup {
    pub(super) homeserver: Homeserver,
    pub(super) turn: TurnSoftware,
}

/// The homeserver's software.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Homeserver {
    /// Synapse, with homeserver.yaml.
    Synapse,
    /// Dendrite, with dendrite.yaml.
    Dendrite,
    /// Conduit, with `[global]` or `[turn]` in conduit.toml.
    Conduit,
    /// conduwuit and what came of it (continuwuity, tuwunel), with `[global]` in their file.
    Conduwuit,
    /// Another one, or it is not known.
    #[default]
    Unknown,
}

impl Homeserver {
    /// By the name in the answer of `/_matrix/federation/v1/version`.
    pub fn named(name: &str) -> Self {
        match name.to_lowercase().as_str() {
            "synapse" => Self::Synapse,
            "dendrite" => Self::Dendrite,
            "conduit" => Self::Conduit,
            "conduwuit" | "continuwuity" | "tuwunel" | "grapevine" => Self::Conduwuit,
            _ => Self::Unknown,
        }
    }

    /// Where the URIs are set.
    pub(super) fn uris(self) -> String {
        let Settings { uris, file, .. } = self.settings();
        format!("{uris}{file}")
    }

    /// Where the shared secret is set, in the words of this software.
    pub fn secret(self) -> String {
        let Settings { secret, file, .. } = self.settings();
        format!("{secret}{file}")
    }

    /// Where both are set.
    pub(super) fn uris_and_secret(self) -> String {
        let Settings { uris, secret, file, .. } = self.settings();
        format!("{uris} and {secret}{file}")
    }

    /// Where everything is set that a TURN server takes.
    pub(super) fn uris_and_credentials(self) -> String {
        let Settings { uris, secret, user, file, .. } = self.settings();
        format!("{uris} and either {secret} or {user}{file}")
    }

    /// Where a username and a password are set, in the words of this software.
    pub fn user(self) -> String {
        let Settings { user, file, .. } = self.settings();
        format!("{user}{file}")
    }

    /// Where the lifetime of credentials is set.
    pub(super) fn lifetime(self) -> String {
        let Settings { lifetime, file, .. } = self.settings();
        format!("{lifetime}{file}")
    }

    fn settings(self) -> Settings {
        let of_synapse = Settings {
            uris: "`turn_uris`",
            secret: "`turn_shared_secret`",
            user: "`turn_username` and `turn_password`",
            lifetime: "`turn_user_lifetime`",
            file: " in homeserver.yaml",
        };
        let of_conduwuit = Settings {
            secret: "`turn_secret`",
            lifetime: "`turn_ttl`",
            file: " in the homeserver's TOML file",
            ..of_synapse
        };
        match self {
            Self::Synapse => of_synapse,
            Self::Dendrite => {
                Settings { file: " under `client_api.turn` in dendrite.yaml", ..of_synapse }
            }
            Self::Conduit => Settings {
                file: " under `[global]` in conduit.toml (or under `[turn]`, without `turn_`)",
                ..of_conduwuit
            },
            Self::Conduwuit => of_conduwuit,
            Self::Unknown => Settings {
                uris: "the homeserver's list of TURN URIs (`turn_uris` in Synapse)",
                secret: "the homeserver's shared TURN secret (`turn_shared_secret` in Synapse)",
                user: "the homeserver's TURN username and password (`turn_username` and \
                       `turn_password` in Synapse)",
                lifetime: "the homeserver's lifetime of TURN credentials (`turn_user_lifetime` in \
                           Synapse)",
                file: "",
            },
        }
    }

    /// How guests are given TURN servers.
    pub(super) fn guests(self) -> &'static str {
        match self {
            Self::Synapse => "set `turn_allow_guests: true` in homeserver.yaml",
            Self::Conduwuit => "set `turn_allow_guests = true` in the homeserver's TOML file",
            _ => {
                "let the homeserver give guests TURN servers (`turn_allow_guests: true` in Synapse)"
            }
        }
    }
}

/// How a homeserver's settings are called, and where they are.
#[derive(Clone, Copy)]
struct Settings {
    uris: &'static str,
    secret: &'static str,
    user: &'static str,
    lifetime: &'static str,
    /// Follows a setting, or several.
    file: &'static str,
}

/// The TURN server's software, by its SOFTWARE attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum TurnSoftware {
    Coturn,
    Eturnal,
    /// One that is known by name only.
    Other(Text),
    #[default]
    Unknown,
}

impl TurnSoftware {
    /// What the servers of all steps call themselves; unknown if they are of several kinds.
    pub(super) fn of(steps: &[Step]) -> Self {
        let mut names = steps.iter().filter_map(|step| step.server_name.as_ref()).map(Self::named);
        match names.next() {
            Some(name) if names.all(|other| other == name) => name,
            _ => Self::Unknown,
        }
    }

    fn named(name: &Text) -> Self {
        let lower = name.as_str().to_lowercase();
        if lower.contains("coturn") {
            Self::Coturn
        } else if lower.contains("eturnal") {
            Self::Eturnal
        } else {
            Self::Other(name.clone())
        }
    }

    /// The words for this server: coturn's, eturnal's, or a description, which may name coturn's setting.
    pub(super) fn says(&self, coturn: &str, eturnal: &str, otherwise: &str) -> String {
        match self {
            Self::Coturn => coturn,
            Self::Eturnal => eturnal,
            Self::Other(_) | Self::Unknown => otherwise,
        }
        .to_owned()
    }

    /// The server, by its name.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Coturn => "coturn".to_owned(),
            Self::Eturnal => "eturnal".to_owned(),
            Self::Other(name) => format!("the TURN server ({name})"),
            Self::Unknown => "the TURN server".to_owned(),
        }
    }

    /// Where the ports of relays are set, and which they are.
    pub(super) fn relay_ports(&self) -> String {
        self.says(
            "the ports from `min-port` to `max-port` in turnserver.conf (49152 to 65535 unless set)",
            "the ports from `relay_min_port` to `relay_max_port` in eturnal.yml (49152 to 65535 unless set)",
            "the TURN server's ports for relays (in coturn from `min-port` to `max-port`, 49152 to 65535 \
             unless set)",
        )
    }

    /// How relays are given the public address, although the server has a private one.
    pub(super) fn external_ip(&self, public: &str, private: &str) -> String {
        self.says(
            &format!(
                "set `external-ip={public}/{private}` (the public address first) in turnserver.conf"
            ),
            &format!("set `relay_ipv4_addr: \"{public}\"` in eturnal.yml"),
            &format!(
                "give the TURN server's relays the public address (in coturn \
                 `external-ip={public}/{private}`, the public address first)"
            ),
        )
    }
}
