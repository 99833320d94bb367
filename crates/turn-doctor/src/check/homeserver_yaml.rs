//! homeserver.yaml: the settings of Synapse that have to do with TURN.

use std::{fs::File, path::Path};

use anyhow::{anyhow, bail};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::file::read_to_end;

/// The longest file with a secret that is read.
const MAX_SECRET_BYTES: u64 = 4096;

/// Synapse's settings.
pub(crate) struct HomeserverYaml {
    settings: Map<String, Value>,
    lines: Vec<String>,
}

impl HomeserverYaml {
    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// If it is no YAML, or no settings; nothing of the text is in the error.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let options = serde_saphyr::options! {
            // As PyYAML has it.
            duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
            with_snippet: false,
        };
        let value = serde_saphyr::from_str_with_options::<Value>(text, options);
        // The parser's own words may hold a part of the text.
        let value = value.map_err(|error| match error.location() {
            Some(location) => anyhow!("it is no YAML: see line {}", location.line()),
            None => anyhow!("it is no YAML"),
        })?;
        let Value::Object(settings) = value else {
            bail!("it holds no settings: homeserver.yaml is lines of `name: value`")
        };
        Ok(Self { settings, lines: text.lines().map(key).collect() })
    }

    /// The value of a setting; `None` if it is not set, or set to nothing.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.settings.get(name).filter(|value| !value.is_null())
    }

    /// A setting that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Where a setting stands, if it stands at the beginning of a line.
    pub(crate) fn line(&self, name: &str) -> Option<usize> {
        self.lines.iter().rposition(|key| key == name).map(|index| index + 1)
    }

    /// The secret, from the file that `turn_shared_secret_path` names if it does. `None` if that cannot
    /// be read.
    pub(crate) fn shared_secret(&self) -> Option<Zeroizing<String>> {
        if let Some(secret) = self.text("turn_shared_secret") {
            return Some(Zeroizing::new(secret.to_owned()));
        }
        let file = Path::new(self.text("turn_shared_secret_path")?);
        let bytes = File::open(file).and_then(|file| read_to_end(file, MAX_SECRET_BYTES)).ok()?;
        // As Synapse does.
        Some(Zeroizing::new(std::str::from_utf8(&bytes).ok()?.trim().to_owned()))
    }
}

fn key(line: &str) -> String {
    line.split_once(':').map_or("", |(key, _)| key).trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn yaml_is_read_as_synapse_reads_it() {
        let yaml = "server_name: a\nturn_uris:\n  - \"turn:a\" # one\nturn_shared_secret: 'x # y'\n\
                    turn_user_lifetime: 1h\nturn_user_lifetime: 2h\nlisteners: [{port: 8008}]\n";
        let yaml = HomeserverYaml::parse(yaml).unwrap();
        assert_eq!(yaml.text("turn_shared_secret"), Some("x # y"));
        assert_eq!(yaml.text("turn_user_lifetime"), Some("2h"));
        assert_eq!(yaml.get("turn_uris"), Some(&serde_json::json!(["turn:a"])));
        assert_eq!(
            (yaml.line("turn_shared_secret"), yaml.line("turn_allow_guests")),
            (Some(4), None)
        );
    }

    #[test]
    fn an_error_names_the_line_and_shows_nothing_of_it() {
        for text in
            ["a: b\nturn_shared_secret: [s3cret\nc: d", "turn_shared_secret: *s3cret", "s3cret"]
        {
            let error = HomeserverYaml::parse(text).err().unwrap();
            assert!(!format!("{error:#}").contains("s3cret"), "{error:#}");
        }
    }

    #[test]
    fn a_secret_in_a_file_has_no_line_break() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        fs::write(&file, "s3cret\n").unwrap();
        let yaml = format!("turn_shared_secret_path: {}", file.display());
        let yaml = HomeserverYaml::parse(&yaml).unwrap();
        assert_eq!(yaml.shared_secret().unwrap().as_str(), "s3cret");
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_in_a_file_without_an_end_is_not_read() {
        let yaml = HomeserverYaml::parse("turn_shared_secret_path: /dev/zero").unwrap();
        assert_eq!(yaml.shared_secret(), None);
    }
}
