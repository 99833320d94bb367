//! `--check`: reads the configurations of coturn and Synapse, and says what is wrong with them, without
//! any network.

mod addresses;
mod authentication;
mod homeserver_yaml;
mod machine;
mod mistake;
mod report;
mod settings;
mod tls;
mod turnserver_conf;
mod uris;
mod values;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use turn_probe::Severity;
use zeroize::Zeroizing;

use self::{
    homeserver_yaml::HomeserverYaml, machine::Machine, mistake::Mistake,
    turnserver_conf::TurnserverConf,
};
use crate::{file::read_to_end, output};

/// The longest configuration that is read. coturn's own example has 30 kB.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What is checked, and how it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) turnserver_conf: PathBuf,
    pub(crate) homeserver_yaml: Option<PathBuf>,
    pub(crate) json: bool,
}

/// Checks, prints what is wrong, and returns the exit status.
pub(crate) fn run(check: &Check) -> anyhow::Result<u8> {
    let conf = TurnserverConf::parse(&read(&check.turnserver_conf)?);
    if conf.is_something_else() {
        bail!(
            "{} holds no setting of coturn: name turnserver.conf first, and then homeserver.yaml",
            check.turnserver_conf.display()
        );
    }
    let yaml = match &check.homeserver_yaml {
        Some(file) => Some(
            HomeserverYaml::parse(&read(file)?)
                .with_context(|| format!("{} cannot be read", file.display()))?,
        ),
        None => None,
    };
    let mistakes = mistakes(&conf, yaml.as_ref(), &Machine::this());
    match check.json {
        true => output::json(&report::json(&mistakes))?,
        false => output::text(&report::text(&mistakes, yaml.is_some()))?,
    }
    Ok(status(&mistakes))
}

/// 0 if calls work, 1 if some may not, 2 if they do not.
fn status(mistakes: &[Mistake]) -> u8 {
    match mistakes.iter().map(|mistake| mistake.severity).min() {
        Some(Severity::Problem) => 2,
        Some(Severity::Warning) => 1,
        _ => 0,
    }
}

fn read(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let bytes = File::open(file).and_then(|file| read_to_end(file, MAX_FILE_BYTES));
    let bytes = bytes.with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}

fn mistakes(
    conf: &TurnserverConf,
    yaml: Option<&HomeserverYaml>,
    machine: &Machine,
) -> Vec<Mistake> {
    let mut mistakes = values::check(conf);
    mistakes.extend(addresses::check(conf, machine));
    mistakes.extend(tls::check(conf, machine));
    mistakes.extend(authentication::check(conf));
    if let Some(yaml) = yaml {
        mistakes.extend(uris::check(conf, yaml));
        mistakes.extend(authentication::check_pair(conf, yaml));
    }
    // Stable: what is equally bad stays in the order of the checks.
    mistakes.sort_by_key(|mistake| mistake.severity);
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(conf: &str, yaml: &str) -> Vec<Mistake> {
        let machine = Machine::new(vec!["10.9.9.9".parse().unwrap()], "", "");
        let yaml = HomeserverYaml::parse(yaml).unwrap();
        mistakes(&TurnserverConf::parse(conf), Some(&yaml), &machine)
    }

    #[test]
    fn nothing_is_wrong_with_the_pair_of_synapses_documentation() {
        let conf = "use-auth-secret\nstatic-auth-secret=abc\nrealm=turn.example.org\n\
                    no-tcp-relay\ndenied-peer-ip=10.0.0.0-10.255.255.255\n\
                    allowed-peer-ip=10.9.9.9\nuser-quota=12\ntotal-quota=1200\n";
        let yaml = "turn_uris: [ 'turn:turn.example.org?transport=udp', \
                    'turn:turn.example.org?transport=tcp' ]\nturn_shared_secret: \"abc\"\n\
                    turn_user_lifetime: 86400000\nturn_allow_guests: true\n";
        assert_eq!(found(conf, yaml), []);
    }

    #[test]
    fn unknown_settings_are_left_alone() {
        let conf = "realm=a\nfrobnicate='x' # y\nstatic-auth-secret=abc\n";
        let yaml = "turn_uris: ['turn:a']\nturn_shared_secret: abc\nfrobnicate: [1]\n";
        assert_eq!(found(conf, yaml), []);
    }

    #[test]
    fn no_secret_is_printed() {
        let conf = "static-auth-secret='s3cret' # s3cret\nuser=alice:s3cret # s3cret\n\
                    pkey-pwd=s3cret # s3cret\npsql-userdb=host=a password=s3cret # x\n\
                    cli-password='s3cret'\nno-auth # s\n";
        let yaml = "turn_uris: ['turn:alice:s3cret@a']\nturn_shared_secret: s3cret-too\n\
                    turn_password: s3cret\n";
        let mistakes = found(conf, yaml);
        assert!(mistakes.len() > 6, "{mistakes:?}");
        for shown in [report::text(&mistakes, true), report::json(&mistakes)] {
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }

    #[test]
    fn the_worst_comes_first_and_is_the_exit_status() {
        let mistakes =
            found("static-auth-secret='a'", "turn_uris: ['turn:a']\nturn_shared_secret: a");
        let is_sorted = mistakes.is_sorted_by_key(|mistake| mistake.severity);
        assert!(is_sorted && mistakes.len() > 1, "{mistakes:?}");
        assert_eq!((status(&mistakes), status(&mistakes[2..]), status(&[])), (2, 1, 0));
    }
}
