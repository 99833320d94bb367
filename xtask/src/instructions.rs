//! How many instructions it takes to do once what `benches/benches/instructions.rs` does, and whether
//! that has changed.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{built_by, cargo, workspace};

/// How far a count may be from the one that is noted, in hundredths of it.
const TOLERANCE: u64 = 3;

/// By how many instructions what we add to the SDK's may grow: as many, or a share of the SDK's count,
/// by which large messages differ from one run to the next.
const ADDED_TOLERANCE: u64 = 200;
const ADDED_SHARE: u64 = 500;

/// How much what we add to the SDK's may be at most, in hundredths of the SDK's count.
const ADDED_LIMIT: u64 = 3;

/// Cases that have no such limit: in an order that nobody writes, a message is parsed whole.
const UNLIMITED: &str = "data first";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Note these counts from now on.
    #[arg(long)]
    write: bool,
    /// Only the cases with this in their names. The others' notes stay.
    case: Option<String>,
}

/// By the name of the case.
type Counts = BTreeMap<String, u64>;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut build = cargo();
    build.args(["bench", "--locked", "--package=benches", "--bench=instructions", "--no-run"]);
    let program = built_by(&mut build, |executable| {
        executable.file_name().is_some_and(|it| it.to_string_lossy().starts_with("instructions-"))
    })?;
    let mut noted = read_notes()?;
    if let Some(case) = &arguments.case {
        noted.retain(|name, _| name.contains(case));
    }
    let counted = count(&program, arguments.case.as_deref())?;
    println!("{}", table(&counted, &noted));
    if arguments.write {
        let mut others = read_notes()?;
        others.retain(|name, _| !noted.contains_key(name));
        return write_notes(&others.into_iter().chain(counted).collect());
    }
    let changes = changes(&counted, &noted);
    ensure!(
        changes.is_empty(),
        "{}\nIf that is meant: cargo xtask instructions --write",
        changes.join("\n")
    );
    Ok(())
}

fn count(program: &Path, only: Option<&str>) -> Result<Counts> {
    let list = Command::new(program).output()?;
    ensure!(list.status.success(), "{program:?} failed: {}", list.status);
    String::from_utf8(list.stdout)?
        .lines()
        .filter_map(|line| line.rsplit_once('\t'))
        .filter(|(name, _)| only.is_none_or(|only| name.contains(only)))
        .map(|(name, times)| Ok((name.to_owned(), count_one(program, name, times.parse()?)?)))
        .collect()
}

/// Setting up and warming up cancel out between a short run and a long one.
fn count_one(program: &Path, name: &str, times: u64) -> Result<u64> {
    let short = instructions(program, name, times)?;
    let long = instructions(program, name, 3 * times)?;
    Ok(long.saturating_sub(short) / (2 * times))
}

fn instructions(program: &Path, name: &str, times: u64) -> Result<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    let output = valgrind
        .args([name, &times.to_string()])
        .output()
        .context("valgrind did not start: it is a package of most systems")?;
    let log = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{valgrind:?} failed:\n{log}");
    let collected = log.lines().find_map(|line| line.split_once("Collected : ")?.1.parse().ok());
    collected.with_context(|| format!("{valgrind:?} counted nothing:\n{log}"))
}

fn table(counted: &Counts, noted: &Counts) -> String {
    let mut table = format!("{:<32} {:>14} {:>14} {:>8}\n", "", "instructions", "noted", "to sdk");
    for (name, count) in counted {
        let noted = noted.get(name).map_or_else(|| "-".to_owned(), u64::to_string);
        let pair = counted.get(&name.replace("turn", "sdk")).filter(|_| name.contains("turn"));
        let ratio = pair.map_or(String::new(), |sdk| format!("{:.3}", share(*count, *sdk)));
        let _ = writeln!(table, "{name:<32} {count:>14} {noted:>14} {ratio:>8}");
    }
    table
}

/// What is not as it was noted, in sentences.
fn changes(counted: &Counts, noted: &Counts) -> Vec<String> {
    let change = |(name, count): (&String, &u64)| {
        let Some(noted) = noted.get(name) else { return Some(format!("{name} is not noted.")) };
        (100 * count.abs_diff(*noted) > TOLERANCE * noted).then(|| {
            let change = 100.0 * (share(*count, *noted) - 1.0);
            format!("{name} takes {count} instructions, {change:+.1}% of {noted}.")
        })
    };
    let gone = noted.keys().filter(|name| !counted.contains_key(*name));
    let gone = gone.map(|name| format!("{name} is noted, and is no case any more."));
    let grown = counted.keys().filter_map(|name| growth(name, counted, noted));
    let beyond = counted.keys().filter_map(|name| beyond_limit(name, counted));
    counted.iter().filter_map(change).chain(grown).chain(beyond).chain(gone).collect()
}

