//! A store that lives as long as the test, and misbehaves when told to.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use matrix_sdk_turn::{StoreError, TurnServerStore};

/// Outlives the services that it is given to, as a file outlives processes. Clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    entry: Option<Vec<u8>>,
    behaviour: Behaviour,
    writes: usize,
}

/// What a store does when it is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// What it should.
    #[default]
    Sound,
    /// It returns an error.
    Failing,
    /// It never answers.
    Hanging,
    /// It panics.
    Panicking,
}

impl MemoryStore {
    /// What is in it.
    pub fn entry(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap().entry.clone()
    }

    /// Puts something into it.
    pub fn put(&self, entry: impl Into<Vec<u8>>) {
        self.0.lock().unwrap().entry = Some(entry.into());
    }

    /// How often something was saved or removed.
    pub fn writes(&self) -> usize {
        self.0.lock().unwrap().writes
    }

    /// How many hold it, the test included.
    pub fn owners(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// From now on, it does this.
    pub fn behave(&self, behaviour: Behaviour) {
        self.0.lock().unwrap().behaviour = behaviour;
    }

    async fn misbehave(&self) -> Result<(), StoreError> {
        let behaviour = self.0.lock().unwrap().behaviour;
        match behaviour {
            Behaviour::Sound => Ok(()),
            Behaviour::Failing => Err("the disk is full".into()),
            Behaviour::Hanging => std::future::pending().await,
            Behaviour::Panicking => panic!("as the test wants it"),
        }
    }

    fn write(&self, entry: Option<Vec<u8>>) {
        let mut contents = self.0.lock().unwrap();
        contents.entry = entry;
        contents.writes += 1;
    }
}

#[async_trait]
impl TurnServerStore for MemoryStore {
    async fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.misbehave().await?;
        Ok(self.entry())
    }

    async fn save(&self, entry: &[u8]) -> Result<(), StoreError> {
        self.misbehave().await?;
        self.write(Some(entry.to_vec()));
        Ok(())
    }

    async fn remove(&self) -> Result<(), StoreError> {
        self.misbehave().await?;
        self.write(None);
        Ok(())
    }
}
