//! The .spec of every RPM distribution, against what its guidelines ask for, and as rpm itself reads it; and what the
//! scripts around it say when something is missing.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::*;
use crate::distro::{Catalogue, Trigger};
use crate::types::testing::skip;

fn distros() -> Vec<std::sync::Arc<Distro>> {
    let catalogue = Catalogue::load(&[]).unwrap();
    catalogue.iter().filter(|distro| distro.format == Format::Rpm).cloned().collect()
}

/// EL 7, which is not in the catalogue: rpm 4.11, no file triggers.
fn el7() -> Distro {
    Distro { id: "el-7".to_owned(), ..distro(Format::Rpm, PackageManager::Dnf) }
}

fn spec_of(recipe: &Recipe, distro: &Distro) -> String {
    let files = generate(&in_words(recipe), distro, 1_700_000_000).files;
    files.into_iter().find(|file| file.path == "pkg.spec").unwrap().content.to_string()
}

/// The lines of a section, from `%post -n pkg` to the next one.
fn section<'a>(spec: &'a str, header: &str) -> &'a str {
    let Some((_, rest)) = spec.split_once(&format!("\n{header}")) else { return "" };
    rest.split("\n\n%").next().unwrap_or(rest)
}

#[test]
fn scriptlets_are_those_that_nothing_else_does() {
    for distro in distros().iter().map(|distro| (**distro).clone()).chain([el7()]) {
        let has = |trigger| distro.triggers.contains(&trigger);
        let (library, daemon) = (spec_of(&recipe(), &distro), spec_of(&daemon(), &distro));
        let id = &distro.id;
        assert_eq!(library.contains("/sbin/ldconfig"), !has(Trigger::Ldconfig), "{id}: ldconfig");
        let is_el = ["fedora", "rocky", "almalinux", "oracle", "centos-stream"].contains(&distro.family.as_str());
        assert_eq!(has(Trigger::Ldconfig), is_el || distro.family == "amazon", "{id}");
        assert_eq!(library.contains("\nGroup:"), distro.manager != PackageManager::Dnf, "{id}: Group");
        assert!(!library.contains("__spec_install_post"), "{id}: the distribution's own work is replaced");
        assert!(library.contains("\n%prep\n%autosetup -N\n"), "{id}");
        // The tag differs between distributions, and a changelog is about all of them.
        assert!(library.contains("\n* Tue Nov 14 2023 Jane Doe <jane@example.org> - 1:1.0~rc1-2\n"), "{id}");

        assert!(
            section(&daemon, "%preun -n pkg").contains("--remove 'pkg'")
                || section(&daemon, "%preun -n pkg").contains("--remove pkg"),
            "{id}"
        );
        assert!(
            !section(&daemon, "%postun -n pkg").contains("update-alternatives"),
            "{id}: the ghosts are gone by then"
        );
        assert!(daemon.contains("\nRequires(preun): %{_sbindir}/update-alternatives\n"), "{id}");

        let suse = distro.manager == PackageManager::Zypper;
        assert_eq!(daemon.contains("useradd"), !suse && !has(Trigger::Users), "{id}: users");
        assert_eq!(
            daemon.contains("%sysusers_generate_pre %{_sourcedir}/farm-pkg.sysusers pkg pkg.conf\n"),
            suse,
            "{id}"
        );
        assert_eq!(daemon.contains("\n%pre -n pkg -f pkg.pre\n"), suse, "{id}");
        assert_eq!(daemon.contains("\nBuildRequires:  sysuser-tools\n"), suse, "{id}");
        // The recipe's own script comes after them.
        let post = section(&daemon, "%post -n pkg");
        assert_eq!(post.contains("%tmpfiles_create "), suse, "{id}: deprecated but for openSUSE");
        assert_eq!(post.contains("systemd-tmpfiles --create pkg.conf"), !suse, "{id}: {post}");
    }
}

