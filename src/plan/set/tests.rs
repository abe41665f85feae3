use std::path::Path;

use proptest::prelude::*;

use std::sync::Arc;

use super::*;
use crate::distro::Catalogue;
use crate::packaging::TargetRecipe;
use crate::recipe::RecipeFile;
use crate::types::Arch;

static BUILT_IN: std::sync::LazyLock<Catalogue> = std::sync::LazyLock::new(|| Catalogue::load(&[]).unwrap());

/// A recipe on a distribution.
fn recipe(name: &str, distro: &str, rest: &str) -> (Target, Recipe, Arc<Distro>) {
    let text = format!(
        "[package]\nname = \"{name}\"\nversion = \"1.2\"\nsummary = \"A pond\"\nlicense = \"MIT\"\n\
         maintainer = \"T <t@example.org>\"\n{rest}\n[matrix]\ndistros = [\"*\"]\n"
    );
    let file = RecipeFile::parse(&Path::new(name).join("farm.toml"), text.as_bytes())
        .unwrap_or_else(|error| panic!("{error:#?}\n{text}"));
    let distro = BUILT_IN.get(distro).unwrap().clone();
    let target = Target {
        recipe: name.to_owned(),
        distro: distro.id.clone(),
        arch: Arch::Amd64,
        format: distro.format,
        variant: None,
        source: false,
    };
    let recipe = file
        .merged(&crate::matrix::selection(&target, &BUILT_IN), &Default::default())
        .unwrap()
        .without_project()
        .unwrap();
    (target, recipe, distro)
}

const LIBRARY: &str = "provides = [\"pond\"]\n[build]\ninstall = \"x\"\n\
    [packages.dev]\nfiles = [\"${libdir}/pkgconfig/pond.pc\"]";

fn providers(distro: &str, of: &[(&str, &str, bool)]) -> Providers {
    let provider = |(name, rest, built): &(&str, &str, bool)| {
        let (target, recipe, distro) = recipe(name, distro, rest);
        Provider { recipe: (*name).to_owned(), target: built.then_some(target), offers: offers(&recipe, &distro) }
    };
    Providers::new(of.iter().map(provider).collect())
}

/// `kind requirement -> package of recipe`, and warnings.
fn needs(distro: &str, name: &str, rest: &str, set: &Providers) -> Vec<String> {
    let (target, recipe, distro) = recipe(name, distro, rest);
    let Resolution { needs, warnings, .. } = resolve(&target, &recipe, &distro, set);
    let shown = needs.iter().map(|need| {
        format!("{} {} -> {} of {}", need.kind.as_str(), need.requirement, need.package, need.target.recipe)
    });
    shown.chain(warnings).collect()
}

#[test]
fn requirements_are_met_within_the_set_first() {
    let set = providers("debian-12", &[("libpond", LIBRARY, true)]);
    let tool = "requires = [\"libpond (>= 1.2)\", \"bash\"]\n\
        [build]\nrequires = [\"libpond-dev\", \"pkgconfig(pond)\", \"bison\"]\ninstall = \"x\"\n\
        [packages.doc]\nfiles = [\"/usr/share/doc/**\"]\nrequires = [\"pond\"]\n\
        [test]\nscript = \"x\"\nrequires = [\"curl | pond\"]";
    let tool = tool.replace("\"libpond-dev\", \"pkgconfig(pond)\"", "\"libpond-dev\"");
    assert_eq!(
        needs("debian-12", "heron", &tool, &set),
        [
            "build libpond-dev -> libpond-dev of libpond",
            "test curl | pond -> libpond of libpond",
            "run libpond (>= 1.2) -> libpond of libpond",
            "run pond -> libpond of libpond",
        ]
    );
}

