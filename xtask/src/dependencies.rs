//! What the library adds to a client that has matrix-sdk already. It may add nothing: no crate, and no
//! feature of a crate.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, ensure};

use crate::{cargo, workspace};

/// Features of the library, and those of matrix-sdk that a client needs to make use of them.
const SETS: [(&str, &[&str]); 2] = [("client", &[]), ("default", &["experimental-widgets"])];

pub(crate) fn run() -> Result<()> {
    for (features, sdk_features) in SETS {
        let sdk = sdk_alone(sdk_features)?;
        let library = tree(
            &workspace(),
            &[
                "--locked",
                "--package=matrix-sdk-turn",
                "--no-default-features",
                "--features",
                features,
            ],
        )?;
        let added = Added::new(&sdk, &library);
        println!(
            "feature {features:?}: matrix-sdk with {sdk_features:?} brings {} crates, the library adds \
             {} crates {:?} and {} features {:?}",
            sdk.len(),
            added.crates.len(),
            added.crates,
            added.features.len(),
            added.features
        );
        ensure!(added.is_nothing(), "the library may add nothing to matrix-sdk");
    }
    Ok(())
}

/// Each crate with its features.
type Crates = BTreeMap<String, BTreeSet<String>>;

/// What a client has that depends on nothing but matrix-sdk, in the version of our lock file.
fn sdk_alone(features: &[&str]) -> Result<Crates> {
    let client = workspace().join("target/dependencies");
    fs::create_dir_all(client.join("src"))?;
    fs::write(client.join("src/lib.rs"), "")?;
    fs::copy(workspace().join("Cargo.lock"), client.join("Cargo.lock"))?;
    let manifest = format!(
        "[package]\nname = \"client\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         matrix-sdk = {{ version = \"*\", default-features = false, features = {features:?} }}\n"
    );
    fs::write(client.join("Cargo.toml"), manifest)?;
    tree(&client, &[])
}

fn tree(directory: &Path, arguments: &[&str]) -> Result<Crates> {
    let mut tree = cargo();
    tree.current_dir(directory).arg("tree").args(arguments);
    tree.args(["--edges=normal,build", "--prefix=none", "--format={p}|{f}"]);
    let output = tree.output().context("cargo tree did not start")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(parse(&String::from_utf8(output.stdout)?))
}

fn parse(tree: &str) -> Crates {
    let mut crates = Crates::new();
    // The first line is the package itself.
    for line in tree.lines().skip(1) {
        let line = line.trim_end_matches(" (*)");
        let (package, features) = line.split_once('|').unwrap_or((line, ""));
        // The feature `default` does nothing but turn on others, which are listed as well.
        let features = features.split(',').filter(|feature| !["", "default"].contains(feature));
        crates.entry(package.to_owned()).or_default().extend(features.map(str::to_owned));
    }
    crates
}

struct Added {
    crates: Vec<String>,
    features: Vec<String>,
}

impl Added {
    fn new(sdk: &Crates, library: &Crates) -> Self {
        let mut added = Self { crates: Vec::new(), features: Vec::new() };
        for (package, features) in library {
            match sdk.get(package) {
                None => added.crates.push(package.clone()),
                Some(of_sdk) => added.features.extend(
                    features.difference(of_sdk).map(|feature| format!("{package}/{feature}")),
                ),
            }
        }
        added
    }

    fn is_nothing(&self) -> bool {
        self.crates.is_empty() && self.features.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_sdk_does_not_bring_counts() {
        let sdk =
            parse("client v0.0.0|\nmatrix-sdk v0.18.0|\nb v1.0.0|x\nc v1.0.0|\nb v1.0.0|x (*)");
        let library = parse(
            "matrix-sdk-turn v0.1.0|client\na v1.0.0|y\nb v1.0.0|default,x\nb v2.0.0|\n\
             matrix-sdk v0.18.0|e2e\nc v1.0.0|\nc v1.0.0| (*)",
        );
        let added = Added::new(&sdk, &library);
        assert_eq!(added.crates, ["a v1.0.0", "b v2.0.0"]);
        assert_eq!(added.features, ["matrix-sdk v0.18.0/e2e"]);
        assert!(!added.is_nothing());
        assert!(Added::new(&sdk, &sdk).is_nothing());
    }
}
