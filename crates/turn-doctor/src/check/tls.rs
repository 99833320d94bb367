//! The certificate, its key, and whether the server may read them.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    sync::Arc,
    time::SystemTime,
};

use rustls::{
    Error as TlsError, InconsistentKeys,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use turn_probe::Severity::{Problem, Warning};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::{
    machine::{Access, Machine, User},
    mistake::{Mistake, Which},
    settings::Kind,
    turnserver_conf::{Line, TurnserverConf},
};

/// How much is read of a certificate or a key. A chain has some kilobytes.
const MAX_PEM_BYTES: u64 = 1024 * 1024;

/// Checks all files that are named, and the certificate with its key.
pub(super) fn check(conf: &TurnserverConf, machine: &Machine) -> Vec<Mistake> {
    let proc_user = conf.line("proc-user").map(|line| line.value.as_str());
    let user = machine.server_user(proc_user);
    let named = conf.lines().iter().filter(|line| line.setting.kind == Kind::File);
    let mut mistakes: Vec<_> = named.filter_map(|line| not_readable(line, user.as_ref())).collect();
    match (conf.line("cert"), conf.line("pkey")) {
        (Some(cert), Some(key)) => mistakes.extend(check_pair(conf, cert, key)),
        (Some(alone), None) => mistakes.push(without(alone, "pkey")),
        (None, Some(alone)) => mistakes.push(without(alone, "cert")),
        (None, None) => {}
    }
    mistakes
}

/// Whether coturn can serve TLS over TCP with this. `no-tcp` switches off TCP without TLS only (measured with
/// coturn 4.6.1).
pub(super) fn is_possible(conf: &TurnserverConf) -> bool {
    let is_set = |name| conf.line(name).is_some();
    is_set("cert") && is_set("pkey") && !conf.is_on("no-tls")
}

fn without(line: &Line, other: &str) -> Mistake {
    let meaning = format!("There is no `{other}` beside it, so coturn serves no TLS.");
    let advice = format!("Set `{other}` as well.");
    Mistake::at(line, Problem, "certificate_without_key", meaning, advice)
}

fn not_readable(line: &Line, user: Option<&User>) -> Option<Mistake> {
    let file = Path::new(&line.value);
    if line.value.is_empty() {
        return None;
    }
    if file.is_relative() {
        let meaning =
            "coturn looks for this file in the directory where it is started, and in others.";
        let advice = "Write the whole path, from `/` on.";
        return Some(Mistake::at(line, Warning, "relative_path", meaning, advice));
    }
    let path = file.display();
    if let Err(error) = fs::metadata(file)
        && error.kind() == io::ErrorKind::NotFound
    {
        let meaning = format!("There is no file {path}.");
        let advice = "Write the path of the file, and run this on the TURN server's machine.";
        return Some(Mistake::at(line, Problem, "no_such_file", meaning, advice));
    }
    let user = user.filter(|user| user.access_to(file) == Access::Denied)?;
    let name = &user.name;
    let meaning = format!("coturn runs as the user {name}, which cannot read {path}.");
    let advice = format!(
        "Let the group of {name} read the file and enter its directories, or copy it to where \
         {name} can read it at each renewal."
    );
    Some(Mistake::at(line, Problem, "file_not_readable", meaning, advice))
}

fn check_pair(conf: &TurnserverConf, cert: &Line, key: &Line) -> Vec<Mistake> {
    let (Some(cert_pem), Some(key_pem)) = (read(&cert.value), read(&key.value)) else {
        // What cannot be read is said by now, or it is for the superuser alone.
        return vec![];
    };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&cert_pem).filter_map(Result::ok).collect();
    let Some(first) = chain.first().cloned() else {
        let meaning = "There is no certificate in the file.";
        let advice = "Name a file in PEM format, which begins with -----BEGIN CERTIFICATE-----.";
        return vec![Mistake::at(cert, Problem, "no_certificate", meaning, advice)];
    };
    let validity = out_of_date(cert, &first);
    validity.into_iter().chain(wrong_key(conf, chain, key, &key_pem)).collect()
}