/// What 3% of the SDK's count would hide: that the library adds more to it than was noted.
fn growth(name: &str, counted: &Counts, noted: &Counts) -> Option<String> {
    let ((now, sdk), (before, _)) = (added(name, counted)?, added(name, noted)?);
    (now > before + ADDED_TOLERANCE.max(sdk / ADDED_SHARE))
        .then(|| format!("{name} adds {now} instructions to the SDK's, where {before} are noted."))
}

fn beyond_limit(name: &str, counted: &Counts) -> Option<String> {
    let (added, sdk) = added(name, counted)?;
    (100 * added > ADDED_LIMIT * sdk && !name.contains(UNLIMITED)).then(|| {
        let percent = 100.0 * share(added, sdk);
        format!("{name} adds {percent:.1}% to the SDK's, and {ADDED_LIMIT}% is the limit.")
    })
}

/// By how much a count is more than the SDK's, and the SDK's.
fn added(name: &str, counts: &Counts) -> Option<(u64, u64)> {
    let sdk = name.contains("/turn/").then(|| name.replace("/turn/", "/sdk/"))?;
    let sdk = *counts.get(&sdk)?;
    Some((counts.get(name)?.saturating_sub(sdk), sdk))
}

#[expect(clippy::cast_precision_loss, reason = "a few digits are enough")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

fn notes() -> PathBuf {
    workspace().join("benches/instructions.txt")
}

fn read_notes() -> Result<Counts> {
    let mut counts = Counts::new();
    for line in fs::read_to_string(notes()).unwrap_or_default().lines() {
        let Some((name, count)) = line.rsplit_once('\t') else {
            bail!("{:?} has a line without a count: {line:?}", notes());
        };
        counts.insert(name.to_owned(), count.parse()?);
    }
    Ok(counts)
}

fn write_notes(counts: &Counts) -> Result<()> {
    let lines: String = counts.iter().map(|(name, count)| format!("{name}\t{count}\n")).collect();
    fs::write(notes(), lines)?;
    println!("noted in {}", notes().display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts<const N: usize>(counts: [(&str, u64); N]) -> Counts {
        counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }

    #[test]
    fn a_change_of_more_than_3_percent_is_named() {
        let noted = counts([("a", 1000), ("b", 1000), ("c", 1000), ("d", 1000)]);
        let counted = counts([("a", 1030), ("b", 1031), ("c", 969), ("e", 1)]);
        let changes = changes(&counted, &noted);
        assert_eq!(
            changes,
            [
                "b takes 1031 instructions, +3.1% of 1000.",
                "c takes 969 instructions, -3.1% of 1000.",
                "e is not noted.",
                "d is noted, and is no case any more.",
            ]
        );
    }

    #[test]
    fn what_is_added_to_the_sdks_must_not_grow() {
        let noted = counts([("p/sdk/200 B", 32_500), ("p/turn/200 B", 33_200)]);
        let same = counts([("p/sdk/200 B", 32_500), ("p/turn/200 B", 33_400)]);
        assert!(changes(&same, &noted).is_empty());
        let more = counts([("p/sdk/200 B", 32_500), ("p/turn/200 B", 33_401)]);
        assert_eq!(
            changes(&more, &noted),
            ["p/turn/200 B adds 901 instructions to the SDK's, where 700 are noted."]
        );
    }

    #[test]
    fn what_is_added_to_the_sdks_has_a_limit() {
        let most = counts([("p/sdk/200 B", 32_500), ("p/turn/200 B", 33_475)]);
        assert!(changes(&most, &most).is_empty());
        let more = counts([("p/sdk/200 B", 32_500), ("p/turn/200 B", 33_476)]);
        assert_eq!(
            changes(&more, &more),
            ["p/turn/200 B adds 3.0% to the SDK's, and 3% is the limit."]
        );
        let parsed = counts([("p/sdk/2 B, data first", 100), ("p/turn/2 B, data first", 200)]);
        assert!(changes(&parsed, &parsed).is_empty());
    }

    #[test]
    fn a_pair_is_compared() {
        let counted = counts([("passthrough/sdk/2 KiB", 1000), ("passthrough/turn/2 KiB", 1021)]);
        assert!(table(&counted, &Counts::new()).contains("1.021"));
    }
}
