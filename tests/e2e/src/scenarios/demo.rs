//! The demo's page, in a browser. What a person does there is in `web/demo-steps.mjs`.

use std::{env, ffi::OsStr, fs, process::Stdio, time::Duration};

use anyhow::{Context, ensure};
use tokio::{process::Command, time::timeout};

use crate::{parts::Process, stage::Stage, wait::until};

/// The page's address is printed before anything else is done.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(20);

/// All visits take two minutes on two busy cores.
const VISITS_TIMEOUT: Duration = Duration::from_secs(220);

/// The demo's page is at this, it says.
const BEFORE_ADDRESS: &str = "watch and break it at ";

pub(crate) async fn a_person_watches_and_breaks_the_demo(stage: &mut Stage) -> anyhow::Result<()> {
    let program = env::current_exe()?.with_file_name("turn-demo");
    let log = stage.directory.join("demo.log");
    let command = [program.as_os_str(), OsStr::new("--ttl"), OsStr::new("15")];
    let demo = Process::start(stage.environment(), "turn-demo", &command, &log)?;
    let address = until("the demo prints its page's address", ADDRESS_TIMEOUT, async || {
        let printed = fs::read_to_string(&log)?;
        let after = printed.split_once(BEFORE_ADDRESS).map(|(_, after)| after);
        Ok(after.and_then(|after| after.split_once('\n')).map(|(line, _)| line.trim().to_owned()))
    })
    .await?;

    let environment = stage.environment();
    let mut visits = Command::new(&environment.node)
        .arg(environment.web.join("demo.mjs"))
        .arg(&address)
        .arg(&stage.directory)
        .env("E2E_CHROMIUM", &environment.chromium)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("the visits did not start")?;
    // Held until they have ended.
    let stdin = visits.stdin.take();
    let output = timeout(VISITS_TIMEOUT, visits.wait_with_output())
        .await
        .with_context(|| format!("the visits did not end within {VISITS_TIMEOUT:?}"))??;
    drop(stdin);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "after {said:?}: {}", String::from_utf8_lossy(&output.stderr));
    stage.found(format!("visits to the demo's page: {}", said.trim().replace('\n', ", ")));
    demo.stop().await?;
    Ok(())
}
