//! dpkg: a recipe as a `debian/` folder that debhelper builds, and the steps that run dpkg-buildpackage on it or on the
//! project's own `debian/`. Field syntax is deb-control(5), deb-changelog(5) and Debian Policy 4.6.

use std::collections::BTreeMap;

use crate::distro::Distro;
use crate::formats::deb822;
use crate::recipe::{PackageArch, Recipe, Relations, System};
use crate::types::{Format, SharedText};

use super::contract;
use super::maintainer::{template_restart, template_stop};
use super::members::{Member, assignment, members};
use super::staged::dh_python;
use super::system::{
    ATTRIBUTE_FUNCTION, Choices, has_attributes, own_files, plain_units, service_choices, setcap_package,
};
use super::text::{body, bullets, paragraphs, quote, utc};
use super::{
    BUILD_ROOT, ExpectedPackage, GuestFile, PHASE_TOKEN, Packaging, RESULTS, SourceLayout, Step, StepKind, User,
    changelog_entries, copyright, own, relation, script_variables, source_folder, staged, step_environment, suite,
    traced, unpack,
};

/// Where the recipe's scripts lie in the generated packaging. The `_` keeps it apart from debhelper's own
/// `debian/<package>` folders: no package name holds one (Policy 5.6.1).
const SCRIPTS: &str = "debian/farm_scripts";
/// What the scripts tell each other of the staged tree.
const STAGED_NOTES: &str = "debian/farm_staged";

/// The compatibility level as a build dependency (debhelper(7)).
pub(super) fn debhelper_compat(distro: &Distro) -> String {
    format!("debhelper-compat (= {})", distro.deb.debhelper)
}

/// Where the release's helpers look for units, relative to `/`.
pub(super) fn unit_folder(distro: &Distro) -> &str {
    distro.deb.unit_folder.trim_start_matches('/')
}

/// `[epoch:]version-release<tag>` (deb-version(7)).
pub(super) fn version(recipe: &Recipe, distro: &Distro) -> String {
    let package = &recipe.package;
    let epoch = if package.epoch > 0 { format!("{}:", package.epoch) } else { String::new() };
    format!("{epoch}{}-{}{}", package.version, package.release, distro.release_tag)
}

pub(super) fn packaging(recipe: &Recipe, distro: &Distro, source_date_epoch: i64) -> Packaging {
    let folder = source_folder(recipe);
    let own = recipe.packaging.debian.as_deref();
    let mut env = BTreeMap::from([
        ("HOME".to_owned(), BUILD_ROOT.to_owned()),
        ("USER".to_owned(), super::BUILD_USER.to_owned()),
        ("LOGNAME".to_owned(), super::BUILD_USER.to_owned()),
        ("LC_ALL".to_owned(), "C.UTF-8".to_owned()),
    ]);
    // The project's own rules see the recipe's environment directly; generated ones get it in a file.
    if own.is_some() {
        env.extend(recipe.build.env.clone());
        env.extend(script_variables(recipe, distro));
    }
    let members = members(recipe, Format::Deb);
    let expected = match own {
        Some(_) => Vec::new(),
        None => members
            .iter()
            .map(|member| ExpectedPackage {
                name: member.name.clone(),
                version: version(recipe, distro),
                architecture: member.architecture,
                is_empty: member.is_empty,
            })
            .collect(),
    };
    if own.is_none() {
        env.insert(staged::MANIFEST_VARIABLE.to_owned(), staged::manifest());
    }
    let files = match own {
        Some(_) => own::files(recipe),
        None => files(recipe, distro, &members, source_date_epoch),
    };
    Packaging {
        sources: SourceLayout::Tree { folder: folder.clone() },
        files,
        steps: vec![Step {
            kind: StepKind::Unpack,
            script: script(recipe, distro, &folder, source_date_epoch),
            user: User::Builder,
            env,
        }],
        results: RESULTS.to_owned(),
        expected,
    }
}

