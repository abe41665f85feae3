//! What engines there are, each asked, whatever the others say: for people who want to know why one is used, or none.
//! [`connect`](super::connect) stops at the first that answers.

use std::path::PathBuf;

use super::{EngineError, EngineInfo, docker};

/// An endpoint that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub url: String,
    /// Why it was thought of.
    pub origin: &'static str,
    /// There is no such socket: nobody says that there should be an engine.
    pub absent: bool,
    /// Who answered, or why nobody did.
    pub answer: Result<EngineInfo, String>,
}

/// What [`survey`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// In the order in which they would be taken.
    pub asked: Vec<Asked>,
    /// Whether one of them may be taken at all.
    pub daemons: bool,
    /// Whether farm's own may be, where no other is.
    pub native: bool,
}

/// Asks all that `choice` may mean; see [`connect`](super::connect). Where that is farm's own engine alone, it asks the
/// others all the same.
///
/// # Errors
/// [`EngineError::Config`] for a choice or a configuration that cannot be read.
pub async fn survey(choice: &str) -> Result<Survey, EngineError> {
    let around = docker::Surroundings::of_this_process();
    let choice = docker::choice(choice, &around);
    if choice == "native" || choice.starts_with("native://") {
        // What is wrong with the others is of no interest then.
        let asked = docker::survey("auto", &around).await.unwrap_or_default();
        return Ok(Survey { asked, daemons: false, native: true });
    }
    let asked = docker::survey(choice, &around).await?;
    Ok(Survey { asked, daemons: true, native: choice == "auto" && !docker::is_configured(&around) })
}

/// How far farm's own engine comes on this machine. What comes after a step that fails is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeHealth {
    pub store: PathBuf,
    /// Which ids containers have.
    pub ids: Result<String, String>,
    /// Whether user namespaces can be made.
    pub namespaces: Option<Result<(), String>>,
    /// Whether a container can be made, of a layer of its own, with limits and without privileges.
    pub container: Option<Result<(), String>>,
    pub info: Option<EngineInfo>,
    pub limits_memory: bool,
    pub limits_processes: bool,
    pub filters_calls: bool,
}

/// Tries farm's own engine out, with the store that `choice` names or the user's, and leaves nothing of it.
///
/// # Errors
/// [`EngineError::Config`] where it cannot be at all.
#[cfg(target_os = "linux")]
pub async fn native_health(choice: &str) -> Result<NativeHealth, EngineError> {
    let around = docker::Surroundings::of_this_process();
    let store = docker::choice(choice, &around).strip_prefix("native://").map(PathBuf::from);
    super::native::health(super::NativeOptions::of_this_process(store.as_deref())?).await
}

#[cfg(not(target_os = "linux"))]
pub async fn native_health(_choice: &str) -> Result<NativeHealth, EngineError> {
    Err(EngineError::Config("containers without a container engine need Linux".to_owned()))
}
