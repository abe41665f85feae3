//! How the engine is opened: with which store, and which program as its helper.

use std::path::{Path, PathBuf};

use crate::engine::EngineError;

/// How to open the engine.
#[derive(Debug, Clone)]
pub struct NativeOptions {
    /// Where images and containers are kept.
    pub store: PathBuf,
    /// A program whose `main` calls [`run_helper`](super::run_helper) first: farm itself.
    pub program: PathBuf,
}

impl NativeOptions {
    /// With this program as its own helper, and the store of this user where no other is named: in `FARM_DATA`, else in
    /// `farm` of the XDG data folder.
    ///
    /// # Errors
    /// [`EngineError::Config`] when the environment names no such folder.
    pub fn of_this_process(store: Option<&Path>) -> Result<NativeOptions, EngineError> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let store = store
            .map(Path::to_owned)
            .or_else(|| set("FARM_DATA"))
            .or_else(|| set("XDG_DATA_HOME").map(|folder| folder.join("farm")))
            .or_else(|| set("HOME").map(|home| home.join(".local/share/farm")))
            .ok_or_else(|| EngineError::Config("no folder for images: set FARM_DATA or HOME".to_owned()))?;
        let store = std::path::absolute(store).map_err(|error| EngineError::Config(error.to_string()))?;
        let program = std::env::current_exe()
            .map_err(|error| EngineError::Config(format!("this program cannot be found: {error}")))?;
        Ok(NativeOptions { store, program })
    }
    /// Those of an endpoint: `native://` and the folder of a store, or `native` alone for this user's.
    ///
    /// # Errors
    /// As [`NativeOptions::of_this_process`].
    pub(super) fn of_url(url: &str) -> Result<NativeOptions, EngineError> {
        NativeOptions::of_this_process(url.split_once("://").map(|(_, store)| Path::new(store)))
    }
}