/// A package that another recipe goes on making would be removed by every upgrade.
#[test]
fn a_package_of_the_set_is_never_replaced_whole() {
    let replaced = |distro: &str, replaces: &str, built: bool| {
        let set = providers(distro, &[("libpond", LIBRARY, built)]);
        let rest = format!("replaces = [\"{replaces}\"]\n[build]\ninstall = \"x\"\n");
        let (target, recipe, distro) = recipe("heron", distro, &rest);
        resolve(&target, &recipe, &distro, &set).problems
    };
    for distro in ["debian-12", "fedora-43", "rpm-generic"] {
        let found = replaced(distro, "libpond", true);
        assert!(found.len() == 1 && found[0].contains("`libpond (<< VERSION)`"), "{distro}: {found:?}");
        for (other, built) in [("libpond (<< 1)", true), ("pond", true), ("libpond", false), ("lake", true)] {
            assert_eq!(replaced(distro, other, built), [""; 0], "{distro}: {other}");
        }
    }
}

#[test]
fn ones_own_name_means_the_distributions_package() {
    let set = providers(
        "debian-12",
        &[("libpond", LIBRARY, true), ("puddle", "provides = [\"libpond\"]\n[build]\ninstall = \"x\"", true)],
    );
    let own = "[build]\nrequires = [\"libpond\"]\ninstall = \"x\"";
    assert_eq!(needs("debian-12", "libpond", own, &set), [] as [&str; 0]);
}

#[test]
fn a_package_of_the_name_goes_before_one_that_stands_in_for_it() {
    let other = "provides = [\"libpond\"]\n[build]\ninstall = \"x\"";
    let set = providers("debian-12", &[("another", other, true), ("libpond", LIBRARY, true)]);
    let tool = "[build]\nrequires = [\"libpond\"]\ninstall = \"x\"";
    assert_eq!(needs("debian-12", "heron", tool, &set), ["build libpond -> libpond of libpond"]);
}

#[test]
fn where_the_set_has_another_version_or_no_target_the_distribution_serves_and_the_plan_says_so() {
    let tool = "[build]\nrequires = [\"libpond-dev (>= 2)\"]\ninstall = \"x\"";
    let set = providers("debian-12", &[("libpond", LIBRARY, true)]);
    assert_eq!(
        needs("debian-12", "heron", tool, &set),
        [
            "build.requires has `libpond-dev (>= 2)`: libpond makes version 1.2-1~deb12, so the distribution's package is taken"
        ]
    );
    let set = providers("debian-12", &[("libpond", LIBRARY, false)]);
    assert_eq!(
        needs("debian-12", "heron", &tool.replace("2", "1"), &set),
        [
            "build.requires has `libpond-dev (>= 1)`: libpond makes it, but not for this target, so the distribution's package is taken"
        ]
    );
}

#[test]
fn rpms_built_on_a_debian_base_are_known_by_either_name_to_what_apt_would_install() {
    let set = providers("rpm-generic", &[("libpond", LIBRARY, true)]);
    let tool = "requires = [\"libpond\"]\n[build]\nrequires = [\"libpond-dev\", \"bison\"]\ninstall = \"x\"\n\
        [test]\nscript = \"x\"\nrequires = [\"libpond-devel\", \"curl\"]";
    assert_eq!(
        needs("rpm-generic", "heron", tool, &set),
        [
            "build libpond-dev -> libpond-devel of libpond",
            "test libpond-devel -> libpond-devel of libpond",
            "run libpond -> libpond of libpond",
        ]
    );
    let (target, recipe, distro) = recipe("heron", "rpm-generic", tool);
    let needs = resolve(&target, &recipe, &distro, &set).needs;
    let seen = left_to_archive(&recipe, &distro, &needs).unwrap();
    assert_eq!(
        (seen.build.requires.as_slice(), seen.test.as_ref().unwrap().requires.as_slice()),
        (&["bison".to_owned()][..], &["curl".to_owned()][..])
    );
}

