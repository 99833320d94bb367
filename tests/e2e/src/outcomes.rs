//! What came of the scenarios.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{run::Played, scenarios::SCENARIOS};

/// Filled in by the scenarios as they end.
#[derive(Clone, Default)]
pub(crate) struct Outcomes {
    by_name: Arc<Mutex<BTreeMap<&'static str, Option<Played>>>>,
}

impl Outcomes {
    /// `None` means that it failed.
    pub(crate) fn note(&self, name: &'static str, outcome: Option<Played>) {
        self.lock().insert(name, outcome);
    }

    pub(crate) fn are_complete(&self) -> bool {
        self.lock().len() == SCENARIOS.len()
    }

    pub(crate) fn has_passed(&self, name: &str) -> bool {
        matches!(self.lock().get(name), Some(Some(_)))
    }

    /// How long each took, and what it measured.
    #[allow(clippy::print_stdout, reason = "it is what the suite is run for")]
    pub(crate) fn print(&self) {
        for (name, played) in self.lock().iter() {
            let Some(Played { took, findings }) = played else { continue };
            println!("{name}: {:.1} s", took.as_secs_f64());
            for finding in findings {
                println!("    {finding}");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Option<Played>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
