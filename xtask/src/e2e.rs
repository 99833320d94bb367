//! The end-to-end suite, and the real parts that it needs: programs from Debian, Synapse from PyPI,
//! and what the browser runs from npm. What is not Debian's goes below `target/e2e`, caches included,
//! except for temporary files: Chromium has sockets among them, whose paths have to be short.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{cargo, run as run_command, workspace};

/// Ends a command when its own stdin closes, as it does when we are killed.
const WARDEN: &str = include_str!("../../tests/e2e/src/parts/warden.py");

/// What requirements.txt takes: Python 3.11.
const IS_PYTHON_NEW_ENOUGH: &str = "import sys; sys.exit(sys.version_info < (3, 11))";

/// What package-lock.json takes: Node.js 20.
const LEAST_NODE: u32 = 20;

const IS_NODE_NEW_ENOUGH: &str =
    "process.exit(parseInt(process.versions.node) < process.argv[1] ? 1 : 0)";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Install nothing, and say what is missing.
    #[arg(long)]
    no_install: bool,
    /// For the suite: a part of the names of scenarios, `--list`, `--help`.
    #[arg(last = true)]
    suite: Vec<OsString>,
}

/// A program that Debian has.
struct Program {
    command: &'static str,
    package: &'static str,
    /// Names another one to use.
    variable: &'static str,
}

const TURNSERVER: Program =
    Program { command: "turnserver", package: "coturn", variable: "E2E_TURNSERVER" };
const CHROMIUM: Program =
    Program { command: "chromium", package: "chromium", variable: "E2E_CHROMIUM" };
const NODE: Program = Program { command: "node", package: "nodejs", variable: "E2E_NODE" };
const NPM: Program = Program { command: "npm", package: "npm", variable: "E2E_NPM" };
/// What Synapse's own Python is made from.
const PYTHON: Program =
    Program { command: "python3", package: "python3", variable: "E2E_SYSTEM_PYTHON" };

pub(crate) fn run(Arguments { no_install, suite }: Arguments) -> Result<()> {
    let sources = workspace().join("tests/e2e");
    let target = target();
    let synapse = Installed::new(target.join("venv"), &[sources.join("requirements.txt")])?;
    let web = target.join("web");
    copy_files(&sources.join("web"), &web)?;
    let packages = Installed::new(
        web.join("node_modules"),
        &[web.join("package.json"), web.join("package-lock.json")],
    )?;

    if !no_install {
        install_programs(&synapse)?;
        install_synapse(&synapse, &sources.join("requirements.txt"))?;
        install_packages(&packages, &web)?;
    }
    ensure!(is_synapse_usable(&synapse), synapse.missing("Synapse"));
    ensure!(packages.is_current(), packages.missing("playwright-core and its like"));
    let node = find_node()?;
    bundle(&node, &web)?;

    let mut suite_run = Command::new(build_suite()?);
    suite_run.current_dir(workspace()).args(suite);
    suite_run.env("E2E_PYTHON", python_of(&synapse));
    suite_run.env("E2E_TURNSERVER", TURNSERVER.find()?);
    suite_run.env("E2E_CHROMIUM", CHROMIUM.find()?);
    suite_run.env("E2E_NODE", node);
    suite_run.env("E2E_WEB", web);
    suite_run.env("E2E_LOGS", target.join("logs"));
    // Chromium writes there besides its profile, which is temporary.
    suite_run.env("XDG_CACHE_HOME", cache());
    suite_run.env("XDG_CONFIG_HOME", target.join("config"));
    // In our place: whoever interrupts or ends this process interrupts or ends the suite.
    Err(suite_run.exec()).context("the suite did not start")
}

fn target() -> PathBuf {
    workspace().join("target/e2e")
}

fn cache() -> PathBuf {
    target().join("cache")
}

/// With everything else that there is: by itself it would need matrix-sdk with other features, and so
/// once more than `cargo test --workspace` does.
fn build_suite() -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--locked", "--workspace", "--all-targets"]);
    // Where it puts things depends on variables and configuration files.
    build.arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
    println!("$ {build:?}");
    let output = build.output()?;
    ensure!(output.status.success(), "{build:?} failed: {}", output.status);
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| line.split_once(r#""executable":""#)?.1.split('"').next())
        .map(PathBuf::from)
        // Its unit tests have a hash in their name.
        .find(|executable| executable.ends_with("e2e"))
        .context("cargo built no executable named e2e")
}

