//! Where a job's steps run when the recipe names an environment of its own, and who makes the packages there.

use std::collections::BTreeMap;

use super::key;
use super::model::{JobEnvironment, TargetInputs, date};
use crate::distro::Distro;
use crate::image::DockerfileImage;
use crate::packaging::{self, Answered, TargetRecipe};
use crate::recipe::{Environment, EnvironmentOrigin, PackagingTools};
use crate::types::{Arch, Format};

impl JobEnvironment {
    /// None when a target is built in its own distribution.
    ///
    /// # Errors
    /// A sentence, when the recipe asks of the environment what it cannot do.
    pub(super) fn of(target: &TargetInputs, answered: &Answered) -> Result<Option<JobEnvironment>, String> {
        let recipe = &*answered.recipe;
        let Some(Environment { origin, tools }) = &recipe.environment else { return Ok(None) };
        let foreign = target.environment_distro.as_ref().filter(|distro| distro.id != target.distro.id);
        let replaced = answered.replaced.iter().find(|one| one.key == "build.requires");
        if let (Some(foreign), Some(replaced)) = (foreign, replaced) {
            return Err(format!(
                "[build] requires: `{}` is looked up in {}, and [environment] distro builds in {}: name the package there",
                replaced.wanted, target.distro.name, foreign.name
            ));
        }
        let (own, key) = match target.distro.format {
            Format::Deb => (recipe.packaging.debian.is_some(), "debian"),
            Format::Rpm => (recipe.packaging.spec.is_some(), "spec"),
        };
        // Another distribution has the tools of its own format, which its builder image gets in any case.
        let alike = target
            .environment_distro
            .as_ref()
            .map(|distro| distro.format == target.distro.format && distro.manager == target.distro.manager);
        let tools = match (tools, alike) {
            (PackagingTools::Auto | PackagingTools::Image, Some(true)) => PackagingTools::Image,
            (PackagingTools::Auto, Some(false)) => PackagingTools::Farm,
            (PackagingTools::Image, Some(false)) => {
                let (name, format) =
                    (target.environment_distro.as_ref().map_or("", |distro| &distro.name), target.distro.format);
                return Err(format!(
                    "[environment] tools = \"image\": {name} makes no .{format} packages for {}",
                    target.distro.name
                ));
            }
            (PackagingTools::Auto, None) if own => PackagingTools::Image,
            (tools, _) => *tools,
        };
        if own && tools == PackagingTools::Farm {
            return Err(format!(
                "[packaging] {key} needs the packaging tools of an image, and here farm makes the packages"
            ));
        }
        Ok(Some(JobEnvironment {
            origin: origin.clone(),
            distro: target.environment_distro.clone(),
            context_digest: target.context_digest.clone(),
            tools,
        }))
    }

    /// Whether packages of `distro` can be installed in it: when it is a distribution of the same kind.
    pub(crate) fn installs_for(&self, distro: &Distro) -> bool {
        self.distro.as_ref().is_some_and(|own| own.format == distro.format && own.manager == distro.manager)
    }

    /// Whether what the build requires is installed: an image is taken as it is.
    pub(crate) fn has_builder(&self) -> bool {
        self.distro.is_some()
    }

    /// The image that a Dockerfile makes for an architecture; none where that is not what the environment is.
    pub(crate) fn dockerfile_image(&self, arch: Arch) -> Option<DockerfileImage> {
        dockerfile_image(&self.origin, self.context_digest.as_deref(), arch)
    }

    pub(super) fn key_inputs(&self, target: &TargetInputs, recipe: &TargetRecipe) -> BTreeMap<String, String> {
        let mut inputs = BTreeMap::new();
        if let Some(distro) = &self.distro {
            inputs.insert("environment.distro".to_owned(), distro.digest.clone());
        }
        if self.tools != PackagingTools::Image {
            let distro = &*target.distro;
            let assembly = packaging::assembly(recipe, distro, date(target));
            let staging = packaging::staging(recipe, distro, date(target));
            inputs.insert("assembly".to_owned(), key::digest(&(staging, assembly)));
        }
        inputs
    }
}

impl TargetInputs {
    /// See [`JobEnvironment::dockerfile_image`].
    pub(crate) fn dockerfile_image(&self) -> Option<DockerfileImage> {
        dockerfile_image(&self.recipe.environment.as_ref()?.origin, self.context_digest.as_deref(), self.target.arch)
    }
}

fn dockerfile_image(origin: &EnvironmentOrigin, context: Option<&str>, arch: Arch) -> Option<DockerfileImage> {
    let (EnvironmentOrigin::Dockerfile(dockerfile), Some(context)) = (origin, context) else { return None };
    Some(DockerfileImage {
        context: context.to_owned(),
        target: dockerfile.target.clone(),
        args: dockerfile.args.clone(),
        arch,
        description: dockerfile.path.clone(),
    })
}
