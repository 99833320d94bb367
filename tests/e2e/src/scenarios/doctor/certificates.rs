//! coturn with TLS, and certificates that are wrong in one thing each.

use std::fs;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DistinguishedName, DnType,
    IsCa, KeyPair, date_time_ymd,
};

use super::{Case, TTL};
use crate::{parts::free_port, stage::Stage};

/// Where an authority's certificate can be fetched, as a certificate says it: Authority Information
/// Access (RFC 5280, section 4.2.2.1) with http://a/ in it.
const AUTHORITY_INFORMATION_ACCESS: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 1, 1];
const CA_ISSUERS: &[u8] =
    b"\x30\x17\x30\x15\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02\x86\x09http://a/";

/// A certificate and the key to it.
struct Signed {
    certificate: Certificate,
    key: KeyPair,
}

pub(crate) async fn the_doctor_names_what_is_wrong_with_a_certificate(
    stage: &mut Stage,
) -> anyhow::Result<()> {
    let authority = authority("An Authority Of Tests", None)?;
    let right = issue(&authority, named("localhost")?)?;
    visit(stage, "TLS", &right, "", Some(&authority))
        .await?
        .ensure(0, &["Everything relays: 1 of 1 way.", "No turns: URI has port 443"])?;

    let unknown = visit(stage, "unknown issuer", &right, "", None).await?;
    unknown.ensure(
        2,
        &["is signed by \"CN=An Authority Of Tests\", which neither this machine", "Let's Encrypt"],
    )?;

    let mut params = named("localhost")?;
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    let expired = issue(&authority, params)?;
    visit(stage, "expired certificate", &expired, "", Some(&authority)).await?.ensure(
        2,
        &[
            "The TURN server's certificate expired",
            "Renew the certificate, and have the TURN server read it again",
        ],
    )?;

    let other = issue(&authority, named("turn.example.org")?)?;
    visit(stage, "wrong name", &other, "", Some(&authority)).await?.ensure(
        2,
        &[
            "certificate is for turn.example.org, not for localhost",
            "get a certificate for localhost and name it by",
        ],
    )?;
    incomplete_chain(stage, &authority).await
}

/// Each wrong certificate is replaced as the advice says.
pub(crate) async fn the_advice_on_a_certificate_helps(stage: &mut Stage) -> anyhow::Result<()> {
    let authority = authority("An Authority Of Tests", None)?;
    let right = issue(&authority, named("localhost")?)?;
    let mut params = named("localhost")?;
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    let expired = issue(&authority, params)?;
    let other = issue(&authority, named("turn.example.org")?)?;
    let stranger = self::authority("An Authority Without Trust", None)?;
    let unknown = issue(&stranger, named("localhost")?)?;
    for (name, wrong, advice) in [
        ("expired", &expired, "Renew the certificate, and have the TURN server read it again"),
        ("for another name", &other, "get a certificate for localhost and name it by"),
        ("of an unknown issuer", &unknown, "Let's Encrypt"),
    ] {
        let name = format!("certificate {name}");
        visit(stage, &name, wrong, "", Some(&authority)).await?.ensure(2, &[advice])?;
        let name = format!("{name} replaced");
        let visit = visit(stage, &name, &right, "", Some(&authority)).await?;
        visit.ensure(0, &["Everything relays: 1 of 1 way."])?;
    }
    Ok(())
}

/// The server's certificate is signed by an authority in between, whose certificate is not sent.
async fn incomplete_chain(stage: &mut Stage, authority: &Signed) -> anyhow::Result<()> {
    let between = self::authority("An Authority In Between", Some(authority))?;
    let mut params = named("localhost")?;
    params.custom_extensions.push(CustomExtension::from_oid_content(
        &AUTHORITY_INFORMATION_ACCESS,
        CA_ISSUERS.to_vec(),
    ));
    let signed = issue(&between, params)?;
    visit(stage, "incomplete chain", &signed, "", Some(authority)).await?.ensure(
        2,
        &["does not send the certificate of \"CN=An Authority In Between\"", "fullchain.pem"],
    )?;
    let chain = between.certificate.pem();
    visit(stage, "whole chain", &signed, &chain, Some(authority))
        .await?
        .ensure(0, &["Everything relays: 1 of 1 way."])
}

/// Has the doctor look at a coturn with this certificate, with the rest of a chain behind it.
async fn visit(
    stage: &mut Stage,
    name: &str,
    signed: &Signed,
    chain: &str,
    trusted: Option<&Signed>,
) -> anyhow::Result<crate::parts::Visit> {
    let directory = stage.directory.join(name);
    fs::create_dir_all(&directory)?;
    let write = |file: &str, contents: &str| {
        let path = directory.join(file);
        fs::write(&path, contents)?;
        anyhow::Ok(path.display().to_string())
    };
    let cert = write("cert.pem", &format!("{}{chain}", signed.certificate.pem()))?;
    let key = write("key.pem", &signed.key.serialize_pem())?;
    let [port, tls_port] = [free_port()?, free_port()?];
    let settings = [
        "allow-loopback-peers",
        &format!("cert={cert}"),
        &format!("pkey={key}"),
        &format!("tls-listening-port={tls_port}"),
    ];
    let uri = format!("turns:localhost:{tls_port}?transport=tcp");
    let mut case = Case::new(name, port, &settings, vec![uri]);
    if let Some(trusted) = trusted {
        let file = write("authority.pem", &trusted.certificate.pem())?;
        case.flags = vec!["--ca-file".to_owned(), file];
    }
    case.visit(stage, TTL).await
}

/// For a host, and until the year 4096.
fn named(host: &str) -> anyhow::Result<CertificateParams> {
    Ok(CertificateParams::new(vec![host.to_owned()])?)
}

/// An authority that signs itself, or is signed by another.
fn authority(name: &str, issuer: Option<&Signed>) -> anyhow::Result<Signed> {
    let mut params = CertificateParams::new(vec![])?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    match issuer {
        Some(issuer) => issue(issuer, params),
        None => {
            let key = KeyPair::generate()?;
            Ok(Signed { certificate: params.self_signed(&key)?, key })
        }
    }
}

fn issue(issuer: &Signed, params: CertificateParams) -> anyhow::Result<Signed> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer.certificate, &issuer.key)?;
    Ok(Signed { certificate, key })
}
