//! Clusters in a farm that was built without them.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::{Engine, EngineError};

/// # Errors
/// Always: how to build farm with it.
pub(super) async fn connect(_url: &str, _limit: Duration) -> Result<Arc<dyn Engine>, EngineError> {
    Err(absent())
}

/// # Errors
/// Always: how to build farm with it.
pub(super) fn rights(_url: &str) -> Result<String, EngineError> {
    Err(absent())
}

fn absent() -> EngineError {
    EngineError::Config(
        "this farm was built without Kubernetes: build it with `cargo build --features kubernetes`".to_owned(),
    )
}