#[test]
fn apt_is_asked_for_the_package_and_not_for_what_is_in_it() {
    let set = providers("debian-12", &[("libpond", LIBRARY, true)]);
    let tool = "[build]\nrequires = [\"pkgconfig(pond) >= 1\", \"libpond-dev (>= 1)\"]\ninstall = \"x\"";
    let (target, recipe, distro) = recipe("heron", "debian-12", tool);
    let needs = resolve(&target, &recipe, &distro, &set).needs;
    assert_eq!(
        left_to_archive(&recipe, &distro, &needs).unwrap().build.requires,
        ["libpond-dev", "libpond-dev (>= 1)"]
    );
    // Neither does a .deb say it, of packages that are needed at the user's, nor one that is provided by its word alone.
    let words = "provides = [\"cmake(Pond) = 1.2\"]\n[build]\ninstall = \"x\"";
    let set = providers("debian-12", &[("libpond", LIBRARY, true), ("pond-cmake", words, true)]);
    let tool = "requires = [\"pkgconfig(pond)\", \"bash\", \"cmake(Pond) >= 1\"]\n[build]\ninstall = \"x\"";
    let (target, heron, debian) = self::recipe("heron", "debian-12", tool);
    let needs = resolve(&target, &heron, &debian, &set).needs;
    let seen = left_to_archive(&heron, &debian, &needs).unwrap();
    assert_eq!(seen.package.relations.requires, ["libpond-dev", "bash", "pond-cmake"]);
    assert!(
        packaging::check(&TargetRecipe::unchanged(self::recipe("pond-cmake", "debian-12", words).1), &debian, None)
            .is_empty()
    );
    // What another distribution's manager can ask for is left to it.
    let set = providers("fedora-43", &[("libpond", LIBRARY, true)]);
    let (target, recipe, distro) =
        self::recipe("heron", "fedora-43", "[build]\nrequires = [\"pkgconfig(pond)\"]\ninstall = \"x\"");
    let needs = resolve(&target, &recipe, &distro, &set).needs;
    assert_eq!(needs[0].package, "libpond-devel");
    assert!(left_to_archive(&recipe, &distro, &needs).is_none());
}

#[test]
fn a_circle_is_found_as_it_goes() {
    assert_eq!(order(&[vec![1], vec![], vec![3], vec![4], vec![2]]), Err(vec![2, 3, 4]));
    assert_eq!(order(&[vec![0]]), Err(vec![0]));
    assert_eq!(order(&[vec![2], vec![], vec![1]]), Ok(vec![1, 2, 0]));
}

#[test]
fn steps_are_as_early_as_they_can_be() {
    assert_eq!(steps(&[vec![], vec![0], vec![0, 1], vec![], vec![3]]), [0, 1, 2, 0, 1]);
}

#[test]
fn a_chain_of_a_hundred_thousand_is_no_danger_to_the_stack() {
    let chain: Vec<Vec<usize>> = (0..100_000).map(|at| if at + 1 < 100_000 { vec![at + 1] } else { vec![] }).collect();
    assert_eq!(order(&chain).unwrap().first(), Some(&99_999));
}

proptest! {
    #[test]
    fn an_order_has_each_once_after_what_it_needs_and_a_circle_is_one(
        needs in (1usize..12).prop_flat_map(|count| {
            proptest::collection::vec(proptest::collection::vec(0..count, 0..3), count)
        }),
    ) {
        match order(&needs) {
            Ok(order) => {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                prop_assert_eq!(sorted, (0..needs.len()).collect::<Vec<_>>());
                let place = |at: usize| order.iter().position(|other| *other == at).unwrap();
                for (at, needs) in needs.iter().enumerate() {
                    for need in needs {
                        prop_assert!(place(*need) < place(at));
                    }
                }
            }
            Err(circle) => {
                prop_assert!(!circle.is_empty());
                for (at, next) in circle.iter().zip(circle.iter().cycle().skip(1)) {
                    prop_assert!(needs[*at].contains(next));
                }
            }
        }
    }
}