impl Program {
    fn named(&self) -> Option<PathBuf> {
        env::var_os(self.variable).map(PathBuf::from)
    }

    fn in_path(&self) -> Option<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).map(|bin| bin.join(self.command)).find(|file| file.is_file())
    }

    fn find(&self) -> Result<PathBuf> {
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

    fn is_missing(&self) -> bool {
        self.named().is_none() && self.in_path().is_none()
    }
}

fn install_programs(synapse: &Installed) -> Result<()> {
    let programs = [TURNSERVER, CHROMIUM, NODE, NPM, PYTHON];
    let mut packages: Vec<_> =
        programs.iter().filter(|program| program.is_missing()).map(|p| p.package).collect();
    if !is_synapse_usable(synapse) && !has_venv() {
        packages.push("python3-venv");
    }
    if packages.is_empty() {
        return Ok(());
    }
    if !NODE.is_missing() {
        find_node()?;
    }

    // The lists that are there may do.
    if let Err(error) = run_command(as_root("apt-get").arg("update")) {
        println!("the package lists are not renewed: {error:#}");
    }
    if packages.contains(&NODE.package) {
        ensure_node_is_available()?;
    }
    let mut install = as_root("apt-get");
    install.args(["install", "--yes", "--no-install-recommends"]).args(&packages);
    run_command(&mut install).with_context(|| {
        format!("install these yourself, and run this again: {}", packages.join(", "))
    })?;
    if packages.contains(&TURNSERVER.package) {
        // Debian starts it, now and with the machine. The suite has its own.
        run_command(as_root("service").args(["coturn", "stop"]))?;
        run_command(as_root("update-rc.d").args(["coturn", "disable"]))?;
    }
    Ok(())
}

/// Debian splits Python up; others do not.
fn has_venv() -> bool {
    PYTHON.find().is_ok_and(|python| succeeds(&python, &["-c", "import ensurepip"]))
}

fn install_synapse(synapse: &Installed, requirements: &Path) -> Result<()> {
    if is_synapse_usable(synapse) {
        return Ok(());
    }
    synapse.remove()?;
    let python = PYTHON.find()?;
    ensure!(
        succeeds(&python, &["-c", IS_PYTHON_NEW_ENOUGH]),
        "{} is too old: Synapse's requirements take Python 3.11 or newer. Name one in {}",
        python.display(),
        PYTHON.variable
    );
    let venv: &[&OsStr] =
        &[python.as_ref(), "-m".as_ref(), "venv".as_ref(), synapse.directory.as_ref()];
    run_watched(&workspace(), venv).with_context(|| {
        format!("does {} have its module venv? Debian's is in python3-venv", python.display())
    })?;

    let python = python_of(synapse);
    let mut pip: Vec<&OsStr> = vec![python.as_ref()];
    pip.extend(["-m", "pip", "--disable-pip-version-check", "install", "--quiet"].map(OsStr::new));
    pip.extend(["--requirement".as_ref(), requirements.as_os_str()]);
    run_watched(&workspace(), &pip)?;
    synapse.note()
}

/// The Python that knows Synapse.
fn python_of(synapse: &Installed) -> PathBuf {
    synapse.directory.join("bin/python")
}

fn is_synapse_usable(synapse: &Installed) -> bool {
    // The system's Python, which it was made from, may have been replaced.
    synapse.is_current() && succeeds(&python_of(synapse), &["-c", "import synapse"])
}

fn install_packages(packages: &Installed, web: &Path) -> Result<()> {
    if packages.is_current() {
        return Ok(());
    }
    packages.remove()?;
    find_node()?;
    let npm = NPM.find()?;
    let mut ci: Vec<&OsStr> = vec![npm.as_ref()];
    ci.extend(["ci", "--ignore-scripts", "--no-audit", "--no-fund"].map(OsStr::new));
    run_watched(web, &ci)?;
    packages.note()
}

