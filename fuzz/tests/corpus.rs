//! Every file of the corpora, and every input that was once a failure, goes through its target.

#![allow(clippy::print_stdout, reason = "which file it was is shown if a target fails")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use fuzz::TARGETS;

#[test]
fn every_file_passes() {
    for (name, target) in TARGETS {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
        let corpus = files(&directory.join("corpus").join(name));
        assert!(!corpus.is_empty(), "{name} has no corpus");
        for file in corpus.into_iter().chain(files(&directory.join("regressions").join(name))) {
            println!("{}", file.display());
            target(&fs::read(file).unwrap());
        }
    }
}

/// None if there is no such directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.map(|entry| entry.expect("the directory is read").path()).collect()
}
