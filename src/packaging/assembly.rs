//! The packages that farm makes itself, of what an image without packaging tools has installed: the steps that run in
//! it, and all that the packages say of themselves, in the words of their format. How they are put together is
//! `assemble`'s business; nothing here assumes more of the image than a shell.

use std::collections::BTreeMap;

use crate::distro::Distro;
use crate::recipe::{Recipe, Relations};
use crate::types::{Arch, Format};

use super::members::{Member, members};
use super::system::{UNITS, own_files};
use super::text::{body, paragraphs, quote};
use super::{
    AssembledPackage, Assembly, BUILD_ROOT, EnvironmentProbe, ExpectedPackage, Packaging, STAGED_LICENCES, STAGED_ROOT,
    SourceLayout, Step, StepKind, User, contract, copyright, deb, rpm, script_variables, scriptlets, source_folder,
    staged, step_environment, style, traced, unpack,
};

/// Where the recipe installs, and where what else is wanted of the sources lies beside it.
const STAGED: &str = "/build/staged";
/// What runs in the image. Its results are the staged tree, not packages.
pub(super) fn packaging(recipe: &Recipe, distro: &Distro, source_date_epoch: i64) -> Packaging {
    let folder = source_folder(recipe);
    let mut env = BTreeMap::from([
        ("HOME".to_owned(), BUILD_ROOT.to_owned()),
        ("USER".to_owned(), super::BUILD_USER.to_owned()),
        ("LOGNAME".to_owned(), super::BUILD_USER.to_owned()),
        ("SOURCE_DATE_EPOCH".to_owned(), source_date_epoch.to_string()),
        ("PREFIX".to_owned(), "/usr".to_owned()),
    ]);
    env.extend(script_variables(recipe, distro));
    env.extend(recipe.build.env.clone());
    let version = version(recipe, distro);
    let expected = members(recipe, distro.format)
        .iter()
        .map(|member| ExpectedPackage {
            name: member.name.clone(),
            version: version.clone(),
            architecture: member.architecture,
            is_empty: member.is_empty,
        })
        .collect();
    Packaging {
        sources: SourceLayout::Tree { folder: folder.clone() },
        files: Vec::new(),
        steps: vec![Step { kind: StepKind::Unpack, script: script(recipe, &folder), user: User::Builder, env }],
        results: STAGED.to_owned(),
        expected,
    }
}

/// One exec for everything: unpack, build, check, install.
fn script(recipe: &Recipe, folder: &str) -> String {
    let mut script = format!("set -eu\numask 022\n{}cd {}\n", step_environment::phase_function(), quote(folder));
    script.push_str(&unpack::apply_patches(recipe));
    // Those of the image, if it has any: scripts may name them in any case.
    script.push_str(
        "export CPPFLAGS=\"${CPPFLAGS:-}\" CFLAGS=\"${CFLAGS:-}\" CXXFLAGS=\"${CXXFLAGS:-}\" LDFLAGS=\"${LDFLAGS:-}\"\n",
    );
    let build = &recipe.build;
    for (phase, text) in [("build", &build.build), ("check", &build.check)] {
        if let Some(text) = text {
            script.push_str(&format!("phase {phase}\n(\nset -eu\n{}{})\n", traced::instead(phase), body(text)));
        }
    }
    script.push_str(&format!(
        "phase package\nrm -rf {STAGED}\nmkdir -p {STAGED}/{STAGED_ROOT} {STAGED}/{STAGED_LICENCES}\n\
         (\nset -eu\nexport DESTDIR={STAGED}/{STAGED_ROOT} MAKEFLAGS=\n{}{})\n",
        build.install.as_ref().map(|_| traced::instead("install")).unwrap_or_default(),
        body(build.install.as_deref().unwrap_or_default())
    ));
    script.push_str(&staged::staged_script(STAGED, &recipe.build.strip.left_alone()));
    script
}

pub(super) fn probe(recipe: &Recipe, format: Format) -> EnvironmentProbe {
    let mut packaging = match format {
        Format::Deb => vec!["dpkg-buildpackage", "make", "tar"],
        Format::Rpm => vec!["rpmbuild", "tar", "gzip", "awk", "find"],
    };
    // A project's own rules need not use debhelper.
    if format == Format::Deb && recipe.packaging.debian.is_none() {
        packaging.push("dh");
    }
    let mut staging = vec!["cp", "mkdir", "rm"];
    if !unpack::patches(recipe).is_empty() {
        staging.push("patch");
    }
    let tools = packaging.iter().chain(&staging).copied();
    let script =
        format!("farm_tools={}\n{}", quote(&tools.collect::<Vec<_>>().join(" ")), include_str!("scripts/probe.sh"));
    EnvironmentProbe { script, packaging, staging }
}

/// The folder of libraries for an architecture, as the format's distributions have it: `${libdir}` of a recipe.
pub(crate) fn libdir(format: Format, arch: Arch) -> String {
    match format {
        Format::Deb => format!("/usr/lib/{}", multiarch(arch)),
        Format::Rpm if is_64(arch) => "/usr/lib64".to_owned(),
        Format::Rpm => "/usr/lib".to_owned(),
    }
}

