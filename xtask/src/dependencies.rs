//! How many crates the library adds to a client that already has matrix-sdk.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use crate::cargo;

/// A client should not have to think about it.
const MOST: usize = 3;

pub(crate) fn run() -> Result<()> {
    let mut tree = cargo();
    tree.args(["tree", "--locked", "--package", "matrix-sdk-turn", "--edges", "normal,build"]);
    tree.args(["--prefix", "depth", "--no-dedupe", "--format", " {p}"]);
    let output = tree.output().context("cargo tree did not start")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let Crates { of_sdk, others } = Crates::parse(&String::from_utf8(output.stdout)?)?;
    ensure!(!of_sdk.is_empty(), "matrix-sdk is not among the dependencies");
    let added: Vec<_> = others.difference(&of_sdk).cloned().collect();
    println!(
        "matrix-sdk brings {} crates, the library adds {}: {added:?}",
        of_sdk.len(),
        added.len()
    );
    ensure!(added.len() <= MOST, "at most {MOST} are allowed");
    Ok(())
}

#[derive(Default)]
struct Crates {
    of_sdk: BTreeSet<String>,
    others: BTreeSet<String>,
}

impl Crates {
    fn parse(tree: &str) -> Result<Self> {
        let mut crates = Self::default();
        let mut sdk_depth = None;
        for line in tree.lines() {
            let (depth, package) = line.split_once(' ').context("a depth and a package")?;
            let depth: usize = depth.parse()?;
            let package = package.trim_end_matches(" (proc-macro)").to_owned();

            if sdk_depth.is_some_and(|sdk_depth| depth <= sdk_depth) {
                sdk_depth = None;
            }
            if package.starts_with("matrix-sdk v") {
                sdk_depth = Some(depth);
            }
            match (sdk_depth, depth) {
                (Some(_), _) => crates.of_sdk.insert(package),
                // The library itself.
                (None, 0) => false,
                (None, _) => crates.others.insert(package),
            };
        }
        Ok(crates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_sdk_does_not_bring_counts() {
        let tree = "0 matrix-sdk-turn v0.1.0\n1 a v1.0.0\n2 b v1.0.0\n1 matrix-sdk v0.18.0\n\
                    2 b v1.0.0\n3 c v1.0.0\n1 c v1.0.0\n1 b v2.0.0";
        let Crates { of_sdk, others } = Crates::parse(tree).unwrap();
        let added: Vec<_> = others.difference(&of_sdk).map(String::as_str).collect();
        assert_eq!(added, ["a v1.0.0", "b v2.0.0"]);
    }
}