/// The beginning of a file, since not all files end.
fn read(file: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(file).ok()?.take(MAX_PEM_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn out_of_date(line: &Line, certificate: &CertificateDer<'_>) -> Option<Mistake> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = parsed.validity();
    let (code, meaning) = if validity.not_after.timestamp() < now {
        ("certificate_expired", "The certificate has expired.")
    } else if validity.not_before.timestamp() > now {
        ("certificate_not_yet_valid", "The certificate is not valid yet.")
    } else {
        return None;
    };
    let advice = "Renew it, and have coturn read it again, by a restart or SIGUSR2.";
    Some(Mistake::at(line, Problem, code, meaning, advice))
}

fn wrong_key(
    conf: &TurnserverConf,
    chain: Vec<CertificateDer<'static>>,
    line: &Line,
    pem: &[u8],
) -> Option<Mistake> {
    let text = String::from_utf8_lossy(pem);
    if text.contains("ENCRYPTED") {
        let meaning = "The key is encrypted, and coturn has no password for it.";
        let advice = "Set `pkey-pwd`, or name a key that is not encrypted.";
        return conf
            .line("pkey-pwd")
            .is_none()
            .then(|| Mistake::at(line, Problem, "key_encrypted", meaning, advice));
    }
    let unreadable = || {
        let meaning = "There is no private key in the file that can be read.";
        let advice =
            "Name the key of the certificate in PEM format: with Let's Encrypt, privkey.pem.";
        Some(Mistake::at(line, Problem, "key_unreadable", meaning, advice))
    };
    let Ok(key) = PrivateKeyDer::from_pem_slice(pem) else { return unreadable() };
    let provider = Arc::new(aws_lc_rs::default_provider());
    match CertifiedKey::from_der(chain, key, &provider) {
        Err(TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            let meaning = "The key does not belong to the certificate that `cert` names.";
            let advice = "Name the two that were made together, and restart coturn.";
            Some(Mistake::at(line, Problem, "key_mismatch", meaning, advice))
        }
        Err(TlsError::General(_)) => unreadable(),
        // Whatever else rustls does not like may be fine with OpenSSL.
        Err(_) | Ok(_) => None,
    }
}

/// Says that a URI asks for TLS, which coturn cannot serve.
pub(super) fn impossible(uri: &str) -> Mistake {
    let meaning = format!("{uri} asks for TLS, and coturn has no certificate, or TLS is off.");
    let advice =
        "Set `cert` and `pkey` in turnserver.conf, without `no-tls`, or take the URI away.";
    Mistake::about(Which::Homeserver, "turn_uris", Problem, "tls_not_served", meaning, advice)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    struct Files {
        directory: tempfile::TempDir,
    }

    impl Files {
        fn new() -> Self {
            Self { directory: tempfile::tempdir().unwrap() }
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.directory.path().join(name);
            fs::write(&path, text).unwrap();
            path
        }
    }

    fn certificate(key: &KeyPair, last_year: i32) -> String {
        let mut params = CertificateParams::new(vec!["turn.example.org".to_owned()]).unwrap();
        params.not_after = date_time_ymd(last_year, 1, 1);
        params.self_signed(key).unwrap().pem()
    }

    fn codes(cert: &Path, key: &Path, machine: &Machine) -> Vec<&'static str> {
        let text = format!("cert={}\npkey={}\n", cert.display(), key.display());
        let conf = TurnserverConf::parse(&text);
        check(&conf, machine).iter().map(|mistake| mistake.code).collect()
    }

    #[test]
    fn a_key_that_does_not_match_or_cannot_be_read_is_found() {
        let files = Files::new();
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let cert = files.write("cert.pem", &certificate(&key, 2999));
        let stranger = Machine::default();
        let right = files.write("right.pem", &key.serialize_pem());
        assert!(codes(&cert, &right, &stranger).is_empty());
        let wrong = files.write("wrong.pem", &other.serialize_pem());
        assert_eq!(codes(&cert, &wrong, &stranger), ["key_mismatch"]);
        let none = files.write("none.pem", "what is this?");
        assert_eq!(codes(&cert, &none, &stranger), ["key_unreadable"]);
        let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert_eq!(codes(&cert, &files.write("broken.pem", broken), &stranger), ["key_unreadable"]);
        let encrypted = files.write("e.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
        assert_eq!(codes(&cert, &encrypted, &stranger), ["key_encrypted"]);
        assert_eq!(codes(&none, &right, &stranger), ["no_certificate"]);
        let missing = files.directory.path().join("missing.pem");
        assert_eq!(codes(&cert, &missing, &stranger), ["no_such_file"]);
    }

    #[test]
    fn a_certificate_that_has_expired_is_found() {
        let files = Files::new();
        let key = KeyPair::generate().unwrap();
        let cert = files.write("cert.pem", &certificate(&key, 2001));
        let key = files.write("key.pem", &key.serialize_pem());
        assert_eq!(codes(&cert, &key, &Machine::default()), ["certificate_expired"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_the_servers_user_cannot_read_is_found() {
        use std::os::unix::fs::PermissionsExt;

        let files = Files::new();
        let key = KeyPair::generate().unwrap();
        let cert = files.write("cert.pem", &certificate(&key, 2999));
        let key = files.write("key.pem", &key.serialize_pem());
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        set(files.directory.path(), 0o755);
        set(&cert, 0o644);
        set(&key, 0o600);
        let machine = Machine::new(vec![], "turnserver:x:54321:54321::/:/bin/false\n", "");
        assert_eq!(codes(&cert, &key, &machine), ["file_not_readable"]);
        set(&key, 0o644);
        assert!(codes(&cert, &key, &machine).is_empty());
    }

    #[test]
    fn a_certificate_far_behind_in_its_file_is_not_looked_for() {
        let files = Files::new();
        let key = KeyPair::generate().unwrap();
        let text = format!("{}\n{}", " ".repeat(2 << 20), certificate(&key, 2999));
        let key = files.write("key.pem", &key.serialize_pem());
        let long = files.write("cert.pem", &text);
        assert_eq!(codes(&long, &key, &Machine::default()), ["no_certificate"]);
        #[cfg(unix)]
        assert_eq!(codes(Path::new("/dev/zero"), &key, &Machine::default()), ["no_certificate"]);
    }

    #[test]
    fn a_certificate_without_its_key_is_found() {
        let conf = TurnserverConf::parse("cert=cert.pem");
        let codes: Vec<_> =
            check(&conf, &Machine::default()).iter().map(|mistake| mistake.code).collect();
        assert_eq!(codes, ["relative_path", "certificate_without_key"]);
    }
}
