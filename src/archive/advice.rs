//! What to ask for when a build lacks something, with the packages of an archive that have it.

use std::collections::BTreeSet;

use super::{ArchiveError, ArchiveIndex, Package};
use crate::capability::Capability;
use crate::hint::{Missing, MissingKind};

/// A requirement, and the packages that meet it: any one of them.
#[derive(Debug, Clone)]
pub(crate) struct Advice {
    /// A capability, or a package's name.
    pub(crate) requirement: String,
    /// None: the archive has nothing of the kind.
    pub(crate) packages: Vec<Package>,
}

impl ArchiveIndex {
    /// The best that this archive has for what is missing. Blocks.
    pub(crate) fn advise(&self, missing: &Missing) -> Result<Advice, ArchiveError> {
        let requirements = missing.requirements();
        if missing.kind == MissingKind::Header
            && requirements.iter().all(|requirement| requirement.ends_with(&missing.name))
        {
            return self.advise_header(missing, requirements);
        }
        for requirement in &requirements {
            let packages = self.packages_for(requirement)?;
            if !packages.is_empty() {
                return Ok(Advice { requirement: requirement.clone(), packages });
            }
        }
        Ok(nothing(requirements))
    }

    fn packages_for(&self, requirement: &str) -> Result<Vec<Package>, ArchiveError> {
        Ok(match Capability::parse(requirement) {
            Ok(capability) => self.candidates(&capability)?.into_iter().map(|candidate| candidate.package).collect(),
            Err(_) => self.package(requirement)?.into_iter().collect(),
        })
    }

    /// A module of pkg-config serves every distribution and says where the header is; a path is the same on few.
    fn advise_header(&self, missing: &Missing, requirements: Vec<String>) -> Result<Advice, ArchiveError> {
        let providers = self.contents().headers(&missing.name);
        let names: BTreeSet<String> = providers.iter().map(|provider| provider.package.clone()).collect();
        let mut packages = Vec::new();
        for name in &names {
            packages.extend(self.package(name)?);
        }
        let Some(path) = providers.into_iter().next().map(|provider| provider.path).filter(|_| !packages.is_empty())
        else {
            return Ok(nothing(requirements));
        };
        let modules = self.contents().modules_of(&names);
        let requirement = likeliest(&modules, &missing.name).map_or(path, |module| format!("pkgconfig({module})"));
        Ok(Advice { requirement, packages })
    }
}

fn nothing(requirements: Vec<String>) -> Advice {
    Advice { requirement: requirements.into_iter().next().unwrap_or_default(), packages: Vec::new() }
}

/// Of a package's modules the one that is named as a header is, or the only one.
fn likeliest<'a>(modules: &'a [String], header: &str) -> Option<&'a str> {
    let words: Vec<&str> = header.split(['/', '.']).filter(|word| word.len() > 2 && *word != "hpp").collect();
    let named = |module: &&String| words.iter().any(|word| module.contains(word));
    let best = modules.iter().filter(named).min_by_key(|module| module.len());
    match (best, modules) {
        (Some(module), _) | (None, [module]) => Some(module),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_asked_for_by_the_module_that_is_named_like_it() {
        let likeliest = |modules: &[&str], header: &str| {
            let modules: Vec<String> = modules.iter().map(|module| (*module).to_owned()).collect();
            likeliest(&modules, header).map(str::to_owned)
        };
        assert_eq!(likeliest(&["gthread-2.0", "glib-2.0"], "glib.h").as_deref(), Some("glib-2.0"));
        assert_eq!(likeliest(&["libpng16", "libpng"], "png.h").as_deref(), Some("libpng"));
        assert_eq!(likeliest(&["libcurl"], "curl/curl.h").as_deref(), Some("libcurl"));
        assert_eq!(likeliest(&["one"], "other.h").as_deref(), Some("one"));
        assert_eq!(likeliest(&["one", "two"], "other.h"), None);
        assert_eq!(likeliest(&[], "other.h"), None);
    }
}
