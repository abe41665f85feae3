//! farm's own engine where there is none of it: on systems other than Linux.

use crate::engine::EngineError;
use crate::engine::discovery::driver::{Driver, Endpoint, Endpoints, Examination, Wanted};
use crate::types::{Check, Severity};

const SCHEME: &str = "native";
const NEEDS_LINUX: &str = "containers without a container engine need Linux: start Docker, Colima or Podman";

pub(super) const DRIVER: Driver = Driver {
    names: &[SCHEME],
    schemes: &[SCHEME],
    title: "farm's own engine",
    subject: "native engine",
    endpoints: |wanted, _| {
        Ok(Endpoints::usual(vec![match wanted {
            Wanted::Url(url) => Endpoint::asked_for(url),
            Wanted::Any | Wanted::Named(_) => Endpoint::new(SCHEME, DRIVER.title),
        }]))
    },
    connect: |_, _| Box::pin(async { Err(EngineError::Config(NEEDS_LINUX.to_owned())) }),
    examine: |_| {
        Box::pin(async {
            let check = Check::new(DRIVER.subject, Severity::Note, NEEDS_LINUX);
            Examination { checks: vec![check], ..Examination::default() }
        })
    },
    store: |_| None,
    rights: |_| Ok(None),
};
