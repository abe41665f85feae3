//! Packages that farm makes itself, on this host, of what a build installed: for images that have no packaging tools.
//! The tree comes as a tar stream that the build controls; names, links, owners and sizes in it are hostile until
//! checked. What the packages say of themselves comes in as [`Assembly`]: this module reads no recipe, runs nothing and
//! knows no container. Whether the packages are good is `artifact`'s question, as of any others.
//!
//! ```text
//! tree        the installed tree: names in memory, contents on disk
//! layout      which file goes into which package; manual pages, modes
//! system      units, users, temporary files and alternatives
//! manifest    what was installed, for the comparison with the packages
//! private     libraries that are nobody else's
//! libraries   what files need and provide
//! development what development files do
//! archive     which Debian packages bring libraries
//! deb, rpm    one package each
//! payload     the files of an .rpm, as a stream
//! ```

mod archive;
mod deb;
mod development;
mod error;
mod layout;
mod libraries;
mod manifest;
mod payload;
mod private;
mod rpm;
mod staged;
mod system;
mod tree;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::artifact::manifest::Manifest;
use crate::packaging::Assembly;
use crate::stream::guard::{self, Guard};
use crate::types::{Arch, Format};

pub(crate) use archive::providers;
pub(crate) use error::AssembleError;
pub(crate) use libraries::Libraries;
pub(crate) use staged::Staged;
pub(crate) use tree::Tree;

use private::Private;

impl Staged {
    /// Gives every installed file to its package. Blocks.
    ///
    /// # Errors
    /// [`AssembleError::Refused`] with all that does not fit the recipe.
    pub(crate) fn new(mut tree: Tree, assembly: &Assembly, libdir: &str) -> Result<Staged, AssembleError> {
        let installed = manifest::installed(&tree);
        layout::compress_pages(&mut tree)?;
        system::gather_units(&mut tree);
        layout::set_modes(&mut tree, assembly.format);
        let mut layout = layout::layout(&tree, assembly, libdir)?;
        system::add_own_files(&mut tree, assembly, &mut layout)?;
        system::place_units(assembly, &mut layout);
        if assembly.format == Format::Deb {
            deb::add_documents(&mut tree, assembly, &mut layout)?;
        }
        let attributes = layout::set_attributes(assembly, &mut layout, libdir)?;
        let manifest = manifest::manifest(&tree, installed, &layout, assembly, libdir, &attributes);
        let private = Private::new(&tree, &layout, assembly, libdir)?;
        Ok(Staged { tree, layout, manifest, private, attributes })
    }

    /// What was installed, for the packages to be held against.
    pub(crate) fn into_manifest(self) -> Manifest {
        self.manifest
    }

    /// The libraries that have to come from the distribution.
    pub(crate) fn foreign_libraries(&self) -> BTreeSet<String> {
        libraries::foreign(&self.tree, &self.layout)
    }

    /// Units that are packed, and neither enabled nor started, as the recipe does not name them.
    pub(crate) fn undeclared_units(&self, assembly: &Assembly) -> Vec<String> {
        system::undeclared_units(assembly, &self.layout)
    }

    /// Writes the packages into `folder` and returns their paths, sorted. Blocks; CPU work runs on rayon.
    pub(crate) fn write(
        &self,
        assembly: &Assembly,
        arch: Arch,
        libraries: &Libraries,
        folder: &Path,
    ) -> Result<Vec<PathBuf>, AssembleError> {
        let packages: Vec<usize> = (0..assembly.packages.len()).collect();
        let guard = Guard::in_force();
        let names: Result<Vec<String>, AssembleError> = packages
            .into_par_iter()
            .map(|number| {
                guard::during(guard.clone(), || match assembly.format {
                    Format::Deb => deb::write(self, assembly, number, arch, libraries, folder),
                    Format::Rpm => rpm::write(self, assembly, number, arch, folder),
                })
            })
            .collect();
        let mut paths: Vec<PathBuf> = names?.into_iter().map(|name| folder.join(name)).collect();
        paths.sort();
        Ok(paths)
    }
}

#[cfg(test)]
mod tests;