fn find_node() -> Result<PathBuf> {
    let node = NODE.find()?;
    ensure!(
        succeeds(&node, &["--eval", IS_NODE_NEW_ENOUGH, &LEAST_NODE.to_string()]),
        "{} is too old: playwright-core takes Node.js {LEAST_NODE} or newer. Name one in {}",
        node.display(),
        NODE.variable
    );
    Ok(node)
}

/// Fails if what the system would install as Node.js is too old, as Debian 12's is.
fn ensure_node_is_available() -> Result<()> {
    let mut policy = Command::new("apt-cache");
    policy.args(["policy", NODE.package]).env("LC_ALL", "C");
    // Without apt-cache there is no candidate either.
    let policy = policy.output().map(|output| output.stdout).unwrap_or_default();
    let policy = String::from_utf8_lossy(&policy);
    let candidate = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    let major = candidate.and_then(|version| version.split('.').next()?.parse().ok());
    ensure!(
        major.is_some_and(|major: u32| major >= LEAST_NODE),
        "Node.js {LEAST_NODE} or newer is missing, and this system's own is {}: install it with npm \
         from https://nodejs.org/en/download, or name them in {} and {}",
        candidate.unwrap_or("unknown"),
        NODE.variable,
        NPM.variable
    );
    Ok(())
}

/// The page and the widget, each in one file.
fn bundle(node: &Path, web: &Path) -> Result<()> {
    let mut esbuild = Command::new(node);
    esbuild.current_dir(web).arg("node_modules/esbuild/bin/esbuild");
    esbuild.args(["page.js", "widget.js", "--bundle", "--outdir=dist", "--log-level=warning"]);
    run_command(&mut esbuild)?;
    for page in ["page.html", "widget.html"] {
        fs::copy(web.join(page), web.join("dist").join(page))
            .with_context(|| format!("{page} is missing"))?;
    }
    Ok(())
}

/// A directory that is filled once, and again when what it is filled from changes.
struct Installed {
    directory: PathBuf,
    inputs: String,
}

impl Installed {
    fn new(directory: PathBuf, inputs: &[PathBuf]) -> Result<Self> {
        let read = |file: &PathBuf| {
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
        };
        Ok(Self { directory, inputs: inputs.iter().map(read).collect::<Result<_>>()? })
    }

    /// Written last, so that an installation that was interrupted does not count.
    fn stamp(&self) -> PathBuf {
        self.directory.join("installed-from")
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(self.stamp()).is_ok_and(|inputs| inputs == self.inputs)
    }

    fn missing(&self, what: &str) -> String {
        let directory = self.directory.display();
        format!("{what}: missing or outdated in {directory}. Run this without --no-install")
    }

    fn note(&self) -> Result<()> {
        Ok(fs::write(self.stamp(), &self.inputs)?)
    }

    fn remove(&self) -> Result<()> {
        if self.directory.exists() {
            fs::remove_dir_all(&self.directory)?;
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

/// Runs a command that ends when we are killed. Not for apt-get, which is not to be ended halfway.
fn run_watched(directory: &Path, command: &[&OsStr]) -> Result<()> {
    let mut warden = Command::new(PYTHON.find()?);
    warden.args(["-c", WARDEN]).args(command).current_dir(directory);
    warden.env("PIP_CACHE_DIR", cache().join("pip"));
    warden.env("npm_config_cache", cache().join("npm"));
    println!("$ {}", command.join(OsStr::new(" ")).display());
    // Ctrl-C reaches it by us.
    let mut warden = warden.stdin(Stdio::piped()).process_group(0).spawn()?;
    let stdin = warden.stdin.take();
    let status = warden.wait()?;
    drop(stdin);
    ensure!(status.success(), "{} failed: {status}", command.join(OsStr::new(" ")).display());
    Ok(())
}

fn succeeds(program: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn as_root(program: &str) -> Command {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let mut command = Command::new(if is_root { "env" } else { "sudo" });
    if !is_root {
        command.arg("env");
    }
    // No questions: there may be nobody to answer.
    command.args(["DEBIAN_FRONTEND=noninteractive", program]);
    command
}
