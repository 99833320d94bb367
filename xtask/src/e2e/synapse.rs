//! Synapse and aiortc, in a Python environment of their own.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use super::{
    child::{run_watched, succeeds},
    installed::Installed,
    program::PYTHON,
    sources, target,
};
use crate::workspace;

/// What requirements.txt needs: Python 3.11.
const IS_PYTHON_NEW_ENOUGH: &str = "import sys; sys.exit(sys.version_info < (3, 11))";

pub(super) struct Synapse {
    environment: Installed,
    requirements: PathBuf,
}

impl Synapse {
    pub(super) fn new() -> Result<Self> {
        let requirements = sources().join("requirements.txt");
        let environment = Installed::new(target().join("venv"), &[&requirements])?;
        Ok(Self { environment, requirements })
    }

    /// The Python that can import Synapse.
    pub(super) fn python(&self) -> PathBuf {
        self.environment.directory.join("bin/python")
    }

    pub(super) fn is_usable(&self) -> bool {
        // The system's Python, which it was made from, may have been replaced.
        self.environment.is_current() && succeeds(&self.python(), &["-c", "import synapse, aiortc"])
    }

    pub(super) fn ensure_usable(&self) -> Result<()> {
        ensure!(self.is_usable(), self.environment.missing("Synapse and aiortc"));
        Ok(())
    }

    pub(super) fn install(&self) -> Result<()> {
        if self.is_usable() {
            return Ok(());
        }
        self.environment.remove()?;
        self.make_environment(&find_python()?)?;

        let python = self.python();
        let mut pip: Vec<&OsStr> = vec![python.as_ref()];
        pip.extend(
            ["-m", "pip", "--disable-pip-version-check", "install", "--quiet"].map(OsStr::new),
        );
        pip.extend(["--requirement".as_ref(), self.requirements.as_os_str()]);
        run_watched(&workspace(), &pip)?;
        self.environment.note()
    }

    fn make_environment(&self, python: &Path) -> Result<()> {
        let directory = self.environment.directory.as_os_str();
        let venv = [python.as_os_str(), "-m".as_ref(), "venv".as_ref(), directory];
        run_watched(&workspace(), &venv).with_context(|| {
            format!("does {} have its module venv? Debian's is in python3-venv", python.display())
        })
    }
}

/// The system's Python, if it is new enough.
fn find_python() -> Result<PathBuf> {
    let python = PYTHON.find()?;
    ensure!(
        succeeds(&python, &["-c", IS_PYTHON_NEW_ENOUGH]),
        "{} is too old: Synapse's requirements need Python 3.11 or newer. Name one in {}",
        python.display(),
        PYTHON.variable
    );
    Ok(python)
}
