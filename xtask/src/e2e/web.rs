//! What the browser runs, with its packages from npm.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{
    child::run_watched,
    installed::Installed,
    program::{NPM, find_node},
    sources, target,
};
use crate::run as run_command;

pub(super) struct Web {
    directory: PathBuf,
    packages: Installed,
}

impl Web {
    pub(super) fn new() -> Result<Self> {
        let directory = target().join("web");
        copy_files(&sources().join("web"), &directory)?;
        let inputs = ["package.json", "package-lock.json"].map(|file| directory.join(file));
        let packages = Installed::new(directory.join("node_modules"), &inputs)?;
        Ok(Self { directory, packages })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn install(&self) -> Result<()> {
        if self.packages.is_current() {
            return Ok(());
        }
        self.packages.remove()?;
        find_node()?;
        let npm = NPM.find()?;
        let mut ci: Vec<&OsStr> = vec![npm.as_ref()];
        ci.extend(["ci", "--ignore-scripts", "--no-audit", "--no-fund"].map(OsStr::new));
        run_watched(&self.directory, &ci)?;
        self.packages.note()
    }

    /// Puts the page and the widget into one file each.
    pub(super) fn bundle(&self) -> Result<()> {
        ensure!(
            self.packages.is_current(),
            self.packages.missing("puppeteer-core and the other packages")
        );
        let mut esbuild = Command::new(find_node()?);
        esbuild.current_dir(&self.directory).arg("node_modules/esbuild/bin/esbuild");
        esbuild.args(["page.js", "widget.js", "--bundle", "--outdir=dist", "--log-level=warning"]);
        run_command(&mut esbuild)?;
        for page in ["page.html", "widget.html"] {
            fs::copy(self.directory.join(page), self.directory.join("dist").join(page))
                .with_context(|| format!("{page} is missing"))?;
        }
        Ok(())
    }
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let copy = to.join(entry.file_name());
            fs::copy(entry.path(), &copy)
                .with_context(|| format!("cannot write {}", copy.display()))?;
        }
    }
    Ok(())
}
