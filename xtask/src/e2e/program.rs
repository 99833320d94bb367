//! The programs that come from Debian, and where they are.

use std::{env, path::PathBuf};

use anyhow::{Context, Result, ensure};

use super::child::succeeds;

/// What package-lock.json needs: Node.js 20.
pub(super) const LEAST_NODE: u32 = 20;

const IS_NODE_NEW_ENOUGH: &str =
    "process.exit(parseInt(process.versions.node) < process.argv[1] ? 1 : 0)";

/// A program that Debian has.
pub(super) struct Program {
    pub(super) command: &'static str,
    pub(super) package: &'static str,
    /// The environment variable that names another one to use.
    pub(super) variable: &'static str,
}

pub(super) const TURNSERVER: Program =
    Program { command: "turnserver", package: "coturn", variable: "E2E_TURNSERVER" };
pub(super) const CHROMIUM: Program =
    Program { command: "chromium", package: "chromium", variable: "E2E_CHROMIUM" };
pub(super) const FIREFOX: Program =
    Program { command: "firefox-esr", package: "firefox-esr", variable: "E2E_FIREFOX" };
pub(super) const NODE: Program =
    Program { command: "node", package: "nodejs", variable: "E2E_NODE" };
/// For a firewall in that network.
pub(super) const NFT: Program =
    Program { command: "nft", package: "nftables", variable: "E2E_NFT" };
/// For a clock that is wrong.
pub(super) const FAKETIME: Program =
    Program { command: "faketime", package: "faketime", variable: "E2E_FAKETIME" };
/// For a network of the suite's own.
pub(super) const IP: Program = Program { command: "ip", package: "iproute2", variable: "E2E_IP" };
pub(super) const NPM: Program = Program { command: "npm", package: "npm", variable: "E2E_NPM" };
/// The Python that Synapse's own is made from.
pub(super) const PYTHON: Program =
    Program { command: "python3", package: "python3", variable: "E2E_SYSTEM_PYTHON" };

impl Program {
    pub(super) fn find(&self) -> Result<PathBuf> {
        let Self { command, package, variable } = self;
        if let Some(named) = self.named() {
            ensure!(named.is_file(), "{variable} names {}, which is not there", named.display());
            return Ok(named);
        }
        self.in_path().with_context(|| {
            format!(
                "{command} is missing: run this without --no-install, install Debian's package \
                 {package}, or name one in {variable}"
            )
        })
    }

    pub(super) fn is_missing(&self) -> bool {
        self.named().is_none() && self.in_path().is_none()
    }

    fn named(&self) -> Option<PathBuf> {
        env::var_os(self.variable).map(PathBuf::from)
    }

    fn in_path(&self) -> Option<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).map(|bin| bin.join(self.command)).find(|file| file.is_file())
    }
}

/// Node.js, if it is new enough.
pub(super) fn find_node() -> Result<PathBuf> {
    let node = NODE.find()?;
    ensure!(
        succeeds(&node, &["--eval", IS_NODE_NEW_ENOUGH, &LEAST_NODE.to_string()]),
        "{} is too old: puppeteer-core needs Node.js {LEAST_NODE} or newer. Name one in {}",
        node.display(),
        NODE.variable
    );
    Ok(node)
}
