//! TLS, and what exactly is wrong with a certificate.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use matrix_sdk_turn::url::Host;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError,
    SignatureScheme,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::CertifiedKey,
};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use x509_parser::{
    extensions::{GeneralName, ParsedExtension},
    prelude::{FromDer, X509Certificate},
};

use crate::failure::{CertificateFault, Failure, Text};

/// How many of a certificate's names are kept.
const MAX_NAMES: usize = 5;

/// What all TLS connections of a probe share.
#[derive(Clone)]
pub(crate) struct TlsSetup {
    provider: Arc<CryptoProvider>,
    /// An error if the platform has no certificates.
    verifier: Result<Arc<Verifier>, Text>,
}

impl TlsSetup {
    /// Reads the platform's certificates, which takes some milliseconds.
    pub(crate) fn new(extra_roots: &[CertificateDer<'static>]) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = verifier(extra_roots, provider.clone())
            .map(Arc::new)
            .map_err(|error| Text::new(&error.to_string()));
        Self { provider, verifier }
    }
}

#[cfg(not(target_os = "android"))]
fn verifier(
    extra_roots: &[CertificateDer<'static>],
    provider: Arc<CryptoProvider>,
) -> Result<Verifier, TlsError> {
    match extra_roots {
        [] => Verifier::new(provider),
        extra => Verifier::new_with_extra_roots(extra.iter().cloned(), provider),
    }
}

#[cfg(target_os = "android")]
fn verifier(
    _extra_roots: &[CertificateDer<'static>],
    provider: Arc<CryptoProvider>,
) -> Result<Verifier, TlsError> {
    Verifier::new(provider)
}

/// Secures a connection, and says when the server's certificate expires.
pub(crate) async fn secure(
    setup: &TlsSetup,
    host: &Host,
    stream: TcpStream,
) -> Result<(TlsStream<TcpStream>, SystemTime), Failure> {
    let failed = |error: TlsError| Failure::Tls(Text::new(&error.to_string()));
    let name = match host {
        Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned())
            .map_err(|error| Failure::Tls(Text::new(&error.to_string())))?,
        Host::Ipv4(address) => ServerName::from(*address),
        Host::Ipv6(address) => ServerName::from(*address),
    };
    let verifier = setup.verifier.clone().map_err(Failure::Tls)?;
    let watch = Arc::new(Watch { verifier, fault: Mutex::default(), expires: Mutex::default() });
    let asked = Arc::new(Asked::default());
    let config = ClientConfig::builder_with_provider(setup.provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(watch.clone())
        .with_client_cert_resolver(asked.clone());

    match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        Ok(stream) => Ok((stream, watch.expires())),
        Err(error) => Err(match (watch.fault(), stream_failure(&error)) {
            (Some(fault), _) => fault.into(),
            (None, Failure::Closed | Failure::Tls(_)) if asked.0.load(Ordering::Relaxed) => {
                Failure::ClientCertificate
            }
            (None, failure) => failure,
        }),
    }
}

/// Why a stream cannot be read. With TLS 1.3, a server says only after the handshake that it wants a
/// certificate of the client.
pub(super) fn stream_failure(error: &io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        Some(TlsError::AlertReceived(AlertDescription::CertificateRequired)) => {
            Failure::ClientCertificate
        }
        Some(error) => Failure::Tls(Text::new(&error.to_string())),
        None => Failure::io(error),
    }
}

/// Notes that the server asked for a certificate of the client, and has none.
#[derive(Debug, Default)]
struct Asked(AtomicBool);

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Has the platform judge a certificate, and notes why it was not accepted: what rustls tells of the
/// failed handshake does not hold the chain that was sent.
struct Watch {
    verifier: Arc<Verifier>,
    fault: Mutex<Option<CertificateFault>>,
    expires: Mutex<Option<SystemTime>>,
}

impl Watch {
    fn fault(&self) -> Option<CertificateFault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn expires(&self) -> SystemTime {
        let expires = self.expires.lock().unwrap_or_else(PoisonError::into_inner).take();
        expires.unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Watch {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let chain = Chain { end_entity, intermediates };
        *self.expires.lock().unwrap_or_else(PoisonError::into_inner) = chain.expires();
        self.verifier
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .inspect_err(|error| {
                *self.fault.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(chain.fault(error));
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// The certificates that a server sent.
struct Chain<'a> {
    end_entity: &'a CertificateDer<'a>,
    intermediates: &'a [CertificateDer<'a>],
}

impl Chain<'_> {
    fn expires(&self) -> Option<SystemTime> {
        parse(self.end_entity)
            .map(|certificate| moment(certificate.validity().not_after.timestamp()))
    }

    fn fault(&self, error: &TlsError) -> CertificateFault {
        let other = || CertificateFault::Other(Text::new(&error.to_string()));
        let Some(certificate) = parse(self.end_entity) else { return other() };
        let validity = certificate.validity();
        let TlsError::InvalidCertificate(error) = error else { return other() };
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                CertificateFault::Expired { at: moment(validity.not_after.timestamp()) }
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                CertificateFault::NotYetValid { from: moment(validity.not_before.timestamp()) }
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                CertificateFault::WrongName { names: names(&certificate) }
            }
            CertificateError::Revoked => CertificateFault::Revoked,
            _ if signs_itself(&certificate) => CertificateFault::SelfSigned,
            CertificateError::UnknownIssuer => self.unknown_issuer(&certificate),
            _ => other(),
        }
    }

    /// A certificate that says where its issuer's can be fetched comes from one of the authorities that
    /// everybody knows, and leads to a trusted one; an authority of one's own does not say so. If the
    /// last certificate that was sent is of the first kind, the rest of the chain is missing.
    fn unknown_issuer(&self, certificate: &X509Certificate<'_>) -> CertificateFault {
        let last = self.intermediates.last().and_then(|last| parse(last));
        let last = last.as_ref().unwrap_or(certificate);
        let issuer = Text::new(&last.issuer().to_string());
        match !signs_itself(last) && names_where_its_issuer_is(last) {
            true => CertificateFault::IncompleteChain { issuer },
            false => CertificateFault::UnknownIssuer { issuer },
        }
    }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(certificate).ok().map(|(_rest, certificate)| certificate)
}

fn moment(unix_seconds: i64) -> SystemTime {
    let since_epoch = Duration::from_secs(unix_seconds.unsigned_abs());
    let moment = match unix_seconds < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(since_epoch),
        false => SystemTime::UNIX_EPOCH.checked_add(since_epoch),
    };
    moment.unwrap_or(SystemTime::UNIX_EPOCH)
}

fn signs_itself(certificate: &X509Certificate<'_>) -> bool {
    certificate.issuer().as_raw() == certificate.subject().as_raw()
}

fn names_where_its_issuer_is(certificate: &X509Certificate<'_>) -> bool {
    const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";
    certificate.iter_extensions().any(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => access
            .accessdescs
            .iter()
            .any(|description| description.access_method.to_id_string() == CA_ISSUERS),
        _ => false,
    })
}

fn names(certificate: &X509Certificate<'_>) -> Vec<Text> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return vec![] };
    let named = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(Text::new(name)),
        GeneralName::IPAddress(bytes) => Some(Text::new(&ip_address(bytes)?)),
        _ => None,
    });
    named.take(MAX_NAMES).collect()
}

fn ip_address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| std::net::Ipv4Addr::from(bytes).to_string());
    let v6 = <[u8; 16]>::try_from(bytes).map(|bytes| std::net::Ipv6Addr::from(bytes).to_string());
    v4.or(v6).ok()
}