/// What systemd's trigger makes at the end of the transaction is made before only where something wants it there.
#[test]
fn temporary_files_are_left_to_the_trigger_where_nothing_waits_for_them() {
    let mut recipe = daemon();
    recipe.package.scripts = MaintainerScripts::default();
    recipe.package.system.services.clear();
    for (triggers, made) in [(vec![Trigger::Tmpfiles], false), (vec![Trigger::Ldconfig], true), (vec![], true)] {
        let distro = Distro { triggers, ..distro(Format::Rpm, PackageManager::Dnf) };
        let spec = spec_of(&recipe, &distro);
        assert_eq!(spec.contains("systemd-tmpfiles --create"), made, "{:?}", distro.triggers);
        assert_eq!(spec.contains("%{?systemd_requires}"), made, "{:?}", distro.triggers);
    }
}

/// A script of the recipe's may want the users, and what sysuser-tools writes comes behind it.
#[test]
fn users_are_there_before_the_recipes_own_script() {
    let mut recipe = daemon();
    recipe.package.scripts.pre_install = Some("id pkgd".to_owned());
    let spec = spec_of(&recipe, &distro(Format::Rpm, PackageManager::Zypper));
    let pre = section(&spec, "%pre -n pkg");
    assert!(pre.find("useradd").unwrap() < pre.find("id pkgd").unwrap(), "{pre}");
    assert!(!spec.contains("sysusers_generate_pre"));
}

#[test]
fn the_source_says_where_it_comes_from_and_tells_no_secret() {
    let mut recipe = recipe();
    let source = |origin| Source { origin, patches: vec![], ..recipe_source() };
    recipe.sources = vec![
        source(Origin::Urls {
            urls: vec!["https://me:secret@example.org/100%/a.tar.gz".into()],
            sha256: "00ff".to_owned(),
        }),
        source(Origin::Git { url: "https://example.org/a.git".into(), commit: "abc".to_owned(), submodules: false }),
        source(Origin::Path { path: "src\n%build\nid".to_owned() }),
    ];
    let spec = spec_of(&recipe, &distro(Format::Rpm, PackageManager::Dnf));
    let (before, _) = spec.split_once("\nSource0:").unwrap();
    let comment = before.rsplit("\n\n").next().unwrap();
    assert!(comment.contains("#   https://example.org/100%%/a.tar.gz sha256:00ff\n"), "{comment}");
    assert!(comment.contains("#   https://example.org/a.git commit abc\n"), "{comment}");
    assert!(comment.ends_with("#   src%%buildid, beside the recipe"), "{comment}");
    assert!(!spec.contains("secret"));
}

fn recipe_source() -> Source {
    recipe().sources.remove(0)
}

/// rpm's tools, which tests ask; none where they are not installed, which is no matter for a check of the whole.
fn rpmspec(arguments: &[&str]) -> Option<Output> {
    let output = Command::new("rpmspec").args(arguments).env("LC_ALL", "C").env("HOME", "/nonexistent").output();
    if output.is_err() {
        skip("rpmspec is not installed");
    }
    output.ok()
}

