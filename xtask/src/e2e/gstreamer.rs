//! GStreamer, and a Python that can call it.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::{child::succeeds, program::Program};

/// Debian's own Python: its module gi is not for any other.
const PYTHON: Program =
    Program { command: "/usr/bin/python3", package: "python3", variable: "E2E_GSTREAMER_PYTHON" };

pub(super) const PACKAGES: [&str; 5] = [
    "python3-gi",
    "gir1.2-gst-plugins-bad-1.0",
    "gstreamer1.0-plugins-bad",
    // webrtcbin's own parts: RTP, and ICE.
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-nice",
];

/// Whether webrtcbin can be made.
const CHECK: &str = "
import gi
gi.require_version('GstSdp', '1.0')
gi.require_version('GstWebRTC', '1.0')
from gi.repository import Gst, GstSdp, GstWebRTC
Gst.init(None)
raise SystemExit(not all(map(Gst.ElementFactory.find, ['webrtcbin', 'rtpbin', 'nicesrc'])))
";

pub(super) fn is_usable() -> bool {
    PYTHON.find().is_ok_and(|python| succeeds(&python, &["-c", CHECK]))
}

/// The Python that can call GStreamer.
pub(super) fn python() -> Result<PathBuf> {
    let python = PYTHON.find()?;
    ensure!(
        is_usable(),
        "{} cannot make GStreamer's webrtcbin: run this without --no-install, install Debian's \
         packages {}, or name another Python in {}",
        python.display(),
        PACKAGES.join(", "),
        PYTHON.variable
    );
    Ok(python)
}