/// One exec for everything: unpack, build, check, package.
fn script(recipe: &Recipe, distro: &Distro, folder: &str, source_date_epoch: i64) -> String {
    let mut script = format!("set -eu\numask 022\n{}", step_environment::phase_function());
    script.push_str(&super::probe(&["dpkg-buildpackage", "tar", "make"], "dpkg-dev"));
    script.push_str(&format!("cd {}\n", quote(folder)));
    script.push_str(&unpack::apply_patches(recipe));
    script.push_str(&packaging_files(recipe, distro, folder, source_date_epoch));
    let options = match recipe.packaging.debian {
        // The tree is as fresh as it can be, and `dh_clean` would take files of the sources for left-overs: all that end in
        // `~`, `.orig` or `.rej`.
        None => " --no-pre-clean",
        Some(_) => " --hook-binary='[ -z \"${FARM_PHASE_TOKEN:-}\" ] || echo \"$FARM_PHASE_TOKEN package\"'",
    };
    script.push_str(&format!("mkdir -p {RESULTS}\n"));
    let is_own = recipe.packaging.debian.is_some();
    if is_own {
        script.push_str(&suite::keep(recipe));
    }
    script.push_str(&format!("phase build\ndpkg-buildpackage --sanitize-env -us -uc -b{options}\nphase package\n"));
    if is_own {
        script.push_str(suite::KEEP_BUILT);
    }
    script.push_str(&format!(
        "for file in {BUILD_ROOT}/*.deb {BUILD_ROOT}/*.ddeb {BUILD_ROOT}/*.udeb \
         {BUILD_ROOT}/*.changes {BUILD_ROOT}/*.buildinfo; do\n    [ ! -e \"$file\" ] || mv \"$file\" {RESULTS}/\ndone\n"
    ));
    script
}

/// Shell in the source tree: the packaging becomes its `debian/`.
pub(super) fn packaging_files(recipe: &Recipe, distro: &Distro, folder: &str, source_date_epoch: i64) -> String {
    let Some(path) = recipe.packaging.debian.as_deref() else {
        // A `debian/` that upstream ships must not mix with the generated one.
        return format!("rm -rf debian\nmv {BUILD_ROOT}/debian debian\n");
    };
    let path = path.trim_matches('/');
    let mut script = own::prepare(recipe, folder, source_date_epoch);
    script.push_str(&format!(
        "[ -f {0}/control ] || {{ echo {1} >&2; exit 1; }}\n",
        quote(path),
        quote(&format!("farm: [packaging] debian = \"{path}\": the sources have no {path}/control"))
    ));
    if path != "debian" {
        script.push_str(&format!("rm -rf debian\ncp -a {} debian\n", quote(path)));
    }
    script.push_str(&own::deb_version(recipe, distro, source_date_epoch));
    script
}

