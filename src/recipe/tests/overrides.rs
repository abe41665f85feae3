//! Recipes laid over recipes: which override wins, what it replaces, and where a value stands.

use super::*;

#[test]
fn the_more_specific_override_wins() {
    // In the order of weights; each sets the summary to its own selector, and stands in the file before the less
    // specific ones, so that only weight can decide.
    let selectors = [
        "debian-12/arm64/variant:minimal",
        "variant:minimal",
        "debian-12/arm64",
        "arm64",
        "debian-12",
        "debian-*",
        "debian",
        "apt",
        "deb",
    ];
    for (first, expected) in selectors.iter().enumerate() {
        let mut text = format!("{MINIMAL}\n[matrix]\ndistros = ['*']\n[matrix.variants.minimal]\nx = '1'\n");
        for selector in &selectors[first..] {
            text.push_str(&format!("[override.'{selector}'.package]\nsummary = '{selector}'\n"));
        }
        let recipe = resolved(&recipe(&text), "debian-12/arm64+minimal");
        assert_eq!(recipe.package.summary, *expected);
    }
}

#[test]
fn of_equal_overrides_the_later_wins() {
    let text = format!(
        "{MINIMAL}\n[override.'debian-1*'.package]\nsummary = 'first'\n[override.'*-12'.package]\nsummary = 'second'\n"
    );
    assert_eq!(resolved(&recipe(&text), "debian-12/amd64").package.summary, "second");
    assert_eq!(resolved(&recipe(&text), "debian-13/amd64").package.summary, "first");
}

#[test]
fn tables_merge_and_arrays_are_replaced() {
    let text = format!(
        r#"{MINIMAL}
requires = ["zlib1g-dev", "gettext"]
check = "make check"
env = {{ A = "1", B = "1" }}
[override.rpm.build]
requires = ["zlib-devel"]
env = {{ B = "2" }}
check = ""
[override.debian-11]
package.release = 7
"#
    );
    let file = recipe(&text);
    let rpm = resolved(&file, "fedora-43/amd64").build;
    assert_eq!(rpm.requires, ["zlib-devel"]);
    assert_eq!(rpm.env.into_iter().map(|(k, v)| k + &v).collect::<Vec<_>>(), ["A1", "B2"]);
    assert_eq!(rpm.check, None, "an empty script takes the script away");
    assert!(rpm.install.is_some());
    let deb = resolved(&file, "debian-11/amd64");
    assert_eq!((deb.package.release, deb.build.requires.len()), (7, 2));
    let origin = |target, key| file.set_by(&selection(target), key);
    assert_eq!(origin("fedora-43/amd64", "build.env").as_deref(), Some("[override.rpm]"));
    assert_eq!(origin("fedora-43/amd64", "build.install"), None);
    assert_eq!(origin("debian-12/amd64", "build.env"), None);
    let written =
        |target, key| file.line_of(&selection(target), key).map(|(_, line)| text.lines().nth(line - 1).unwrap());
    assert_eq!(written("fedora-43/amd64", "build.requires"), Some("requires = [\"zlib-devel\"]"));
    assert_eq!(written("debian-12/amd64", "build.requires"), Some("requires = [\"zlib1g-dev\", \"gettext\"]"));
    assert_eq!(written("debian-12/amd64", "build.network"), Some("[build]"));
    assert_eq!(written("debian-12/amd64", "test.requires"), None);
}

#[test]
fn a_split_package_can_be_overridden_by_its_key() {
    let text = format!(
        "{MINIMAL}\n[packages.dev]\nfiles = ['/usr/include/**']\nsummary = 'headers'\n\
         [override.rpm.packages.dev]\nname = 'hello-headers'\n[override.rpm.packages.doc]\nfiles = ['/usr/share/doc/**']\n"
    );
    let file = recipe(&text);
    let rpm = resolved(&file, "fedora-43/amd64").packages;
    assert_eq!(rpm["dev"].name.as_deref(), Some("hello-headers"));
    assert_eq!(rpm["dev"].files, ["/usr/include/**"]);
    assert_eq!(rpm.len(), 2);
    assert_eq!(resolved(&file, "debian-12/amd64").packages.len(), 1);
}

#[test]
fn names_of_rpms_may_be_wider_only_in_rpm_overrides() {
    let text = format!("{MINIMAL}\n[override.dnf.package]\nname = 'Mod_Hello'\n");
    assert_eq!(resolved(&recipe(&text), "fedora-43/amd64").package.name, "Mod_Hello");
    let text = text.replace("override.dnf", "override.deb");
    assert_eq!(problems(&text)[0].message, "`name` is no package name");
}

