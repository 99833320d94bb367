//! What was installed, and from what.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// A directory that is filled once, and again when what it is filled from changes.
pub(super) struct Installed {
    pub(super) directory: PathBuf,
    inputs: String,
}

impl Installed {
    pub(super) fn new(directory: PathBuf, inputs: &[impl AsRef<Path>]) -> Result<Self> {
        let read = |file: &_| {
            let file: &Path = AsRef::as_ref(file);
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
        };
        Ok(Self { directory, inputs: inputs.iter().map(read).collect::<Result<_>>()? })
    }

    /// Written last, so that an installation that was interrupted does not count.
    fn stamp(&self) -> PathBuf {
        self.directory.join("installed-from")
    }

    pub(super) fn is_current(&self) -> bool {
        fs::read_to_string(self.stamp()).is_ok_and(|inputs| inputs == self.inputs)
    }

    pub(super) fn missing(&self, what: &str) -> String {
        let directory = self.directory.display();
        format!("{what}: missing or outdated in {directory}. Run this without --no-install")
    }

    pub(super) fn note(&self) -> Result<()> {
        Ok(fs::write(self.stamp(), &self.inputs)?)
    }

    pub(super) fn remove(&self) -> Result<()> {
        if self.directory.exists() {
            fs::remove_dir_all(&self.directory)?;
        }
        Ok(())
    }
}