/// The generated `debian/`, as `farm render` shows it.
fn files(recipe: &Recipe, distro: &Distro, members: &[Member<'_>], source_date_epoch: i64) -> Vec<GuestFile> {
    let licence = copyright::debian(recipe);
    let mut files = vec![
        file("debian/changelog", changelog(recipe, distro, source_date_epoch)),
        file("debian/control", control(recipe, distro, members)),
        file("debian/copyright", licence.text),
        executable("debian/rules", rules(recipe, distro, members, licence.complete)),
        file("debian/source/format", "3.0 (quilt)\n"),
        file(&format!("{SCRIPTS}/env"), environment(recipe, distro)),
        executable(&format!("{SCRIPTS}/build"), recipe_script("build", "build", recipe.build.build.as_deref())),
        executable(&format!("{SCRIPTS}/install"), recipe_script("install", "package", recipe.build.install.as_deref())),
    ];
    if let Some(check) = &recipe.build.check {
        files.push(executable(&format!("{SCRIPTS}/check"), recipe_script("check", "check", Some(check))));
    }
    if !licence.complete {
        files.push(executable(&format!("{SCRIPTS}/licence"), include_str!("scripts/deb-licence.sh")));
        files.push(file(&format!("{SCRIPTS}/common-licence.awk"), super::licences::SCRIPT));
    }
    files.push(file(&format!("{SCRIPTS}/packages"), assignment(recipe, members, Format::Deb)));
    files.push(file(&format!("{SCRIPTS}/assign.awk"), staged::ASSIGN));
    files.push(file(&format!("{SCRIPTS}/staged.awk"), staged::STAGED));
    files.push(executable(&format!("{SCRIPTS}/manifest"), staged::manifest_script()));
    files.push(executable(&format!("{SCRIPTS}/modes"), staged::MODES));
    files.push(executable(&format!("{SCRIPTS}/whole"), staged::WHOLE));
    files.push(executable(&format!("{SCRIPTS}/dwz"), include_str!("scripts/deb-dwz.sh")));
    files.push(executable(&format!("{SCRIPTS}/split"), include_str!("scripts/deb-split.sh")));
    files.push(executable(&format!("{SCRIPTS}/depends"), include_str!("scripts/deb-depends.sh")));
    files.push(executable(&format!("{SCRIPTS}/private"), include_str!("scripts/deb-private.sh")));
    if members.iter().any(|member| has_attributes(member.system)) {
        let begin = format!("if [ \"$1\" = configure ]; then\n{ATTRIBUTE_FUNCTION}");
        files.push(file(&format!("{SCRIPTS}/attributes-begin"), begin));
        files.push(file(&format!("{SCRIPTS}/attributes-end"), "fi\n"));
    }
    let environment = contract::environment(recipe, distro);
    for member in members {
        let own = own_files(member, Format::Deb).into_iter();
        files.extend(own.map(|own| file(&format!("debian/{}.{}", member.name, own.kind), own.content)));
        if !member.system.alternatives.is_empty() {
            files.push(file(&format!("debian/{}.alternatives", member.name), alternatives(member)));
        }
        let maintscript = maintscript(member.system);
        if !maintscript.is_empty() {
            files.push(file(&format!("debian/{}.maintscript", member.name), maintscript));
        }
        files.extend(maintainer_scripts(member, &environment));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn file(path: &str, content: impl Into<SharedText>) -> GuestFile {
    GuestFile { path: path.to_owned(), content: content.into(), executable: false }
}

fn executable(path: &str, content: impl Into<SharedText>) -> GuestFile {
    GuestFile { path: path.to_owned(), content: content.into(), executable: true }
}

fn control(recipe: &Recipe, distro: &Distro, members: &[Member<'_>]) -> String {
    let package = &recipe.package;
    let mut build_depends = vec![debhelper_compat(distro)];
    // build-essential is implied (Policy 4.2).
    let requires = recipe.build.requires.iter().filter_map(|r| relation::write(r, Format::Deb, "").ok());
    build_depends.extend(requires.filter(|r| r != "build-essential"));
    build_depends.extend(dh_python(recipe).map(str::to_owned));
    build_depends[1..].sort();
    build_depends.dedup();

    let mut text = String::new();
    deb822::push(&mut text, "Source", &package.name);
    deb822::push(&mut text, "Section", &package.section);
    deb822::push(&mut text, "Priority", "optional");
    deb822::push(&mut text, "Maintainer", &package.maintainer);
    list_field(&mut text, "Build-Depends", &build_depends);
    deb822::push(&mut text, "Standards-Version", &distro.deb.standards_version);
    deb822::push(&mut text, "Rules-Requires-Root", "no");
    if let Some(homepage) = &package.homepage {
        deb822::push(&mut text, "Homepage", &literal(homepage));
    }
    for member in members {
        text.push('\n');
        deb822::push(&mut text, "Package", &member.name);
        if member.section != package.section {
            deb822::push(&mut text, "Section", member.section);
        }
        deb822::push(&mut text, "Architecture", architecture(member.architecture));
        if let Some(multi_arch) = member.multi_arch {
            deb822::push(&mut text, "Multi-Arch", multi_arch.as_str());
        }
        relations(&mut text, recipe, member);
        if let Some(vendor) = &package.vendor {
            // No field of dpkg's own: it has to be told that binary packages have it (deb-src-control(5)).
            deb822::push(&mut text, "XB-Vendor", &literal(vendor));
        }
        deb822::push(&mut text, "Description", &literal(&member.summary));
        text.push_str(&literal(&description(member.description, &member.summary, &member.name)));
    }
    text
}

fn architecture(architecture: PackageArch) -> &'static str {
    match architecture {
        PackageArch::Any => "any",
        PackageArch::All => "all",
    }
}

fn relations(text: &mut String, recipe: &Recipe, member: &Member<'_>) {
    let mut depends = Vec::new();
    if member.architecture == PackageArch::Any {
        depends.push("${shlibs:Depends}".to_owned());
    }
    depends.push("${misc:Depends}".to_owned());
    depends.extend(setcap_package(member.system).map(str::to_owned));
    depends.push("${perl:Depends}".to_owned());
    depends.push("${pkgconfig:Depends}".to_owned());
    if dh_python(recipe).is_some() {
        depends.push("${python3:Depends}".to_owned());
    }
    for (field, mut values) in relation_fields(member.relations, "${binary:Version}") {
        if field == "Depends" {
            depends.append(&mut values);
            depends.dedup();
            std::mem::swap(&mut depends, &mut values);
        }
        list_field(text, field, &values);
    }
}

/// What a recipe says of other packages, by field, in Debian's syntax. Fields may be empty.
pub(super) fn relation_fields(relations: &Relations, self_version: &str) -> [(&'static str, Vec<String>); 9] {
    let Relations { pre_requires, requires, recommends, suggests, enhances, supplements: _, .. } = relations;
    let Relations { provides, conflicts, replaces, .. } = relations;
    let write = |list: &[String]| -> Vec<String> {
        list.iter().filter_map(|r| relation::write(r, Format::Deb, self_version).ok()).collect()
    };
    let provided =
        provides.iter().filter_map(|p| relation::write_provided(p, Format::Deb, self_version).ok()?).collect();
    // A package that is replaced whole is in conflict (Policy 7.6.2); older versions of one are broken (7.6.1).
    let replaces = write(replaces);
    let (versions, whole): (Vec<String>, Vec<String>) = replaces.iter().cloned().partition(|r| r.contains('('));
    let mut conflicts = write(conflicts);
    conflicts.extend(whole);
    [
        ("Pre-Depends", write(pre_requires)),
        ("Depends", write(requires)),
        ("Recommends", write(recommends)),
        ("Suggests", write(suggests)),
        ("Enhances", write(enhances)),
        ("Provides", provided),
        ("Conflicts", conflicts),
        ("Breaks", versions),
        ("Replaces", replaces),
    ]
}

/// SharedText in a `debian/control`, where `${NAME}` would be a substitution variable (deb-substvars(5)).
fn literal(text: &str) -> String {
    text.replace("${", "${}{")
}

fn list_field(text: &mut String, name: &str, values: &[String]) {
    match values {
        [] => {}
        [value] => deb822::push(text, name, value),
        values => text.push_str(&format!("{name}:\n {},\n", values.join(",\n "))),
    }
}

/// The extended description (Policy 5.6.13): lines begin with a blank, ` .` is an empty one, two blanks keep a line. It must
/// say more than the summary does; where the recipe says no more, it names the package.
pub(super) fn description(text: &str, summary: &str, name: &str) -> String {
    let more = !text.trim().is_empty() && text.trim().trim_end_matches('.') != summary;
    let lines = if more { paragraphs(text, 78) } else { paragraphs(&format!("This is {name}: {summary}."), 78) };
    lines
        .iter()
        .map(|line| match line.as_str() {
            "" => " .\n".to_owned(),
            // Reserved by Policy: a full stop followed by anything.
            line if line.starts_with(['.', ' ', '*', '-', '•']) => format!("  {line}\n"),
            line => format!(" {line}\n"),
        })
        .collect()
}

pub(super) fn changelog(recipe: &Recipe, distro: &Distro, source_date_epoch: i64) -> String {
    let package = &recipe.package;
    format!(
        "{name} ({version}) {suite}; urgency=medium\n\n{entries}\n -- {maintainer}  {date}\n",
        name = package.name,
        version = version(recipe, distro),
        suite = suite(distro),
        entries = bullets(&changelog_entries(recipe, distro), "  * ", 80),
        maintainer = package.maintainer,
        date = utc(source_date_epoch, "%a, %d %b %Y %H:%M:%S +0000"),
    )
}

/// The distribution in the changelog: the suite, or the code name that the distribution's name has in parentheses.
fn suite(distro: &Distro) -> String {
    if let Some(bootstrap) = &distro.bootstrap {
        return bootstrap.suite.clone();
    }
    let codename = distro.name.split_once('(').and_then(|(_, rest)| rest.split([')', ' ']).next());
    codename.map(str::to_lowercase).filter(|name| !name.is_empty()).unwrap_or_else(|| "unstable".to_owned())
}

/// What debhelper would do by itself to build is left out: the recipe's scripts say all of it, for every format. So a
/// configure that a project brings stays as it is; another autoconf than its own may make a wrong one of its macros.
fn rules(recipe: &Recipe, distro: &Distro, members: &[Member<'_>], licence_complete: bool) -> String {
    let name = &recipe.package.name;
    let mut rules = format!(
        "#!/usr/bin/make -f\n# Written by farm from the recipe of {name}: its scripts are in {SCRIPTS}.\n\
         include /usr/share/dpkg/architecture.mk\n\
         export PREFIX = /usr\nexport LIBDIR = /usr/lib/$(DEB_HOST_MULTIARCH)\n\n\
         %:\n\tdh $@\n\n\
         override_dh_autoreconf override_dh_auto_configure override_dh_auto_clean:\n\n\
         override_dh_auto_build:\n\t{SCRIPTS}/build\n\n\
         override_dh_auto_test:\n"
    );
    if recipe.build.check.is_some() {
        rules.push_str(&format!("ifeq (,$(filter nocheck,$(DEB_BUILD_OPTIONS)))\n\t{SCRIPTS}/check\nendif\n"));
    }
    rules.push_str(&format!(
        "\noverride_dh_auto_install:\n\tinstall -d debian/{name}\n\tDESTDIR=$(CURDIR)/debian/{name} {SCRIPTS}/install\n"
    ));
    rules.push_str(&format!("\t{SCRIPTS}/split {name} $(LIBDIR) {}\n", unit_folder(distro)));
    if members.iter().any(|member| own_files(member, Format::Deb).iter().any(|file| file.kind == "sysusers")) {
        rules.push_str(
            "\n# Part of the sequence from compatibility level 14 on. First of all: what follows may need the users.\n\
             execute_after_dh_install:\n\tdh_installsysusers\n",
        );
    }
    rules.push_str(&services(members));
    // Also lets dwz of Debian 11, which fails on some small multi-file jobs, do its work.
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let trees = names.iter().map(|name| format!("debian/{name}")).collect::<Vec<_>>().join(" ");
    let unharmed = |tool: &str| {
        format!("\t{SCRIPTS}/whole out {STAGED_NOTES} {trees}\n\t{tool}\n\t{SCRIPTS}/whole in {STAGED_NOTES} {trees}\n")
    };
    rules.push_str(&format!(
        "\n# A file of debug symbols that packages share would be taken for a stripped library by lintian. What has more behind\n\
         # its ELF image, or is not to be stripped, stays as it is.\n\
         override_dh_dwz:\n{}\noverride_dh_strip:\n{}",
        unharmed(&format!("{SCRIPTS}/dwz {trees}")),
        unharmed("dh_strip"),
    ));
    rules.push_str("\n# Libraries that are the packages' own are nobody else's.\n");
    for helper in ["dh_makeshlibs", "dh_shlibdeps"] {
        rules.push_str(&format!("override_{helper}:\n\t{SCRIPTS}/private {helper} $(LIBDIR) {}\n", names.join(" ")));
    }
    rules.push_str(
        "\n# Links stay what was installed, as in the other format: which style they have is the build's business.\n",
    );
    rules.push_str("override_dh_link:\n");
    rules.push_str(&format!(
        "\n# The modes that were installed, where dh_fixperms has others.\n\
         execute_before_dh_builddeb:\n\t{SCRIPTS}/modes {STAGED_NOTES} {trees}\n"
    ));
    if !licence_complete {
        rules.push_str(&format!("\nexecute_after_dh_installdocs:\n\t{SCRIPTS}/licence {}\n", names.join(" ")));
    }
    rules.push_str(&format!("\nexecute_before_dh_gencontrol:\n\t{SCRIPTS}/depends {}\n", names.join(" ")));
    rules
}

/// What stands in for dh_installsystemd: only units that the recipe names are touched, each as it says. The recipe's
/// `post-install` comes before: it finds users and temporary files made and services not yet started.
fn services(members: &[Member<'_>]) -> String {
    let mut rules = "\noverride_dh_installsystemd:\n".to_owned();
    for member in members {
        let name = &member.name;
        if has_attributes(member.system) {
            rules.push_str(&format!(
                "\tcat {SCRIPTS}/attributes-begin {STAGED_NOTES}/attributes.{name} {SCRIPTS}/attributes-end \
                 >>debian/{name}.postinst.debhelper\n"
            ));
        }
        if !contract::in_deb(member.scripts, "postinst").is_empty() {
            rules.push_str(&format!("\tcat {SCRIPTS}/{name}.postinst >>debian/{name}.postinst.debhelper\n"));
        }
        for (unit, service) in plain_units(member.system) {
            let Choices { enable, start, restart } = service_choices(service);
            let mut options = String::new();
            if !enable {
                options.push_str(" --no-enable");
            }
            if !start {
                options.push_str(" --no-start");
            }
            match restart {
                false => options.push_str(" --no-stop-on-upgrade"),
                // With --no-start it is not the default: the unit would only be stopped.
                true if !start => options.push_str(" --restart-after-upgrade"),
                true => {}
            }
            rules.push_str(&format!("\tdh_installsystemd -p{name}{options} {unit}\n"));
        }
        for (script, piece) in [("postinst", template_restart(member.system)), ("prerm", template_stop(member.system))]
        {
            if piece.is_some() {
                rules.push_str(&format!(
                    "\tcat {SCRIPTS}/{name}.{script}-templates >>debian/{name}.{script}.debhelper\n"
                ));
            }
        }
    }
    rules.push_str(
        "\n# Units of users are theirs to enable: newer releases would do it for all of them.\n\
         override_dh_installsystemduser:\n",
    );
    rules
}

/// dh_installalternatives(1)
fn alternatives(member: &Member<'_>) -> String {
    let paragraphs = member.system.alternatives.iter().map(|(name, alternative)| {
        let link = &alternative.link;
        let mut text = format!(
            "Name: {name}\nLink: {}\nAlternative: {}\nPriority: {}\n",
            link.link, link.path, alternative.priority
        );
        if !alternative.dependents.is_empty() {
            text.push_str("Dependents:\n");
        }
        for (name, link) in &alternative.dependents {
            text.push_str(&format!(" {} {name} {}\n", link.link, link.path));
        }
        text
    });
    paragraphs.collect::<Vec<_>>().join("\n")
}

/// dh_installdeb(1): dpkg would unpack into a folder through the link that was there, and leaves configuration files that
/// no package has any more.
fn maintscript(system: &System) -> String {
    let links = system.former_links.iter().map(|(path, target)| format!("symlink_to_dir {path} {target}\n"));
    let files = system.former_config_files.iter().map(|path| format!("rm_conffile {path}\n"));
    links.chain(files).collect()
}

/// What the recipe's scripts find in their environment, as a file that they read.
fn environment(recipe: &Recipe, distro: &Distro) -> String {
    let mut text = format!("# The environment of the recipe's scripts.\n{}", include_str!("scripts/deb-env.sh"));
    for (name, value) in script_variables(recipe, distro).iter().chain(&recipe.build.env) {
        text.push_str(&format!("export {name}={}\n", quote(value)));
    }
    text
}

fn recipe_script(name: &str, phase: &str, script: Option<&str>) -> String {
    // Parallel `make install` is what many makefiles were never tried with; debhelper does not do it either.
    let serial = if phase == "package" { "export MAKEFLAGS=\n" } else { "" };
    format!(
        "#!/bin/sh\nset -eu\n[ -z \"${{{PHASE_TOKEN}:-}}\" ] || echo \"${PHASE_TOKEN} {phase}\"\n\
         . \"${{0%/*}}/env\"\n{serial}{}{}\n{}",
        step_environment::record(),
        script.map(|_| traced::instead(name)).unwrap_or_default(),
        body(script.unwrap_or_default())
    )
}

/// For debhelper, which adds to them what the files of the package need.
fn maintainer_scripts(member: &Member<'_>, environment: &str) -> Vec<GuestFile> {
    let package = &member.name;
    let at_configure = contract::in_deb(member.scripts, "postinst").into_iter();
    let at_configure: String =
        at_configure.map(|(moment, script)| contract::deb(script, moment, environment)).collect();
    // A piece of the script that debhelper makes, at the place that `services` gives it.
    let pieces = [
        ("postinst", Some(at_configure).filter(|script| !script.is_empty())),
        ("postinst-templates", template_restart(member.system)),
        ("prerm-templates", template_stop(member.system)),
    ];
    let pieces =
        pieces.into_iter().filter_map(|(kind, piece)| Some(file(&format!("{SCRIPTS}/{package}.{kind}"), piece?)));
    let whole = ["preinst", "prerm", "postrm"].into_iter().filter_map(|name| {
        let parts = contract::in_deb(member.scripts, name).into_iter().map(|(moment, script)| {
            let script = contract::for_debhelper(&format!("{environment}{}", body(script)));
            contract::deb(&script, moment, "")
        });
        let script = Some(parts.collect::<String>()).filter(|script| !script.is_empty())?;
        let content = format!("#!/bin/sh\nset -e\n\n{script}\n#DEBHELPER#\n");
        Some(file(&format!("debian/{package}.{name}"), content))
    });
    pieces.chain(whole).collect()
}
