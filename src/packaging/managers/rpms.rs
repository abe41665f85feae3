//! What package managers of .rpm packages have in common: the shape of their scripts, in which each has words of its own.

use crate::distro::Distro;
use crate::packaging::text::quote;
use crate::packaging::{
    BuilderSetup, EXTRA_REPOSITORY, FETCHED_PACKAGES, FORMER_PACKAGES, LIFE, SET_REPOSITORY, TEST_PACKAGES, TestScripts, UpgradeSetup,
    rpm,
};
use crate::recipe::{Recipe, RepositoryOrigin, RepositoryUse};
use crate::types::SharedText;

/// The words of one of them.
pub(super) struct Words {
    /// The prefix of the functions in `library`.
    pub(super) name: &'static str,
    pub(super) library: &'static str,
    /// The end of the install script, after what it begins with and what the test requires.
    pub(super) install: &'static str,
    /// Removes the packages `$names`, without network.
    pub(super) remove: &'static str,
    /// Defines `farm_resolve`, which upgrades to the packages in a folder.
    pub(super) resolve: fn(&str) -> String,
}

impl Words {
    fn preamble(&self, recipe: &Recipe, distro: &Distro, what_for: RepositoryUse) -> SharedText {
        let repositories = quote(&distro.enable_repositories.join(" "));
        let enabled = recipe.repositories.iter().filter_map(|one| match &one.origin {
            RepositoryOrigin::Enable(id) if one.serves(what_for) => Some(id.as_str()),
            _ => None,
        });
        let enabled = quote(&enabled.collect::<Vec<_>>().join(" "));
        let variables = format!(
            "set -eu\nfarm_fetched={FETCHED_PACKAGES}\nfarm_set={SET_REPOSITORY}\nfarm_extra={EXTRA_REPOSITORY}\n\
             farm_repositories={repositories}\nfarm_recipe_repositories={enabled}\n"
        );
        SharedText::from(variables).with(self.library)
    }

    pub(super) fn builder(&self, recipe: &Recipe, distro: &Distro) -> BuilderSetup {
        rpm::builder(recipe, distro, self.name, self.preamble(recipe, distro, RepositoryUse::Build))
    }

    /// Without network if what is in the base is enough: rpm itself can tell.
    pub(super) fn test(&self, recipe: &Recipe, distro: &Distro) -> TestScripts {
        let variables = format!("farm_packages={TEST_PACKAGES}\nfarm_former={FORMER_PACKAGES}\nfarm_rpm=rpm\n");
        let begin = self.preamble(recipe, distro, RepositoryUse::Test).with(variables).with(LIFE);
        let requires = format!("set -- {}\n", rpm::arguments(&rpm::test_requires(recipe)));
        let resolve = format!("farm_keep=yes\n{}", (self.resolve)(TEST_PACKAGES));
        TestScripts {
            tester: None,
            install: begin.clone().with(requires).with(self.install).with(include_str!("../scripts/rpm-fresh.sh")),
            remove: rpm::removal_preamble()
                .with(format!("{}\n", self.remove))
                .with(include_str!("../scripts/rpm-remove.sh")),
            upgrade: UpgradeSetup {
                tester: None,
                former: begin.clone().with(include_str!("../scripts/rpm-former.sh")),
                upgrade: begin.with(resolve).with(include_str!("../scripts/rpm-upgrade.sh")),
            },
        }
    }
}
