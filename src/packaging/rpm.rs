//! rpm: a recipe as a `.spec`, and the steps that run `rpmbuild -ba` on it or on the project's own one.
//! The syntax is rpm's spec file format; what differs between rpm versions is said where it matters.

use std::collections::BTreeMap;

use crate::distro::Distro;
use crate::formats::folders;
use crate::recipe::{Environment, EnvironmentOrigin, PackageArch, Recipe, Relations};
use crate::types::{Format, SharedText};

use super::members::{Member, assignment, members, source_name};
use super::spec::{self, tag};
use super::system::own_files;
use super::text::{body, bullets, paragraphs, quote, utc};
use super::{
    BUILD_ROOT, BuilderSetup, ExpectedPackage, GuestFile, LIFE, PHASE_TOKEN, Packaging, RESULTS, Requirements,
    SourceLayout, Step, StepKind, TEST_PACKAGES, User, build_top, caches, changelog_entries, contract, foreign, own,
    relation, script_variables, scriptlets, source_top, staged, step_environment, style, traced, unpack,
};

const TOP: &str = "/build/rpmbuild";

/// `[epoch:]version-release<tag>`
pub(super) fn version(recipe: &Recipe, distro: &Distro) -> String {
    format!("{}{}", untagged_version(recipe), distro.release_tag)
}

/// `[epoch:]version-release`: what changelogs have, which tell of all distributions' builds.
pub(super) fn untagged_version(recipe: &Recipe) -> String {
    let package = &recipe.package;
    let epoch = if package.epoch > 0 { format!("{}:", package.epoch) } else { String::new() };
    format!("{epoch}{}-{}", package.version, package.release)
}

/// What rpmbuild is to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    All,
    /// The .src.rpm alone, for which nothing has to be installed.
    Source,
}