/// The .spec of every distribution, as rpm reads it, with stand-ins for the macros that Debian's rpm lacks.
#[test]
fn rpm_reads_every_distributions_spec() {
    let folder = tempfile::tempdir().unwrap();
    let parsed = |recipe: &Recipe, distro: &Distro, more: &[&str]| -> Option<String> {
        let path = folder.path().join("pkg.spec");
        fs::write(&path, spec_of(recipe, distro)).unwrap();
        let macros = [
            "systemd_requires Requires(post): systemd",
            "sysusers_requires Requires(pre): sysuser-shadow",
            "sysusers_generate_pre() : %*",
            "systemd_post() : %*",
            "systemd_preun() : %*",
            "systemd_postun() : %*",
            "systemd_postun_with_restart() : %*",
            "service_add_pre() : %*",
            "service_add_post() : %*",
            "service_del_preun() : %*",
            "service_del_postun() : %*",
            "service_del_postun_without_restart() : %*",
            "tmpfiles_create() : %*",
            "_tmpfilesdir /usr/lib/tmpfiles.d",
        ];
        let mut arguments = vec!["--parse"];
        for text in macros.iter().chain(more) {
            arguments.extend(["--define", text]);
        }
        let dist = format!("dist {}", distro.release_tag);
        if !distro.release_tag.is_empty() {
            arguments.extend(["--define", &dist]);
        }
        arguments.push(path.to_str().unwrap());
        let output = rpmspec(&arguments)?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}: {err}\n{out}", distro.id);
        assert!(!err.contains("warning") && !err.contains("error"), "{}: {err}", distro.id);
        Some(out.into_owned())
    };
    for distro in distros() {
        for recipe in [recipe(), daemon()] {
            let Some(text) = parsed(&recipe, &distro, &[]) else { return };
            assert!(text.contains(&format!("Release:        2{}\n", distro.release_tag)), "{}: {text}", distro.id);
            assert!(text.contains("Recommends:"), "{}", distro.id);
        }
    }
    for (rhel, weak) in [("rhel 7", false), ("rhel 6", false), ("rhel 8", true), ("rhel 10", true), ("azl 3", true)] {
        let Some(text) = parsed(&recipe(), &el7(), &[rhel]) else { return };
        assert_eq!(text.contains("\nRecommends:"), weak, "{rhel}: {text}");
        // Behind a scriptlet it would be a part of that.
        let spec = spec_of(&recipe(), &el7());
        assert!(section(&spec, "%install").contains("\n%undefine license\n"), "{spec}");
        assert!(spec.contains("\n%postun -n pkg -p /sbin/ldconfig\n\n%files"), "{spec}");
    }
}

fn shell(folder: &Path, script: &str) -> (i32, String) {
    let output = Command::new("sh").args(["-c", script]).current_dir(folder).env("LC_ALL", "C").output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), text)
}

/// The functions of a package manager with stand-ins for it and for rpm: what the image has is in `has`.
fn update(library: &str, manager: &str, tool: &str, wanted: &str) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "set -eu\nfarm_set=/nonexistent farm_repositories= farm_recipe_repositories= farm_fetched=/nonexistent\n\
         farm_extra=/nonexistent\n{library}\n\
         {manager}_home=$PWD dnf_options= zypper_repositories=$PWD zypper_packages=$PWD\n\
         rpm() {{ [ \"$3\" = gcc ]; }}\n{tool}\n{manager}_update {wanted}\necho goes on\n"
    );
    shell(folder.path(), &script)
}

#[test]
fn an_image_without_repositories_says_what_was_wanted_of_them() {
    let (dnf, zypper) = (include_str!("../scripts/dnf.sh"), include_str!("../scripts/zypper.sh"));
    let none = "dnf() { case \"$*\" in *repolist*) ;; *) return 1 ;; esac; }";
    let broken = "dnf() { case \"$*\" in *repolist*) echo fedora ;; *) return 1 ;; esac; }";
    let good = "dnf() { echo fedora; }";
    for (library, manager, none, broken, good) in [
        (dnf, "dnf", none, broken, good),
        (zypper, "zypper", "zypper() { return 6; }", "zypper() { return 4; }", "zypper() { :; }"),
    ] {
        let (code, text) = update(library, manager, none, "gcc 'pkgconfig(zlib) >= 1.2' make");
        assert_eq!(code, 1, "{manager}: not to be tried again: {text}");
        assert!(text.contains("no package repository is enabled"), "{text}");
        assert!(text.contains("lacks: pkgconfig(zlib) >= 1.2 make\n"), "what is there is not wanted: {text}");
        let (code, text) = update(library, manager, none, "gcc");
        assert!(code == 0 && text.contains("goes on"), "{manager}: all is there: {text}");
        let (code, text) = update(library, manager, broken, "gcc make");
        assert_eq!(code, EXIT_NETWORK, "{manager}: {text}");
        assert!(text.contains("cannot be read, of which are wanted: gcc make"), "{text}");
        assert!(update(library, manager, broken, "").1.contains("cannot be read\n"));
        assert_eq!(update(library, manager, good, "gcc make").0, 0);
    }
}