#[test]
fn a_mistake_in_an_override_is_found_at_load() {
    let text = format!("{MINIMAL}\n[override.rpm.build]\nrequired = ['a']\nenv = {{ X = 1 }}\n");
    let found = problems(&text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].message, "unknown key `required` in [build]");
    assert_eq!(&text[found[0].span.clone()], "required");
    assert_eq!(&text[found[1].span.clone()], "1");
}

#[test]
fn an_override_stands_for_the_whole_environment() {
    let file = recipe(&format!(
        "{MINIMAL}\n[environment]\nimage = 'debian:12'\ntools = 'farm'\n[override.rpm.environment]\ndistro = 'debian-12'\n\
         [override.ubuntu.environment]\n"
    ));
    let origin = |target: &str| resolved(&file, target).environment.map(|environment| environment.origin);
    assert_eq!(origin("debian-12/amd64"), Some(EnvironmentOrigin::Image("debian:12".to_owned())));
    assert_eq!(origin("fedora-43/amd64"), Some(EnvironmentOrigin::Distro("debian-12".to_owned())));
    assert_eq!(origin("ubuntu-24.04/amd64"), None);
    assert_eq!(file.environment_distros().map(|(id, _)| id).collect::<Vec<_>>(), ["debian-12"]);
}

#[test]
fn an_empty_table_of_an_override_takes_away_and_never_does_nothing() {
    let tables = "[package.alternatives.x]\nlink = '/usr/bin/x'\npath = '/usr/bin/y'\npriority = 1\n\n[packages.doc]\nfiles = ['/usr/share/doc/**']\n";
    let text = |over: &str| format!("{MINIMAL}\n{tables}\n{over}");
    for over in [
        "[override.rpm.package]\nalternatives = {}",
        "[override.rpm.package.alternatives]",
        "[override.rpm]\npackage.alternatives.x = {}",
    ] {
        let file = recipe(&text(over));
        assert!(resolved(&file, "fedora-43/amd64").package.system.alternatives.is_empty(), "{over}");
        assert_eq!(resolved(&file, "debian-12/amd64").package.system.alternatives.len(), 1);
    }
    let file = recipe(&text("[override.rpm]\npackages.doc = {}"));
    assert!(resolved(&file, "fedora-43/amd64").packages.is_empty());
    assert_eq!(resolved(&file, "debian-12/amd64").packages.len(), 1);
    for over in ["[override.rpm.package]", "[override.rpm]\nlimits = {}", "[override.rpm.test]"] {
        let found = problems(&text(over));
        assert!(found.iter().any(|problem| problem.message.contains("changes nothing")), "{over}: {found:?}");
    }
}

#[test]
fn a_file_is_found_where_the_recipe_speaks_of_it() {
    let text = format!(
        "{MINIMAL}\n[package.services.greet]\n[package.services.'greet.socket']\n[package.attributes.'/etc/a']\nmode = '600'\n\
         [packages.dev]\nfiles = [\n  '/usr/include/**',\n  '/usr/lib/*.a',\n]\nconfig-files = ['/etc/b']\n\
         [override.rpm.packages.dev]\nconfig-files = ['/etc/c']\n"
    );
    let file = recipe(&text);
    let line = |target: &str, path: &str| {
        let span = file.place_of_file(&selection(target), path)?;
        text.lines().nth(file.line_at(&span).1 - 1)
    };
    assert_eq!(line(DEB, "/usr/lib/systemd/system/greet.service"), Some("[package.services.greet]"));
    assert_eq!(line(DEB, "/usr/lib/systemd/system/greet.socket"), Some("[package.services.'greet.socket']"));
    assert_eq!(line(DEB, "/usr/lib/systemd/system/other.service"), None);
    assert_eq!(line(DEB, "/etc/a"), Some("[package.attributes.'/etc/a']"));
    assert_eq!(line(DEB, "/usr/lib/*.a"), Some("  '/usr/lib/*.a',"));
    assert_eq!(line(DEB, "/etc/b"), Some("config-files = ['/etc/b']"));
    assert_eq!(line(DEB, "/etc/c"), None);
    assert_eq!(line(RPM, "/etc/c"), Some("config-files = ['/etc/c']"));
}
