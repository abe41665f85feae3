//! Tools that say what is missing over several lines, or for which a line means something only after another one:
//! CMake, whose warnings and errors have the same words; configure scripts, which say what they checked and then that
//! they give up; Meson without pkg-config.

use super::missing::{MissingKind, Named};
use super::patterns::{self, until};

/// Modules that CMake asked pkg-config for and did not get, until it says whether that is an error.
const ASKED: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Context {
    cmake: Option<Cmake>,
    asked: Vec<String>,
    /// The last check of a configure script, when it failed.
    check: Option<String>,
    no_pkg_config: bool,
}

/// What the indented lines after a heading of CMake's are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cmake {
    Warning,
    Error,
}

impl Context {
    /// What a line, after those before it, says is missing.
    pub(super) fn read(&mut self, line: &str) -> Vec<Named> {
        if let Some(heading) = line.strip_prefix("CMake ") {
            self.cmake = match until(heading, " ") {
                "Error" | "Error:" => Some(Cmake::Error),
                "Warning" | "Deprecation" => Some(Cmake::Warning),
                _ => None,
            };
            return Vec::new();
        }
        if let Some(level) = self.cmake {
            if line.starts_with("  ") || line.is_empty() {
                return if level == Cmake::Error { self.cmake_error(line.trim()) } else { Vec::new() };
            }
            self.cmake = None;
        }
        if let Some(status) = line.strip_prefix("-- ") {
            self.cmake_status(status);
            return Vec::new();
        }
        if let Some(named) = self.configure(line) {
            return vec![named];
        }
        if line.starts_with("Found pkg-config: NO") || line.starts_with("Found Pkg-config: NO") {
            self.no_pkg_config = true;
        }
        if let Some((_, after)) = line.split_once("ERROR: Dependency \"")
            && after.contains(" not found")
        {
            // Meson asks CMake, too, and then names both: what it had no chance to find is one thing more.
            let pkg_config = self.no_pkg_config.then(|| Named::certain(MissingKind::Command, "pkg-config")).flatten();
            let module = Named::certain(MissingKind::PkgConfig, until(after, "\""));
            return pkg_config.into_iter().chain(module).collect();
        }
        patterns::find(line).into_iter().collect()
    }

    /// Of what CMake did not find it goes on without, unless an error follows.
    fn cmake_status(&mut self, status: &str) {
        if status.starts_with("Checking for module") {
            self.asked.clear();
        } else if let Some(named) = patterns::find(status.trim())
            && named.kind == MissingKind::PkgConfig
            && self.asked.len() < ASKED
        {
            self.asked.push(named.name);
        }
    }

    fn cmake_error(&mut self, line: &str) -> Vec<Named> {
        if line.starts_with("A required package was not found") {
            return self.asked.drain(..).filter_map(|name| Named::certain(MissingKind::PkgConfig, &name)).collect();
        }
        let named = if let Some(file) = line.strip_suffix("Config.cmake").filter(|name| !name.contains(' ')) {
            Named::certain(MissingKind::CmakePackage, file)
        } else if let Some(after) = line.strip_prefix("Could NOT find ") {
            Named::certain(MissingKind::CmakePackage, until(after, " "))
        } else if let Some(module) = line.strip_prefix("- ") {
            // Of a list under "The following required packages were not found:"
            let end = module.find(['<', '>', '=', ' ']).unwrap_or(module.len());
            Named::certain(MissingKind::PkgConfig, &module[..end])
        } else if let Some(language) = line.strip_prefix("No CMAKE_") {
            let compiler = match until(language, "_COMPILER could be found") {
                "C" => "cc",
                "CXX" => "c++",
                "Fortran" => "gfortran",
                _ => return Vec::new(),
            };
            Named::certain(MissingKind::Command, compiler)
        } else {
            patterns::find(line)
        };
        named.into_iter().collect()
    }

    fn configure(&mut self, line: &str) -> Option<Named> {
        if let Some(check) = line.strip_prefix("checking ") {
            let failed = check.strip_suffix("... no").or_else(|| check.strip_suffix("... not found"));
            self.check = failed.map(str::to_owned);
            return None;
        }
        let (_, reason) = line.split_once("configure: error: ").filter(|(before, _)| before.len() < 80)?;
        if reason.contains("pkg-config script could not be found") {
            return Named::certain(MissingKind::Command, "pkg-config");
        }
        if reason.contains("no acceptable C compiler found") {
            return Named::certain(MissingKind::Command, "cc");
        }
        // "configure: error: in `/build':" comes before the reason.
        if reason.starts_with("in `") || reason.starts_with("in '") {
            return None;
        }
        let check = self.check.take()?;
        if reason.starts_with("Package requirements") {
            // pkg-config says next which of them it is.
            return None;
        }
        let what = check.strip_prefix("for ")?;
        if let Some((_, library)) = what.rsplit_once(" in -l") {
            return Named::certain(MissingKind::Library, until(library, " "));
        }
        let word = until(what, " ");
        if word.ends_with(".h") || word.ends_with(".hpp") {
            return Named::certain(MissingKind::Header, word);
        }
        // A function is checked for in the same words as a program.
        let says_so =
            !what.contains(' ') && reason.split(|c: char| !c.is_alphanumeric() && c != '-').any(|said| said == word);
        if says_so { Named::certain(MissingKind::Command, word) } else { None }
    }
}
