//! One scenario, from a clean state to the end of everything it started.

use std::{
    fs::{self, File},
    mem,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::{runtime, time::timeout};
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::filter::LevelFilter;

use crate::{environment::Environment, scenarios::Scenario, stage::Stage};

/// Nothing takes that long: the longest observes 120 s.
const SCENARIO_TIMEOUT: Duration = Duration::from_secs(240);

/// Threads of a host program.
const WORKERS: usize = 2;

/// What came of a scenario.
pub(crate) struct Played {
    pub(crate) took: Duration,
    pub(crate) findings: Vec<String>,
}

pub(crate) fn run(scenario: &Scenario, environment: &Environment) -> anyhow::Result<Played> {
    run_logged(environment, scenario.name, scenario.log_level, |directory| {
        play(scenario, environment.clone(), directory)
    })
}

/// Plays with a runtime and a directory of its own, where what is logged is noted.
pub(crate) fn run_logged<F>(
    environment: &Environment,
    name: &str,
    log_level: LevelFilter,
    play: impl FnOnce(PathBuf) -> F,
) -> anyhow::Result<Played>
where
    F: Future<Output = anyhow::Result<Vec<String>>>,
{
    let started = Instant::now();
    let directory = environment.logs.join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    let logging = log_to(&directory.join("host.log"), log_level)?;
    let _guard = dispatcher::set_default(&logging);

    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        // What is logged on these threads is this scenario's.
        .on_thread_start(move || mem::forget(dispatcher::set_default(&logging)))
        .build()?;
    let findings = runtime
        .block_on(play(directory.clone()))
        .with_context(|| format!("the logs are in {}", directory.display()))?;
    Ok(Played { took: started.elapsed(), findings })
}

async fn play(
    scenario: &Scenario,
    environment: Environment,
    directory: PathBuf,
) -> anyhow::Result<Vec<String>> {
    let mut stage = Stage::start(&environment, &directory, scenario.homeserver).await?;
    let outcome = timeout(SCENARIO_TIMEOUT, (scenario.play)(&mut stage))
        .await
        .with_context(|| format!("the scenario did not end within {SCENARIO_TIMEOUT:?}"));
    let findings = mem::take(&mut stage.findings);
    let stopped = stage.stop().await;
    outcome??;
    stopped?;
    Ok(findings)
}

/// What the host program and its libraries log.
fn log_to(file: &Path, level: LevelFilter) -> anyhow::Result<Dispatch> {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(Mutex::new(File::create(file)?))
        .finish();
    Ok(Dispatch::new(subscriber))
}