/// The environment of a step that depends on the architecture and the machine: no part of the plan's packaging.
pub(crate) fn assembly_env(format: Format, arch: Arch, processes: usize) -> BTreeMap<String, String> {
    let libdir = libdir(format, arch);
    let processes = processes.to_string();
    [
        ("LIBDIR", libdir),
        ("FARM_ARCH", arch.for_format(format).to_owned()),
        ("FARM_PARALLEL", processes.clone()),
        ("MAKEFLAGS", format!("-j{processes}")),
        ("CARGO_BUILD_JOBS", processes.clone()),
        ("CMAKE_BUILD_PARALLEL_LEVEL", processes),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn is_64(arch: Arch) -> bool {
    !matches!(arch, Arch::Armhf | Arch::Armel | Arch::I386 | Arch::Mipsel)
}

/// The multiarch triplet (Debian's `dpkg-architecture -q DEB_HOST_MULTIARCH`).
fn multiarch(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "x86_64-linux-gnu",
        Arch::Arm64 => "aarch64-linux-gnu",
        Arch::Armhf => "arm-linux-gnueabihf",
        Arch::Armel => "arm-linux-gnueabi",
        Arch::Loong64 => "loongarch64-linux-gnu",
        Arch::Mips64el => "mips64el-linux-gnuabi64",
        Arch::Mipsel => "mipsel-linux-gnu",
        Arch::I386 => "i386-linux-gnu",
        Arch::Ppc64el => "powerpc64le-linux-gnu",
        Arch::Riscv64 => "riscv64-linux-gnu",
        Arch::S390x => "s390x-linux-gnu",
    }
}

fn version(recipe: &Recipe, distro: &Distro) -> String {
    match distro.format {
        Format::Deb => deb::version(recipe, distro),
        Format::Rpm => rpm::version(recipe, distro),
    }
}

/// What the packages say.
pub(super) fn assembly(recipe: &Recipe, distro: &Distro, source_date_epoch: i64) -> Assembly {
    let package = &recipe.package;
    let version = version(recipe, distro);
    let copyright = (distro.format == Format::Deb).then(|| {
        let copyright = copyright::debian(recipe);
        (copyright.text, copyright.complete)
    });
    let changelog = match distro.format {
        Format::Deb => deb::changelog(recipe, distro, source_date_epoch),
        Format::Rpm => format!("- {} {} built for {}", package.name, package.version, distro.name),
    };
    Assembly {
        format: distro.format,
        packages: members(recipe, distro.format)
            .iter()
            .map(|member| assembled(member, distro, &version, &contract::environment(recipe, distro)))
            .collect(),
        epoch: package.epoch,
        upstream_version: package.version.clone(),
        release: format!("{}{}", package.release, distro.release_tag),
        version,
        source: package.name.clone(),
        license: package.license.clone(),
        homepage: package.homepage.clone(),
        maintainer: package.maintainer.clone(),
        vendor: package.vendor.clone(),
        changelog,
        copyright,
        source_date_epoch,
        payload: distro.rpm.payload,
        rpm_makes_users: scriptlets::rpm_makes_users(distro),
        runs_ldconfig: scriptlets::runs_ldconfig(distro),
        changelog_version: rpm::untagged_version(recipe),
        whole: recipe.build.strip.left_alone(),
        private_libraries: recipe.build.private_libraries.clone(),
        unit_folder: match distro.format {
            Format::Deb => deb::unit_folder(distro).to_owned(),
            Format::Rpm => UNITS.trim_start_matches('/').to_owned(),
        },
    }
}

fn assembled(member: &Member<'_>, distro: &Distro, version: &str, environment: &str) -> AssembledPackage {
    let format = distro.format;
    let description = match format {
        Format::Deb => deb::description(member.description, &member.summary, &member.name),
        Format::Rpm => {
            let lines = paragraphs(member.description, 76);
            if lines.is_empty() { format!("{}.", member.summary) } else { lines.join("\n") }
        }
    };
    let (relations, scriptlets) = match format {
        Format::Deb => (deb_relations(member.relations, version), BTreeMap::new()),
        Format::Rpm => (rpm_relations(member, distro, version), scriptlets::assembled(member, distro, environment)),
    };
    let own_files = own_files(member, format).into_iter().map(|file| (file.path, file.content)).collect();
    AssembledPackage {
        name: member.name.clone(),
        summary: member.summary.clone(),
        description,
        section: member.section.to_owned(),
        group: style::group_of(distro, member).to_owned(),
        architecture: member.architecture,
        multi_arch: member.multi_arch,
        patterns: member.files.to_vec(),
        config_files: member.config_files.to_vec(),
        relations,
        system: member.system.clone(),
        own_files,
        scriptlets,
        maintainer_scripts: member.scripts.clone(),
        script_environment: environment.to_owned(),
    }
}

fn deb_relations(relations: &Relations, version: &str) -> BTreeMap<String, Vec<String>> {
    let fields = deb::relation_fields(relations, version);
    fields.into_iter().map(|(field, values)| (field.to_owned(), values)).collect()
}

fn rpm_relations(member: &Member<'_>, distro: &Distro, version: &str) -> BTreeMap<String, Vec<String>> {
    let mut relations: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (tag, list) in rpm::relation_tags(member.relations, version) {
        relations.entry(tag.to_owned()).or_default().extend(list);
    }
    for (tag, tool) in scriptlets::assembled_requirements(member, distro) {
        relations.entry(tag.to_owned()).or_default().push(tool);
    }
    relations.retain(|_, list| !list.is_empty());
    relations
}
