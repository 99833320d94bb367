//! turnserver.conf, read as coturn reads it.

use std::fmt;

use super::settings::{Kind, Setting, setting};

/// The settings of a turnserver.conf that the checks know.
pub(crate) struct TurnserverConf {
    lines: Vec<Line>,
    /// How many lines are settings of coturn that the checks do not know, or no settings at all.
    unknown: usize,
}

/// A line that sets something.
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) setting: &'static Setting,
    /// As coturn understands it; a secret may be in it.
    pub(crate) value: String,
}

impl TurnserverConf {
    /// Reads a file's text. Settings that are not in the table are left out.
    pub(crate) fn parse(text: &str) -> Self {
        let mut conf = Self { lines: Vec::new(), unknown: 0 };
        for (index, line) in text.lines().enumerate() {
            let Some((name, value)) = split(line.trim()) else { continue };
            match setting(name) {
                Some(setting) => conf.lines.push(Line { number: index + 1, setting, value }),
                None => conf.unknown += 1,
            }
        }
        conf
    }

    /// Whether there is text in the file, and none of it a setting that the checks know.
    pub(crate) fn is_something_else(&self) -> bool {
        self.lines.is_empty() && self.unknown > 0
    }

    /// All lines, in their order.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The lines that set this.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| line.setting.name == name)
    }

    /// The line that counts, of a setting that can be set once: the last.
    pub(crate) fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().rfind(|line| line.setting.name == name)
    }

    /// Whether a flag is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.line(name).is_some_and(|line| {
            line.setting.kind == Kind::PlainFlag || boolean(&line.value) != Some(false)
        })
    }

    /// A number, or coturn's default.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        let set = self.line(name).map(|line| line.value.as_str());
        digits(set.or_else(|| setting(name)?.default)?).parse().ok()
    }
}

impl fmt::Debug for TurnserverConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines.iter().map(|line| line.setting.name)).finish()
    }
}

/// A name and its value, which begins after spaces and equals signs and goes to the end of the line.
/// coturn takes off double quotes around it, and nothing else.
fn split(line: &str) -> Option<(&str, String)> {
    let is_separator = |char: char| matches!(char, ' ' | '\t' | '=');
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let (name, value) = line.split_once(is_separator).unwrap_or((line, ""));
    let value = value.trim_start_matches(is_separator);
    let value = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').unwrap_or(rest),
        None => value,
    };
    Some((name, value.to_owned()))
}

/// What coturn takes for a number: the digits that the value begins with.
pub(super) fn digits(value: &str) -> &str {
    let end = value.find(|char: char| !char.is_ascii_digit()).unwrap_or(value.len());
    &value[..end]
}

/// What coturn takes for a boolean: it looks at the beginning.
pub(super) fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "" | "1" | "on" | "yes" | "true" | "y" | "t" => Some(true),
        "0" | "off" | "no" | "false" | "n" | "f" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(line: &str) -> String {
        split(line).unwrap().1
    }

    #[test]
    fn a_value_is_what_coturn_takes_it_for() {
        assert_eq!(value("static-auth-secret=abc"), "abc");
        assert_eq!(value("static-auth-secret = abc"), "abc");
        assert_eq!(value("static-auth-secret \"abc\""), "abc");
        // Measured with coturn 4.6.1: the secret is all of it.
        assert_eq!(value("static-auth-secret=abc # mine"), "abc # mine");
        assert_eq!(value("static-auth-secret='abc'"), "'abc'");
    }

    #[test]
    fn comments_and_unknown_settings_are_left_out() {
        let conf = TurnserverConf::parse("# realm=a\n\nfrobnicate=1\nrealm=b\nrealm=c\n");
        assert_eq!(conf.lines().len(), 2);
        let line = conf.line("realm").unwrap();
        assert_eq!((line.number, line.value.as_str()), (5, "c"));
    }

    #[test]
    fn a_file_without_any_known_setting_is_something_else() {
        let is_something_else = |text| TurnserverConf::parse(text).is_something_else();
        assert!(is_something_else("-----BEGIN PRIVATE KEY-----\nAAAA\n"));
        assert!(!is_something_else("") && !is_something_else("# realm=a\n"));
        assert!(!is_something_else("frobnicate=1\nrealm=a\n"));
    }

    #[test]
    fn what_is_not_set_has_coturns_default() {
        let conf = TurnserverConf::parse("max-port=50000\n");
        assert_eq!((conf.number("min-port"), conf.number("max-port")), (Some(49152), Some(50000)));
    }

    #[test]
    fn a_number_ends_at_what_is_not_a_digit() {
        let conf = TurnserverConf::parse("listening-port=3479 # not 3478\nmin-port=50000;\n");
        assert_eq!(
            (conf.number("listening-port"), conf.number("min-port")),
            (Some(3479), Some(50000))
        );
    }

    #[test]
    fn a_flag_is_off_if_its_value_says_so() {
        let conf = TurnserverConf::parse("no-tls\nno-tcp=0\nuse-auth-secret # yes\n");
        assert!(conf.is_on("no-tls") && !conf.is_on("no-tcp") && !conf.is_on("no-udp"));
        assert!(conf.is_on("use-auth-secret"));
    }

    #[test]
    fn debug_shows_no_value() {
        let conf = TurnserverConf::parse("static-auth-secret=s3cret\n");
        assert_eq!(format!("{conf:?}"), "[\"static-auth-secret\"]");
    }
}