/// An image of the recipe's own has what it has: its package manager need not know of a compiler.
#[test]
fn what_an_image_is_taken_to_have_is_not_asked_of_its_database() {
    use crate::recipe::{Environment, EnvironmentOrigin, PackagingTools};
    let script = |origin: Option<EnvironmentOrigin>, own: bool| {
        let mut recipe = recipe();
        recipe.environment = origin.map(|origin| Environment { origin, tools: PackagingTools::Auto });
        if own {
            recipe.packaging.spec = Some("a/b.spec".to_owned());
        }
        generate(&in_words(&recipe), &distro(Format::Rpm, PackageManager::Dnf), 0).steps.remove(0).script
    };
    for own in [false, true] {
        let image = EnvironmentOrigin::Image("example.org/gcc:1".to_owned());
        assert!(script(Some(image), own).contains("set -- -ba --nodeps"), "{own}");
        assert!(!script(Some(EnvironmentOrigin::Distro("rocky-9".to_owned())), own).contains("--nodeps \\"), "{own}");
        assert!(!script(None, own).contains("set -- -ba --nodeps"), "{own}");
    }
}

/// What the tools of each format are told of a folder where a link was.
#[test]
fn links_make_room_for_folders() {
    let links = BTreeMap::from([("/usr/share/pkg/skins".to_owned(), "skins-1".to_owned())]);
    let learned = FormerLinks::from([("pkg".to_owned(), links.clone()), ("other".to_owned(), links.clone())]);
    let lua = "path = \"/usr/share/pkg/skins\"\nst = posix.stat(path)\nif st and st.type == \"link\" then\n  \
               os.remove(path)\nend\n";
    let mut named = daemon();
    named.package.system.former_links = links;
    let gone = vec!["/etc/pkg/gone.conf".to_owned()];
    named.package.system.former_config_files.clone_from(&gone);
    let mut other = daemon();
    other.package.system.former_config_files = gone;
    let catalogue = Catalogue::load(&[]).unwrap();
    for recipe in [in_words(&named), with_former_links(&in_words(&other), Format::Deb, &learned)] {
        for distro in catalogue.iter() {
            let packaging = generate(&recipe, distro, 0);
            let file =
                |path: &str| packaging.files.iter().find(|file| file.path == path).map(|file| file.content.whole());
            let by_farm = assembly(&recipe, distro, 0);
            let id = &distro.id;
            if distro.format == Format::Deb {
                assert_eq!(
                    file("debian/pkg.maintscript").as_deref(),
                    Some("symlink_to_dir /usr/share/pkg/skins skins-1\nrm_conffile /etc/pkg/gone.conf\n"),
                    "{id}"
                );
                let helper = "dpkg-maintscript-helper symlink_to_dir /usr/share/pkg/skins skins-1 -- \"$@\"\n";
                let scripts = maintainer_scripts(&by_farm.packages[0], &SystemFiles::default());
                let gone = "dpkg-maintscript-helper rm_conffile /etc/pkg/gone.conf -- \"$@\"\n";
                assert_eq!(scripts.values().filter(|text| text.contains(gone)).count(), 3, "{id}");
                let with: Vec<&str> =
                    scripts.iter().filter(|(_, text)| text.contains(helper)).map(|(name, _)| &**name).collect();
                assert_eq!(with, ["postinst", "postrm", "preinst"], "{id}");
                assert!(scripts["postinst"].find(helper) < scripts["postinst"].find("exit 0"), "{id}");
            } else {
                let spec = file("pkg.spec").unwrap();
                assert!(spec.contains(&format!("\n%pretrans -n pkg -p <lua>\n{lua}\n%")), "{id}: {spec}");
                assert_eq!(by_farm.packages[0].scriptlets.get("pretrans").map(String::as_str), Some(lua), "{id}");
            }
        }
    }
    assert_eq!(*with_former_links(&in_words(&daemon()), Format::Rpm, &FormerLinks::new()), daemon());
}
