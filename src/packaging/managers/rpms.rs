//! What package managers of .rpm packages have in common: the shape of their scripts, in which each has words of its own.

use crate::distro::Distro;
use crate::packaging::text::quote;
use crate::packaging::{
    BuilderSetup, EXTRA_REPOSITORY, FETCHED_PACKAGES, FORMER_PACKAGES, LIFE, Requirements, SET_REPOSITORY,
    TEST_PACKAGES, TestScripts, UpgradeSetup, rpm,
};
use crate::recipe::{Recipe, Repository, RepositoryOrigin, RepositoryUse};
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
    /// Defines `farm_back`, which puts earlier versions in the place of what is installed.
    pub(super) back: &'static str,
}

impl Words {
    fn preamble(&self, recipe: &Recipe, distro: &Distro, what_for: RepositoryUse) -> SharedText {
        self.begin(&recipe.repositories, distro, what_for)
    }

    fn begin(&self, repositories: &[Repository], distro: &Distro, what_for: RepositoryUse) -> SharedText {
        let enabled = repositories.iter().filter_map(|one| match &one.origin {
            RepositoryOrigin::Enable(id) if one.serves(what_for) => Some(id.as_str()),
            _ => None,
        });
        let enabled = quote(&enabled.collect::<Vec<_>>().join(" "));
        let repositories = quote(&distro.enable_repositories.join(" "));
        let variables = format!(
            "set -eu\nfarm_fetched={FETCHED_PACKAGES}\nfarm_set={SET_REPOSITORY}\nfarm_extra={EXTRA_REPOSITORY}\n\
             farm_repositories={repositories}\nfarm_recipe_repositories={enabled}\n"
        );
        SharedText::from(variables).with(self.library)
    }

    pub(super) fn linter(&self, distro: &Distro, packages: &[String]) -> BuilderSetup {
        let (name, wanted) = (self.name, rpm::arguments(packages));
        let script = format!("{name}_begin\n{name}_update {wanted}\n{name}_install {wanted}\n");
        let script = self.begin(&[], distro, RepositoryUse::Test).with(script);
        BuilderSetup { requirements: Requirements::Listed(packages.to_vec()), script, toolchain: None }
    }

    pub(super) fn builder(&self, recipe: &Recipe, distro: &Distro) -> BuilderSetup {
        rpm::builder(recipe, distro, self.name, self.preamble(recipe, distro, RepositoryUse::Build))
    }

    /// Without network if what is in the base is enough: rpm itself can tell.
    pub(super) fn test(&self, recipe: &Recipe, distro: &Distro) -> TestScripts {
        let variables = format!("farm_packages={TEST_PACKAGES}\nfarm_former={FORMER_PACKAGES}\nfarm_rpm=rpm\n");
        let begin = self.preamble(recipe, distro, RepositoryUse::Test).with(variables.clone()).with(LIFE);
        let requires = format!("set -- {}\n", rpm::arguments(&rpm::test_requires(recipe)));
        let reinstall = format!("set -eu\nexport LC_ALL=C\n{variables}");
        let back = format!("farm_keep=yes\n{}", self.back);
        let resolve = format!("farm_keep=yes\n{}", (self.resolve)(TEST_PACKAGES));
        TestScripts {
            tester: None,
            install: begin.clone().with(requires).with(self.install).with(include_str!("../scripts/rpm-fresh.sh")),
            reinstall: SharedText::from(reinstall).with(LIFE).with(include_str!("../scripts/rpm-reinstall.sh")),
            remove: rpm::removal_preamble()
                .with(format!("{}\n", self.remove))
                .with(include_str!("../scripts/rpm-remove.sh")),
            upgrade: UpgradeSetup {
                tester: None,
                former: begin.clone().with(include_str!("../scripts/rpm-former.sh")),
                downgrade: begin.clone().with(back).with(include_str!("../scripts/rpm-downgrade.sh")),
                upgrade: begin.with(resolve).with(include_str!("../scripts/rpm-upgrade.sh")),
            },
            source_tests: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::distro::Catalogue;
    use crate::recipe::{RecipeFile, Selection};

    /// What `begin`, of the scripts for a distribution, gives its package manager: for a recipe that turns on a repository,
    /// where packages of other repositories lie in a folder of the test.
    fn begun(distro: &str, begin: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        for path in ["extra/first", "extra/last", "bin"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        for tool in ["dnf", "zypper"] {
            let path = folder.path().join("bin").join(tool);
            fs::write(&path, "#!/bin/sh\necho \"$@\" >&2\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let text = "[[repositories]]\nenable = 'crb'\n[[repositories]]\nenable = 'tests'\nfor = ['test']\n";
        let catalogue = Catalogue::load(&[]).unwrap();
        let distro = catalogue.get(distro).unwrap();
        let text = format!(
            "[package]\nname = 'pond'\nversion = '1'\nsummary = 'A pond'\nlicense = 'MIT'\nmaintainer = 'T <t@example.org>'\n\
             [build]\ninstall = 'true'\n{text}"
        );
        let selection = Selection {
            format: distro.format.to_string(),
            manager: distro.manager.as_str().to_owned(),
            distro: distro.family.clone(),
            distro_version: distro.id.clone(),
            arch: "amd64".to_owned(),
            variant: None,
        };
        let file = RecipeFile::parse(Path::new("farm.toml"), text.as_bytes()).unwrap();
        let recipe = file.merged(&selection, &BTreeMap::new()).unwrap().without_project().unwrap();
        let script = (super::super::manager(distro.manager).builder)(&recipe, distro).script;
        let script = script.to_string().replace(EXTRA_REPOSITORY, &folder.path().join("extra").display().to_string());
        let (head, _) = script.split_once(&format!("\n{begin}_begin\n")).unwrap();
        let shown = "echo \"$dnf_options\"; cat \"$zypper_repositories\"/farm-*.repo; exit 0";
        let script = format!("{head}\ndnf_options= zypper_repositories=/nonexistent\n{begin}_begin\n{shown}\n");
        let path = format!("{}:{}", folder.path().join("bin").display(), std::env::var("PATH").unwrap());
        let ran = Command::new("sh").args(["-c", &script]).env("PATH", path).output().unwrap();
        let text = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        text.replace(&folder.path().display().to_string(), "[FOLDER]")
    }

    #[test]
    fn what_repositories_add_has_its_priority() {
        let dnf = begun("rocky-9", "dnf");
        for option in [
            "--enablerepo=crb --setopt=crb.priority=200",
            "--repofrompath=farm-first,file://[FOLDER]/extra/first --setopt=farm-first.gpgcheck=False",
            "--setopt=farm-first.priority=50",
            "--repofrompath=farm-last,file://[FOLDER]/extra/last",
            "--setopt=farm-last.priority=200",
        ] {
            assert!(dnf.contains(option), "{option}: {dnf}");
        }
        assert!(!dnf.contains("tests"), "it is for tests alone: {dnf}");
        let zypper = begun("opensuse-tumbleweed", "zypper");
        for line in [
            "modifyrepo --enable --priority 200 crb",
            "baseurl=dir:[FOLDER]/extra/first\nenabled=1\ngpgcheck=0\nrepo_gpgcheck=0\npriority=50",
            "baseurl=dir:[FOLDER]/extra/last\nenabled=1\ngpgcheck=0\nrepo_gpgcheck=0\npriority=200",
        ] {
            assert!(zypper.contains(line), "{line}: {zypper}");
        }
    }
}
