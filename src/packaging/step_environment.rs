//! The environment of the step that ran last, written down in its container for who looks into it.

use crate::network::ContainerNetwork;

use super::model::{BUILD_ROOT, PHASE_TOKEN};

/// What a step's scripts write their environment to, as commands of a shell.
const ENVIRONMENT: &str = "/build/.farm-step";
/// The folder that the script was in.
const FOLDER: &str = "FARM_STEP_FOLDER";
/// Shell: `phase NAME` announces a phase to whoever set the token.
pub(super) fn phase_function() -> String {
    format!("phase() {{\n[ -z \"${{FARM_PHASE_TOKEN:-}}\" ] || echo \"$FARM_PHASE_TOKEN $1\"\n{}}}\n", record())
}

/// Shell: writes down the environment that a recipe's script is about to have, without what of it is this host's. Only where
/// farm runs the script.
pub(super) fn record() -> String {
    format!(
        "[ -z \"${{{PHASE_TOKEN}:-}}\" ] || (unset {PHASE_TOKEN} {}; export {FOLDER}=\"$PWD\"; export -p >{ENVIRONMENT}) \
         2>/dev/null || :\n",
        ContainerNetwork::variables().join(" ")
    )
}

/// Shell: the environment and the folder that the step had which ran last, then the program and the arguments that follow;
/// without any, a shell for a person.
pub(crate) fn enter() -> String {
    format!(
        "cd {BUILD_ROOT} 2>/dev/null || cd /\n\
         [ ! -r {ENVIRONMENT} ] || . {ENVIRONMENT}\n\
         [ ! -d \"${{{FOLDER}:-}}\" ] || cd \"${FOLDER}\"\n\
         unset {FOLDER} {PHASE_TOKEN} OLDPWD\n\
         [ \"$#\" -eq 0 ] || exec \"$@\"\n\
         if command -v bash >/dev/null; then\n    PS1=\"${{FARM_PROMPT:-farm}}:\"'\\w\\$ ' exec bash --noprofile --norc -i\nfi\n\
         PS1=\"${{FARM_PROMPT:-farm}}\\$ \" exec sh -i\n"
    )
}