pub(super) fn packaging(recipe: &Recipe, distro: &Distro, stage: Stage, source_date_epoch: i64) -> Packaging {
    let members = members(recipe, Format::Rpm);
    let own = recipe.packaging.spec.as_deref();
    let mut env = BTreeMap::from([
        ("HOME".to_owned(), BUILD_ROOT.to_owned()),
        ("USER".to_owned(), super::BUILD_USER.to_owned()),
        ("LOGNAME".to_owned(), super::BUILD_USER.to_owned()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
    ]);
    let (sources, files, spec, expected) = match own {
        Some(path) => {
            env.extend(recipe.build.env.clone());
            env.extend(script_variables(recipe, distro));
            let name = path.rsplit('/').next().unwrap_or(path);
            let sources = SourceLayout::Originals { folder: format!("{TOP}/SOURCES"), tree: own::spec_tree(recipe) };
            let mut files = own::files(recipe);
            if distro.is_foreign() {
                files.extend(foreign::files());
            }
            (sources, files, name.to_owned(), Vec::new())
        }
        None => {
            // With the epoch in the environment, changelog days, which have no time, do not round it.
            env.insert("SOURCE_DATE_EPOCH".to_owned(), source_date_epoch.to_string());
            env.insert(staged::MANIFEST_VARIABLE.to_owned(), staged::manifest());
            let path = format!("{TOP}/SOURCES/{}.tar", source_top(recipe));
            let sources = SourceLayout::Tarball { path, top: build_top(recipe) };
            let name = format!("{}.spec", recipe.package.name);
            let expected = members
                .iter()
                .map(|member| ExpectedPackage {
                    name: member.name.clone(),
                    version: version(recipe, distro),
                    architecture: member.architecture,
                    is_empty: member.is_empty,
                })
                .collect();
            (sources, files(recipe, distro, &members, source_date_epoch), name, expected)
        }
    };
    let script = script(recipe, distro, &spec, stage, source_date_epoch);
    Packaging {
        sources,
        files,
        steps: vec![Step { kind: StepKind::Unpack, script, user: User::Builder, env }],
        results: RESULTS.to_owned(),
        expected,
    }
}

/// One exec for everything; the scriptlets of the .spec announce the phases.
fn script(recipe: &Recipe, distro: &Distro, spec: &str, stage: Stage, source_date_epoch: i64) -> String {
    let own = recipe.packaging.spec.as_deref();
    let mut script = format!("set -eu\numask 022\n{}", step_environment::phase_function());
    script.push_str(&super::probe(&["rpmbuild", "tar", "gzip", "awk", "find"], "rpm-build"));
    script.push_str(&format!("cd {BUILD_ROOT}\nmkdir -p {TOP}/SOURCES {TOP}/SPECS {RESULTS}\n"));
    if own.is_none() {
        script.push_str(&format!("mv {} {TOP}/SPECS/\nmv farm-* {TOP}/SOURCES/\n", quote(spec)));
    }
    script.push_str(&format!("spec={}\n", quote(&format!("{TOP}/SPECS/{spec}"))));
    if let Some(path) = own {
        let tree = own::spec_tree(recipe);
        script.push_str(&own::prepare(recipe, &tree, source_date_epoch));
        let path = path.trim_matches('/');
        let complaint = format!("farm: [packaging] spec = \"{path}\": the sources have no such file");
        let folder = path.rsplit_once('/').map_or_else(|| tree.clone(), |(folder, _)| format!("{tree}/{folder}"));
        script.push_str(&format!(
            "tree={} beside={} source={} epoch={source_date_epoch}\n\
             [ -f \"$beside/${{spec##*/}}\" ] || {{ echo {} >&2; exit 1; }}\ncp \"$beside/${{spec##*/}}\" \"$spec\"\n",
            quote(&tree),
            quote(&folder),
            own::first_source(recipe),
            quote(&complaint)
        ));
        // rpm takes the time from the changelog; a .spec without one would get the time of the build.
        script.push_str(&format!("grep -q '^%changelog' \"$spec\" || export SOURCE_DATE_EPOCH={source_date_epoch}\n"));
    }
    // Sources are packed into the .src.rpm with their times.
    script.push_str(&format!("find {TOP}/SOURCES {TOP}/SPECS -type f -exec touch -d @{source_date_epoch} {{}} +\n"));
    let (arguments, made) = match stage {
        Stage::All => ("-ba", format!("{TOP}/RPMS {TOP}/SRPMS")),
        Stage::Source => ("-bs --nodeps", format!("{TOP}/SRPMS")),
    };
    script.push_str(&format!("set -- {arguments}"));
    // On a Debian base the rpm database knows of nothing; what the build requires was installed by apt. An image of the
    // recipe's own is taken as it is: it may have a compiler that no package of it brings.
    let is_taken = |environment: &Environment| !matches!(environment.origin, EnvironmentOrigin::Distro(_));
    let is_unknown = (own.is_some() && distro.is_foreign()) || recipe.environment.as_ref().is_some_and(is_taken);
    if stage == Stage::All && is_unknown {
        script.push_str(" --nodeps");
    }
    if own.is_some() && distro.is_foreign() {
        script.push_str(&format!(" --load {BUILD_ROOT}/{}", foreign::MACROS_FILE));
    }
    // By its own name, whatever leads there: compilers write down where they are, and rpm takes that out by this name.
    script.push_str(&format!(" \\\n    --define \"_topdir $(cd -P {TOP} && pwd -P)\""));
    let defines = defines(recipe, distro);
    if !defines.iter().any(|(name, _)| name == "_smp_mflags") {
        script.push_str(" \\\n    --define \"_smp_mflags -j${RPM_BUILD_NCPUS:-1}\"");
    }
    for (name, value) in defines {
        script.push_str(&format!(" \\\n    --define {}", quote(&format!("{name} {value}"))));
    }
    script.push('\n');
    if own.is_some() {
        script.push_str(include_str!("scripts/rpm-own.sh"));
        script.push_str(&own::spec_version(recipe, distro, source_date_epoch));
        script.push_str(include_str!("scripts/rpm-sources.sh"));
        script.push_str("phase build\n");
    }
    script.push_str(include_str!("scripts/rpm-build.sh"));
    script.push_str(&format!("phase package\nfind {made} -name '*.rpm' -exec mv -t {RESULTS} {{}} +\n"));
    script
}

/// Macros on rpmbuild's command line: where, and all that makes two builds give the same bytes.
fn defines(recipe: &Recipe, distro: &Distro) -> Vec<(String, String)> {
    let mut defines: Vec<(&str, String)> = vec![
        ("_buildhost", "localhost".to_owned()),
        // Sources are root's, whoever packs them.
        ("_srcdefattr", "(-,root,root)".to_owned()),
        ("packager", spec::definition(&recipe.package.maintainer)),
        ("source_date_epoch_from_changelog", "1".to_owned()),
        ("use_source_date_epoch_as_buildtime", "1".to_owned()),
        ("clamp_mtime_to_source_date_epoch", "1".to_owned()),
        // The same from rpm 4.20 on.
        ("build_mtime_policy", "clamp_to_source_date_epoch".to_owned()),
    ];
    if !distro.release_tag.is_empty() {
        defines.push(("dist", distro.release_tag.clone()));
    }
    if distro.is_foreign() {
        // zstd, the default of new rpm, is refused by the rpm of EL 7; gzip is read by all.
        defines.push(("_binary_payload", "w6.gzdio".to_owned()));
        defines.push(("_source_payload", "w6.gzdio".to_owned()));
        // Debian's rpm has no policy of its own for what is installed.
        let modules = match recipe.packaging.spec {
            Some(_) => format!("; sh {BUILD_ROOT}/{} %{{buildroot}}", foreign::BYTECOMPILE_FILE),
            None => String::new(),
        };
        defines.push(("__os_install_post", format!("bash %{{_rpmconfigdir}}/brp-compress{modules}")));
        defines.push(("_debugsource_packages", "1".to_owned()));
        // Hardening as the distributions have it; both hash styles, so that the oldest loaders can read the result.
        defines.push(("optflags", "-O2 -g -fstack-protector-strong -Wp,-D_FORTIFY_SOURCE=2".to_owned()));
        // Where it is built is nobody's concern: sources are called what they are in the debug packages, as debugedit would.
        // That has the version in it, so what a cache keeps of one version would be of no use to the next.
        let mapped = "%{optflags} -ffile-prefix-map=%{_builddir}%{?buildsubdir:/%{buildsubdir}}=\
                      /usr/src/debug/%{name}-%{version}-%{release}.%{_arch}";
        if recipe.build.cache.is_empty() {
            defines.extend(["build_cflags", "build_cxxflags", "build_fflags"].map(|name| (name, mapped.to_owned())));
        }
        defines.push(("build_ldflags", "-Wl,-z,relro -Wl,-z,now -Wl,--hash-style=both".to_owned()));
        // Other distributions' packages may own /usr/lib/.build-id: the links go where only debuggers look.
        defines.push(("_build_id_links", "alldebug".to_owned()));
    }
    let mut all: Vec<(String, String)> = defines.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let own = recipe.packaging.spec.as_ref().map(|_| &recipe.packaging.define);
    for (name, value) in distro.macros.iter().chain(own.into_iter().flatten()) {
        all.retain(|(known, _)| known != name);
        // rpm wants a body.
        let value = if value.is_empty() { "%{nil}" } else { value };
        all.push((name.clone(), value.to_owned()));
    }
    all
}

fn files(recipe: &Recipe, distro: &Distro, members: &[Member<'_>], source_date_epoch: i64) -> Vec<GuestFile> {
    let file = |path: &str, content: SharedText| GuestFile { path: path.to_owned(), content, executable: false };
    let mut files = vec![
        file("farm-files.awk", staged::ASSIGN.into()),
        file("farm-files.sh", include_str!("scripts/rpm-files.sh").into()),
        file("farm-manifest.sh", staged::manifest_script()),
        file("farm-packages", assignment(recipe, members, Format::Rpm).into()),
        file("farm-staged.awk", staged::STAGED.into()),
        file("farm-whole.sh", staged::WHOLE.into()),
        file(&format!("{}.spec", recipe.package.name), spec_file(recipe, distro, members, source_date_epoch).into()),
    ];
    for member in members {
        let own = own_files(member, Format::Rpm).into_iter();
        files.extend(own.map(|own| file(&source_name(&member.name, own.kind), own.content.into())));
    }
    files
}

fn spec_file(recipe: &Recipe, distro: &Distro, members: &[Member<'_>], source_date_epoch: i64) -> String {
    let package = &recipe.package;
    let main = &members[0];
    let mut spec = format!(
        "# Written by farm from the recipe of {}.\n\n\
         # Names of files are bytes; whether they are good ones is for whoever looks at the finished package.\n\
         %global _invalid_encoding_terminates_build 0\n\n\
         # A main package all of whose files went to others is no mistake.\n\
         %global _empty_manifest_terminate_build 0\n\n\
         # Libraries that are the packages' own are nobody else's. Which those are is known when all is installed.\n\
         %define __provides_exclude_from %(cat %{{_builddir}}/%{{?buildsubdir}}/farm-staged/private-paths)\n\
         %define __requires_exclude %(cat %{{_builddir}}/%{{?buildsubdir}}/farm-staged/private-names)\n\n",
        spec::value(&package.name)
    );
    tag(&mut spec, "Name", &package.name);
    if package.epoch > 0 {
        tag(&mut spec, "Epoch", &package.epoch.to_string());
    }
    tag(&mut spec, "Version", &package.version);
    let dist = if distro.release_tag.is_empty() { "" } else { "%{?dist}" };
    tag(&mut spec, "Release", &format!("{}{dist}", package.release));
    tag(&mut spec, "Summary", &spec::value(&main.summary));
    tag(&mut spec, "License", &spec::value(&package.license));
    style::group(&mut spec, distro, main);
    if let Some(homepage) = &package.homepage {
        tag(&mut spec, "URL", &spec::value(homepage));
    }
    if let Some(vendor) = &package.vendor {
        tag(&mut spec, "Vendor", &spec::value(vendor));
    }
    spec.push_str(&style::origin(recipe));
    tag(&mut spec, "Source0", "%{name}-%{version}.tar");
    tag(&mut spec, "Source1", "farm-files.sh");
    tag(&mut spec, "Source2", "farm-files.awk");
    tag(&mut spec, "Source3", "farm-packages");
    tag(&mut spec, "Source4", "farm-manifest.sh");
    tag(&mut spec, "Source5", "farm-staged.awk");
    tag(&mut spec, "Source6", "farm-whole.sh");
    scriptlets::sources(&mut spec, members, 7);
    let patches = unpack::patches(recipe);
    for (index, patch) in patches.iter().enumerate() {
        tag(&mut spec, &format!("Patch{}", index + 1), &spec::value(&patch.name));
    }
    if main.architecture == PackageArch::All {
        tag(&mut spec, "BuildArch", "noarch");
    }
    build_requires(&mut spec, recipe, distro, members);
    relations(&mut spec, recipe, distro, main);
    scriptlets::requirements(&mut spec, main, distro);
    spec.push_str(&format!("\n%description\n{}\n", description(main)));
    for member in &members[1..] {
        spec.push_str(&format!("\n%package -n {}\n", member.name));
        tag(&mut spec, "Summary", &spec::value(&member.summary));
        style::group(&mut spec, distro, member);
        if member.architecture == PackageArch::All && main.architecture == PackageArch::Any {
            tag(&mut spec, "BuildArch", "noarch");
        }
        relations(&mut spec, recipe, distro, member);
        libraries_behind_links(&mut spec, recipe, members, member);
        scriptlets::requirements(&mut spec, member, distro);
        spec.push_str(&format!("\n%description -n {}\n{}\n", member.name, description(member)));
    }
    if main.architecture == PackageArch::Any {
        spec.push_str(
            "\n# The Fedora family does this in %%install, others leave it to the .spec.\n\
             %if ! 0%{?_enable_debug_packages}\n%{?debug_package}\n%endif\n",
        );
    }
    // Patches are applied by a function of farm's own.
    spec.push_str("\n%prep\n%autosetup");
    if build_top(recipe) != source_top(recipe) {
        spec.push_str(&format!(" -n {}", build_top(recipe)));
    }
    spec.push_str(if patches.is_empty() { "\n" } else { " -N\n" });
    if !patches.is_empty() {
        spec.push_str(&spec::script(unpack::PATCH_FUNCTION));
    }
    for (index, patch) in patches.iter().enumerate() {
        // The path is a macro, so it is put in when the rest has been escaped.
        spec.push_str(
            &spec::value(&patch.apply("FILE")).replace("-i FILE\n", &format!("-i %{{PATCH{}}}\n", index + 1)),
        );
    }
    let build = &recipe.build;
    let environment = environment(recipe, distro);
    let users = scriptlets::generated_users(members, distro);
    script_section(&mut spec, "build", "build", &format!("{users}{environment}"), build.build.as_deref());
    let install_environment = format!(
        "{}{}{environment}export DESTDIR=\"%{{buildroot}}\" MAKEFLAGS=\n",
        style::licences(distro),
        style::AFTER_INSTALL
    );
    script_section(&mut spec, "install", "package", &install_environment, build.install.as_deref());
    spec.push_str("# Every package would own this index of info pages: it is made on the user's machine.\n");
    spec.push_str("rm -f %{buildroot}%{_infodir}/dir\n");
    spec.push_str(
        "sh %{SOURCE4} %{buildroot} %{SOURCE3} %{SOURCE5} %{_libdir} farm-staged\n\
         sh %{SOURCE6} out farm-staged %{buildroot}\n",
    );
    spec.push_str(
        "# rpm looks for dependencies and debug symbols in executable files only.\n\
         LC_ALL=C find %{buildroot} -type f -name '*.so*' ! -perm -100 -exec grep -q '^.ELF' {} \\; -exec chmod 755 {} +\n",
    );
    if build.check.is_some() {
        script_section(&mut spec, "check", "check", &environment, build.check.as_deref());
    }
    let environment = contract::environment(recipe, distro);
    for (index, member) in members.iter().enumerate() {
        scriptlets::scriptlets(&mut spec, member, distro, ships_libraries(members, index), &environment);
    }
    for member in members {
        let name = if member.name == package.name { String::new() } else { format!("-n {} ", member.name) };
        spec.push_str(&format!("\n%files {name}-f farm-files/{}\n", member.name));
    }
    spec.push_str(&format!(
        "\n%changelog\n* {} {} - {}\n{}",
        utc(source_date_epoch, "%a %b %d %Y"),
        spec::value(&package.maintainer),
        untagged_version(recipe),
        spec::entries(&bullets(&changelog_entries(recipe, distro), "- ", 80)),
    ));
    spec
}

fn build_requires(spec: &mut String, recipe: &Recipe, distro: &Distro, members: &[Member<'_>]) {
    if distro.is_foreign() {
        spec.push_str("# Built on Debian: what the build requires are Debian packages, of which rpm knows nothing.\n");
        return;
    }
    let mut requires: Vec<String> =
        recipe.build.requires.iter().filter_map(|r| relation::write(r, Format::Rpm, "").ok()).collect();
    // So that the .src.rpm can be built elsewhere: Debian implies a compiler, RPM distributions do not.
    if recipe.package.architecture == PackageArch::Any {
        let compiler = |package: &&String| ["gcc", "make"].contains(&package.as_str());
        requires.extend(distro.build_packages.iter().filter(compiler).cloned());
    }
    requires.extend(scriptlets::macros_package(members, distro).map(str::to_owned));
    requires.extend(scriptlets::users_package(members, distro).map(str::to_owned));
    requires.sort();
    requires.dedup();
    for requirement in requires {
        tag(spec, "BuildRequires", &requirement);
    }
}

fn relations(spec: &mut String, recipe: &Recipe, distro: &Distro, member: &Member<'_>) {
    let own = own_version(recipe);
    let mut weak = String::new();
    for (name, list) in relation_tags(member.relations, own) {
        let text =
            if matches!(name, "Recommends" | "Suggests" | "Enhances" | "Supplements") { &mut weak } else { &mut *spec };
        list.iter().for_each(|relation| tag(text, name, relation));
    }
    spec.push_str(&style::weak(&weak, distro));
}

/// What a recipe says of other packages, by RPM's tag for it, in its syntax. A package that is replaced whole is
/// obsoleted. One of which only versions are goes on, and dnf removes what is obsoleted: of that, the versions conflict.
pub(super) fn relation_tags(relations: &Relations, self_version: &str) -> [(&'static str, Vec<String>); 9] {
    let Relations { pre_requires, requires, recommends, suggests, enhances, supplements, .. } = relations;
    let Relations { provides, conflicts, replaces, .. } = relations;
    let write = |list: &[String]| -> Vec<String> {
        list.iter().filter_map(|r| relation::write(r, Format::Rpm, self_version).ok()).collect()
    };
    let (versions, whole): (Vec<String>, Vec<String>) =
        replaces.iter().cloned().partition(|r| relation::has_version(r));
    let mut conflicts = write(conflicts);
    conflicts.extend(write(&versions));
    // What scripts need alone could be removed once they have run: it is required as well.
    let before = write(pre_requires);
    let all = before.iter().cloned().chain(write(requires)).collect();
    [
        ("Requires(pre)", before),
        ("Requires", all),
        ("Recommends", write(recommends)),
        ("Suggests", write(suggests)),
        ("Enhances", write(enhances)),
        ("Supplements", write(supplements)),
        ("Provides", write(provides)),
        ("Conflicts", conflicts),
        ("Obsoletes", write(&whole)),
    ]
}

/// The version of this very build.
fn own_version(recipe: &Recipe) -> &'static str {
    if recipe.package.epoch > 0 { "%{epoch}:%{version}-%{release}" } else { "%{version}-%{release}" }
}

/// Filled to less than the 80 columns that rpmlint allows.
fn description(member: &Member<'_>) -> String {
    let lines = paragraphs(member.description, 76);
    spec::prose(&if lines.is_empty() { vec![format!("{}.", member.summary)] } else { lines })
}

/// What the recipe's scripts find in their environment.
fn environment(recipe: &Recipe, distro: &Distro) -> String {
    let mut text = "%{?set_build_flags}%{!?set_build_flags:export CFLAGS=\"%{optflags}\" CXXFLAGS=\"%{optflags}\" \
                    LDFLAGS=\"%{?build_ldflags}\"}\n\
                    export CPPFLAGS=\"${CPPFLAGS:-}\" CFLAGS=\"${CFLAGS:-}\" CXXFLAGS=\"${CXXFLAGS:-}\" LDFLAGS=\"${LDFLAGS:-}\"\n\
                    export PREFIX=\"%{_prefix}\" LIBDIR=\"%{_libdir}\" FARM_PARALLEL=\"${RPM_BUILD_NCPUS:-1}\"\n\
                    export MAKEFLAGS=\"-j$FARM_PARALLEL\" CARGO_BUILD_JOBS=\"$FARM_PARALLEL\" \
                    CMAKE_BUILD_PARALLEL_LEVEL=\"$FARM_PARALLEL\"\n"
        .to_owned();
    // farm says it; whoever builds the source package elsewhere need not.
    text.push_str("export FARM_ARCH=\"${FARM_ARCH:-%{_host_cpu}}\"\n");
    for (name, value) in script_variables(recipe, distro).iter().chain(&recipe.build.env) {
        text.push_str(&spec::export(name, value));
    }
    text
}

/// One script in a subshell: its `exit`, `cd` and `set -u` do not touch what rpm adds around it.
fn script_section(spec: &mut String, section: &str, phase: &str, environment: &str, script: Option<&str>) {
    spec.push_str(&format!(
        "\n%{section}\n[ -z \"${{{PHASE_TOKEN}:-}}\" ] || echo \"${PHASE_TOKEN} {phase}\"\n{environment}{}(\nset -eu\n{}{})\n",
        step_environment::record(),
        script.map(|_| traced::instead(section)).unwrap_or_default(),
        spec::script(&body(script.unwrap_or_default()))
    ));
}

/// What a package with links for the linker needs, which no generator of rpm's looks for: the libraries behind them.
fn libraries_behind_links(spec: &mut String, recipe: &Recipe, members: &[Member<'_>], member: &Member<'_>) {
    let is_link = |pattern: &String| {
        pattern.strip_prefix("${libdir}/").is_some_and(|name| name.ends_with(".so") && !name.contains('/'))
    };
    if !member.files.iter().any(is_link) {
        return;
    }
    let isa = if member.architecture == PackageArch::Any { "%{?_isa}" } else { "" };
    for (index, other) in members.iter().enumerate() {
        if other.name != member.name && ships_libraries(members, index) {
            tag(spec, "Requires", &format!("{}{isa} = {}", other.name, own_version(recipe)));
        }
    }
}

/// A package gets libraries by a pattern, or because another one takes the links to them and nobody the libraries. Those
/// that the loader does not look for are nothing to tell it of.
fn ships_libraries(members: &[Member<'_>], index: usize) -> bool {
    let is_looked_for = |pattern: &str| {
        let folder = pattern.rsplit_once('/').map_or("", |(folder, _)| folder);
        folder.contains(['*', '?', '$']) || folders::is_searched_by_loader(folder)
    };
    let takes = |member: &Member<'_>, end: &str| {
        member.files.iter().any(|pattern| pattern.contains(end) && is_looked_for(pattern))
    };
    if index > 0 {
        return takes(&members[index], ".so.");
    }
    members[1..].iter().any(|member| member.files.iter().any(|pattern| pattern.ends_with(".so")))
        && !members[1..].iter().any(|member| takes(member, ".so."))
}

/// The builder image where rpm's own package managers install: `manager` names the functions that `preamble` defines.
pub(super) fn builder(recipe: &Recipe, distro: &Distro, manager: &str, preamble: SharedText) -> BuilderSetup {
    let write = |list: &[String]| -> Vec<String> {
        list.iter().filter_map(|r| relation::write(r, Format::Rpm, "").ok()).collect()
    };
    let mut listed = distro.build_packages.clone();
    listed.push("rpm-build".to_owned());
    if !unpack::patches(recipe).is_empty() {
        listed.push("patch".to_owned());
    }
    listed.extend(caches::packages(recipe));
    listed.extend(write(&recipe.build.requires));
    if recipe.packaging.spec.is_none() {
        let members = members(recipe, Format::Rpm);
        listed.extend(scriptlets::macros_package(&members, distro).map(str::to_owned));
        listed.extend(scriptlets::users_package(&members, distro).map(str::to_owned));
    }
    listed.sort();
    listed.dedup();
    let mut script = format!("{manager}_begin\n");
    let wanted = arguments(&listed);
    script.push_str(&format!("{manager}_update {wanted}\n{manager}_install {wanted}\n"));
    let requirements = match &recipe.packaging.spec {
        None => Requirements::Listed(listed),
        Some(path) => {
            // The .spec's own macros decide what it requires: rpm is asked, after its macros are installed.
            let name = path.rsplit('/').next().unwrap_or(path);
            let spec = quote(&format!("{BUILD_ROOT}/requirements/{name}"));
            let defines: String = defines(recipe, distro)
                .iter()
                .map(|(name, value)| format!(" --define {}", quote(&format!("{name} {value}"))))
                .collect();
            if recipe.packaging.prepare.is_some() {
                // It may make the .spec, and then nothing but the recipe can say what is required.
                script.push_str(&format!("[ -f {spec} ] || exit 0\n"));
            }
            script.push_str(&format!(
                "rpmspec -q --buildrequires{defines} {spec} >/tmp/farm-requires || {{ echo {} >&2; exit 1; }}\n\
                 set --\nwhile IFS= read -r requirement; do set -- \"$@\" \"$requirement\"; done </tmp/farm-requires\n\
                 rm -rf /tmp/farm-requires {BUILD_ROOT}/requirements\n{manager}_install \"$@\"\n",
                quote(&format!("farm: rpm cannot read {path}"))
            ));
            Requirements::FromSource { path: path.clone(), toolchain: listed }
        }
    };
    BuilderSetup { requirements, script: preamble.with(include_str!("scripts/user.sh")).with(script), toolchain: None }
}

/// Requirements as words of a shell script. Where one is written with a macro (`%{_libdir}/libssl.so`), rpm expands it.
pub(super) fn arguments(requirements: &[String]) -> String {
    let argument = |requirement: &String| match requirement.contains("%{") {
        true => format!("\"$(rpm --eval {})\"", quote(requirement)),
        false => quote(requirement),
    };
    requirements.iter().map(argument).collect::<Vec<_>>().join(" ")
}

/// What a test needs beside the packages, in RPM's words.
pub(super) fn test_requires(recipe: &Recipe) -> Vec<String> {
    let requires = recipe.test.as_ref().map(|test| test.requires.as_slice()).unwrap_or_default();
    requires.iter().filter_map(|r| relation::write(r, Format::Rpm, "").ok()).collect()
}

/// The beginning of a removal script: names and files of the packages under test.
pub(super) fn removal_preamble() -> SharedText {
    let packages = format!(
        "names=$(rpm -qp --nosignature --qf '%{{NAME}}\\n' {TEST_PACKAGES}/*.rpm)\n\
         files=$(mktemp)\nrpm -qpl --nosignature {TEST_PACKAGES}/*.rpm | sort -u >\"$files\"\n\
         dangling=$(mktemp)\nfarm_dangling >\"$dangling\"\nfarm_write $names\n"
    );
    let begin = format!("set -eu\nexport LC_ALL=C\nfarm_packages={TEST_PACKAGES}\n");
    SharedText::from(begin).with(LIFE).with(packages)
}
