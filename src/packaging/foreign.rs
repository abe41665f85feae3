//! A .spec of the RPM world on a Debian base: the macros that its distributions have and Debian's rpm does not, and the Debian
//! packages that stand in for what it requires to be built.
//!
//! A requirement is looked for in this order; the first that the archive has is taken:
//!
//! 1. What `[packaging] stand-ins` says.
//! 2. A package that goes by another name on Debian ([`NAMES`]). Macros are farm's own, compilers are there anyway.
//! 3. What it says itself: `pkgconfig(zlib)`, `cmake(Qt6Core)`, `python3dist(requests)`, `perl(JSON)`, `rubygem(rake)`, a path.
//! 4. Packages of like names: `foo-devel` is `libfoo-dev`, `foo-dev`, or has `foo.pc` or `libfoo.pc`; `perl-Foo-Bar` has `Foo::Bar`;
//!    `rubygem-foo` is `ruby-foo`; `foo` is `foo`, or has `/usr/bin/foo`.

use std::sync::LazyLock;

use super::{BUILD_ROOT, GuestFile, relation};
use crate::capability::{Capability, CapabilityKind, Constraint};
use crate::distro::Distro;
use crate::formats::spec::{Absent, Macros};
use crate::recipe::{OwnRequirement, Recipe};
use crate::types::{Comparison, SharedText};

/// What rpm loads before a .spec.
pub(super) const MACROS_FILE: &str = "farm-macros";
/// What runs on what %install has left.
pub(super) const BYTECOMPILE_FILE: &str = "farm-bytecompile.sh";

/// The macros that the RPM distributions have and Debian's rpm does not.
const MACROS: &str = concat!(
    include_str!("macros/paths.macros"),
    include_str!("macros/build.macros"),
    include_str!("macros/python.macros"),
    include_str!("macros/scriptlets.macros"),
    include_str!("macros/languages.macros"),
);

/// Macros of rpm itself whose names begin with a letter.
const OF_RPM: &str = "alpha arm arm32 arm64 autopatch autosetup basename bcond bcond_with bcond_without build_cflags \
    build_cxxflags build_fflags buildroot build_ldflags clamp_mtime_to_source_date_epoch configure debug_package define defined \
    dirname dist dnl dump echo error exists expand expr find_lang getconfdir getenv getncpus global ix86 load loongarch64 lua \
    macrobody make_build make_install makeinstall mips mips32 mips64 mipseb mipsel nil optflags packager patches power64 quote \
    riscv riscv128 riscv32 riscv64 set_build_flags shescape shrink source_date_epoch_from_changelog sources sparc suffix trace \
    u2p uncompress undefine undefined url2path use_source_date_epoch_as_buildtime build_mtime_policy verbose warn with without \
    name version release epoch NAME VERSION RELEASE EPOCH summary license url description arch";

/// Macros whose values conditions and requirements are written with, as the files of macros have them.
const VALUES: [(&str, &str); 13] = [
    ("fedora", "38"),
    ("_bindir", "/usr/bin"),
    ("_sbindir", "/usr/sbin"),
    ("_datadir", "/usr/share"),
    ("_includedir", "/usr/include"),
    ("_libexecdir", "/usr/libexec"),
    ("_prefix", "/usr"),
    ("_sysconfdir", "/etc"),
    // Of an architecture: Debian's packages say it elsewhere.
    ("_isa", ""),
    ("python3_pkgversion", "3"),
    ("__python3", "/usr/bin/python3"),
    ("__cmake", "/usr/bin/cmake"),
    ("nil", ""),
];

/// The macros, and what they run, as files for the builder.
pub(super) fn files() -> Vec<GuestFile> {
    let file = |path: &str, content: SharedText| GuestFile { path: path.to_owned(), content, executable: false };
    vec![
        file(MACROS_FILE, SharedText::from(MACROS).with(format!("%farm_folder {BUILD_ROOT}\n"))),
        file(BYTECOMPILE_FILE, include_str!("macros/bytecompile.sh").into()),
        file("farm-pyproject.py", include_str!("macros/pyproject.py").into()),
    ]
}

/// What a .spec finds defined on a distribution, as far as farm knows it.
pub(crate) fn spec_macros(distro: &Distro) -> Macros {
    let mut macros = Macros::default();
    macros.defined.extend(distro.macros.clone());
    if distro.is_foreign() {
        static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
            let of_farm = MACROS
                .lines()
                .filter_map(|line| line.strip_prefix('%'))
                .map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default());
            OF_RPM.split_whitespace().chain(of_farm).map(str::to_owned).collect()
        });
        macros.defined.extend(VALUES.map(|(name, body)| (name.to_owned(), body.to_owned())));
        macros.absent = Absent::AllBut(NAMES.clone());
        return macros;
    }
    let number = distro.id.rsplit('-').next().filter(|number| number.parse::<u32>().is_ok());
    let own = match distro.family.as_str() {
        "fedora" => "fedora",
        "almalinux" | "rocky" | "oracle" | "centos-stream" => "rhel",
        _ => return macros,
    };
    if let Some(number) = number {
        macros.defined.insert(own.to_owned(), number.to_owned());
    }
    let others = ["fedora", "rhel", "suse_version", "sle_version", "is_opensuse", "mageia"];
    macros.absent = Absent::These(others.into_iter().filter(|name| *name != own).map(str::to_owned).collect());
    macros
}

/// A place where a Debian package for a requirement may be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Search {
    /// A package of this name, in a version that fits.
    Package(String, Option<Constraint>),
    Capability(Capability),
}

/// Something that a .spec requires, for which a Debian package is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpecWish {
    /// Of the .spec, from 1.
    pub(crate) line: usize,
    /// As it stands there.
    pub(crate) text: String,
    /// The name alone, as `[packaging] stand-ins` has it.
    pub(crate) name: String,
    pub(crate) searches: Vec<Search>,
    /// Whether the build needs it, or it may.
    pub(crate) is_certain: bool,
}

/// What becomes of a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StandIn {
    /// These Debian relations, which may be none: the recipe, or farm, knows it.
    Known(Vec<String>),
    Asked(SpecWish),
}

/// What must be looked for in the archive before a recipe with a .spec of its own can be planned for a Debian base.
pub(crate) fn wishes(recipe: &Recipe, distro: &Distro) -> Vec<SpecWish> {
    let asked = stand_ins(recipe, distro).into_iter();
    asked.filter_map(|(_, stand_in)| if let StandIn::Asked(wish) = stand_in { Some(wish) } else { None }).collect()
}

/// What the project's own .spec requires, and what stands in for it on a Debian base.
pub(super) fn stand_ins<'a>(recipe: &'a Recipe, distro: &Distro) -> Vec<(&'a OwnRequirement, StandIn)> {
    if !distro.is_foreign() || recipe.packaging.spec.is_none() {
        return Vec::new();
    }
    recipe.packaging.required.iter().map(|required| (required, stand_in(recipe, required))).collect()
}

/// What an archive's answer to a wish goes by.
pub(crate) fn key(wish: &SpecWish) -> String {
    format!("BuildRequires: {}", wish.text)
}

fn stand_in(recipe: &Recipe, required: &OwnRequirement) -> StandIn {
    let text = required.text.trim();
    let (name, constraint) = split(text);
    if let Some(written) = recipe.packaging.stand_ins.get(&name) {
        let relations = written.split(',').map(str::trim).filter(|relation| !relation.is_empty());
        return StandIn::Known(relations.map(str::to_owned).collect());
    }
    if is_there(&name) {
        return StandIn::Known(Vec::new());
    }
    if let Some((_, packages)) = NAMES.iter().find(|(known, _)| *known == name) {
        return StandIn::Known(packages.split_whitespace().map(str::to_owned).collect());
    }
    let mut is_certain = required.is_certain;
    let searches = match text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        None => searches(&name, constraint),
        // The first word of a condition, or any of those of a choice.
        Some(inside) => {
            is_certain &= [" if ", " unless "].iter().all(|word| !inside.contains(word));
            let first = inside.split(" if ").next().unwrap_or(inside);
            let first = first.split(" unless ").next().unwrap_or(first);
            let parts = first.split(" or ").flat_map(|part| part.split(" with ").take(1));
            let parts = parts.map(|part| split(part.trim()));
            parts.flat_map(|(name, constraint)| searches(&name, constraint)).collect()
        }
    };
    StandIn::Asked(SpecWish { line: required.line, text: text.to_owned(), name, searches, is_certain })
}

/// A requirement's name, without an architecture, and its version.
fn split(text: &str) -> (String, Option<Constraint>) {
    let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let name = ["(x86-64)", "(aarch-64)", "%{?_isa}"].iter().find_map(|isa| name.strip_suffix(isa)).unwrap_or(name);
    let mut words = rest.split_whitespace();
    let constraint = words.next().and_then(Comparison::parse).zip(words.next()).map(|(comparison, version)| {
        // The release of another distribution's package says nothing.
        let version = version.split_once('-').map_or(version, |(version, _)| version).to_owned();
        Constraint { comparison, version }
    });
    (name.to_owned(), constraint)
}

fn searches(name: &str, constraint: Option<Constraint>) -> Vec<Search> {
    let mut searches = Vec::new();
    let mut capability = |kind, name: &str, version: Option<Constraint>| {
        let capability = Capability { version, ..Capability::new(kind, name) };
        if Capability::parse(&capability.to_string()).is_ok() {
            searches.push(Search::Capability(capability));
        }
    };
    // python3.11dist(x) is of one Python, and Debian has one.
    let plain = name
        .strip_prefix("python3.")
        .and_then(|rest| rest.split_once("dist("))
        .map(|(_, rest)| format!("python3dist({rest}"));
    if let Ok(known) = Capability::parse(plain.as_deref().unwrap_or(name)) {
        capability(known.kind, &known.name, constraint);
        return searches;
    }
    // A capability of a kind that no file of Debian's tells of.
    if name.contains(['(', '%']) {
        return searches;
    }
    let mut packages: Vec<String> = Vec::new();
    if let Some(stem) = name.strip_suffix("-devel").or_else(|| name.strip_suffix("-static")) {
        let lower = stem.to_ascii_lowercase();
        let bare = lower.strip_prefix("lib").unwrap_or(&lower);
        packages.extend([
            format!("lib{bare}-dev"),
            format!("{lower}-dev"),
            format!("{bare}-dev"),
            format!("lib{lower}-dev"),
        ]);
        for stem in [stem.to_owned(), format!("lib{bare}"), bare.to_owned()] {
            capability(CapabilityKind::PkgConfig, &stem, None);
        }
    } else if let Some(module) = name.strip_prefix("perl-") {
        capability(CapabilityKind::Perl, &module.replace('-', "::"), constraint.clone());
    } else if let Some(gem) = name.strip_prefix("rubygem-") {
        packages.push(format!("ruby-{gem}"));
        capability(CapabilityKind::RubyGem, gem, constraint.clone());
    } else {
        packages.push(name.to_ascii_lowercase());
        if let Some(module) = name.strip_prefix("python3-").or_else(|| name.strip_prefix("python-")) {
            packages.push(format!("python3-{}", module.to_ascii_lowercase()));
            capability(CapabilityKind::Python3Dist, module, constraint.clone());
        }
        capability(CapabilityKind::Path, &format!("/usr/bin/{name}"), None);
    }
    let packages = packages.into_iter().filter(|name| relation::is_deb_name(name));
    let mut all: Vec<Search> = Vec::new();
    for search in packages.map(|name| Search::Package(name, constraint.clone())).chain(searches) {
        if !all.contains(&search) {
            all.push(search);
        }
    }
    all
}

/// What every build on a Debian base has, and macros, which are farm's own.
fn is_there(name: &str) -> bool {
    const THERE: [&str; 31] = [
        "gcc",
        "gcc-c++",
        "make",
        "binutils",
        "glibc-devel",
        "glibc-headers",
        "glibc-common",
        "libstdc++-devel",
        "bash",
        "coreutils",
        "findutils",
        "gawk",
        "grep",
        "sed",
        "tar",
        "gzip",
        "diffutils",
        "util-linux",
        "perl-interpreter",
        "perl-generators",
        "perl-macros",
        "rpm-build",
        "libasan",
        "redhat-rpm-config",
        "glibc-gconv-extra",
        "glibc-static",
        "dnf",
        "hostname",
        "which",
        "patch",
        "debianutils",
    ];
    let is_macros = name.ends_with("-rpm-macros") || name.ends_with("-srpm-macros") || name.ends_with("-macros");
    let is_perl = name.starts_with("perl(:");
    THERE.contains(&name) || is_macros && !name.starts_with("pyproject") || is_perl
}

/// Names that no search finds.
const NAMES: [(&str, &str); 120] = [
    ("ImageMagick", "imagemagick"),
    ("SDL2-devel", "libsdl2-dev"),
    ("alsa-lib-devel", "libasound2-dev"),
    ("asciidoc", "asciidoc docbook-xml docbook-xsl libxml2-utils xsltproc"),
    ("avahi-devel", "libavahi-client-dev libavahi-common-dev"),
    ("bash-completion-devel", "bash-completion"),
    ("boost-devel", "libboost-all-dev"),
    ("bzip2-devel", "libbz2-dev"),
    ("cargo-packaging", "cargo"),
    ("cargo-rpm-macros", "cargo"),
    ("check-devel", "check"),
    ("clang-devel", "libclang-dev"),
    ("cppunit-devel", "libcppunit-dev"),
    ("cups-devel", "libcups2-dev"),
    ("cyrus-sasl-devel", "libsasl2-dev"),
    ("dbus-devel", "libdbus-1-dev"),
    ("device-mapper-devel", "libdevmapper-dev"),
    ("docbook-style-xsl", "docbook-xsl"),
    ("elfutils-devel", "libdw-dev libelf-dev"),
    ("elfutils-libelf-devel", "libelf-dev"),
    ("expat-devel", "libexpat1-dev"),
    ("file-devel", "libmagic-dev"),
    ("fontconfig-devel", "libfontconfig-dev"),
    ("fuse-devel", "libfuse-dev"),
    ("gcc-gfortran", "gfortran"),
    ("gdbm-devel", "libgdbm-dev"),
    ("gettext-devel", "gettext autopoint"),
    ("git-core", "git"),
    ("glib2-devel", "libglib2.0-dev"),
    ("glibc-langpack-en", "locales"),
    ("gmock-devel", "libgmock-dev"),
    ("gmp-devel", "libgmp-dev"),
    ("gnupg2", "gpg gpgv"),
    ("gnutls-devel", "libgnutls28-dev"),
    ("go-toolset", "golang-go"),
    ("golang", "golang-go"),
    ("gpgme-devel", "libgpgme-dev"),
    ("gtest-devel", "libgtest-dev"),
    ("gtk2-devel", "libgtk2.0-dev"),
    ("gtk3-devel", "libgtk-3-dev"),
    ("gtk4-devel", "libgtk-4-dev"),
    ("jansson-devel", "libjansson-dev"),
    ("java-devel", "default-jdk-headless"),
    ("json-c-devel", "libjson-c-dev"),
    ("kernel-headers", "linux-libc-dev"),
    ("keyutils-libs-devel", "libkeyutils-dev"),
    ("krb5-devel", "libkrb5-dev"),
    ("libX11-devel", "libx11-dev"),
    ("libacl-devel", "libacl1-dev"),
    ("libappstream-glib", "appstream-util"),
    ("libattr-devel", "libattr1-dev"),
    ("libcap-devel", "libcap-dev"),
    ("libcurl-devel", "libcurl4-openssl-dev"),
    ("libcurl-openssl-devel", "libcurl4-openssl-dev"),
    ("libdb-devel", "libdb-dev"),
    ("libevent-devel", "libevent-dev"),
    ("libgcrypt-devel", "libgcrypt20-dev"),
    ("libicu-devel", "libicu-dev"),
    ("libjpeg-turbo-devel", "libjpeg-dev"),
    ("liblsan", ""),
    ("libmodulemd", "libmodulemd2"),
    ("libnl3-devel", "libnl-3-dev libnl-genl-3-dev libnl-route-3-dev"),
    ("libpcap-devel", "libpcap-dev"),
    ("libseccomp-devel", "libseccomp-dev"),
    ("libselinux-devel", "libselinux1-dev"),
    ("libstdc++-static", ""),
    ("libtool-ltdl-devel", "libltdl-dev"),
    ("libubsan", ""),
    ("libusb1-devel", "libusb-1.0-0-dev"),
    ("libusbx-devel", "libusb-1.0-0-dev"),
    ("libuuid-devel", "uuid-dev"),
    ("libxcrypt-devel", "libcrypt-dev"),
    ("libxslt", "xsltproc"),
    ("libyaml-devel", "libyaml-dev"),
    ("lua-devel", "liblua5.4-dev"),
    ("mariadb-connector-c-devel", "libmariadb-dev"),
    ("mariadb-devel", "libmariadb-dev"),
    ("mesa-libGL-devel", "libgl-dev"),
    ("ncurses-devel", "libncurses-dev"),
    ("nodejs-devel", "libnode-dev"),
    ("nodejs-npm", "npm"),
    ("numactl-devel", "libnuma-dev"),
    ("openldap-devel", "libldap-dev"),
    ("openssl-devel", "libssl-dev"),
    ("pam-devel", "libpam0g-dev"),
    ("pcre-devel", "libpcre3-dev"),
    ("pcre2-devel", "libpcre2-dev"),
    ("perl-ExtUtils-Embed", "libperl-dev"),
    ("perl-devel", "libperl-dev"),
    ("pkgconf-pkg-config", "pkg-config"),
    ("pkgconfig", "pkg-config"),
    ("pkgconfig(libcurl)", "libcurl4-openssl-dev pkg-config"),
    ("polkit-devel", "libpolkit-gobject-1-dev"),
    ("popt-devel", "libpopt-dev"),
    ("postgresql-devel", "libpq-dev"),
    ("procps-ng", "procps"),
    ("protobuf-devel", "libprotobuf-dev protobuf-compiler"),
    ("pygobject3-devel", "python-gi-dev"),
    ("pyproject-rpm-macros", "python3-dev python3-pip python3-wheel python3-setuptools"),
    ("python-unversioned-command", "python-is-python3"),
    ("python3-devel", "python3-dev python3-setuptools"),
    ("python3-gobject", "python3-gi"),
    ("python3-gobject-base", "python3-gi"),
    ("qt5-qtbase-devel", "qtbase5-dev"),
    ("qt6-qtbase-devel", "qt6-base-dev"),
    ("readline-devel", "libreadline-dev"),
    ("rpm-devel", "librpm-dev"),
    ("ruby-devel", "ruby-dev"),
    ("rubygems-devel", "ruby-dev"),
    ("rust", "rustc"),
    ("rust-packaging", "cargo rustc"),
    ("rust-toolset", "cargo rustc"),
    ("sqlite-devel", "libsqlite3-dev"),
    ("systemd", "systemd udev"),
    ("systemd-devel", "libsystemd-dev"),
    ("systemd-udev", "udev"),
    ("vim-common", "xxd"),
    ("xz-devel", "liblzma-dev"),
    ("yajl-devel", "libyajl-dev"),
    ("zlib-devel", "zlib1g-dev"),
];

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::types::testing::have;

    fn searched(name: &str) -> Vec<String> {
        let (name, constraint) = split(name);
        let shown = |search: Search| match search {
            Search::Package(name, None) => name,
            Search::Package(name, Some(constraint)) => format!("{name} {}", constraint.version),
            Search::Capability(capability) => capability.to_string(),
        };
        searches(&name, constraint).into_iter().map(shown).collect()
    }

    #[test]
    fn what_a_spec_requires_is_looked_for_by_what_debian_may_call_it() {
        for (name, expected) in [
            ("pkgconfig(zlib) >= 1.2-3", "pkgconfig(zlib) >= 1.2"),
            ("python3.11dist(Foo.bar)", "python3dist(foo-bar)"),
            ("/usr/bin/xsltproc", "/usr/bin/xsltproc"),
            ("libpond-devel(x86-64)", "libpond-dev, pond-dev, liblibpond-dev, pkgconfig(libpond), pkgconfig(pond)"),
            ("Pond-devel >= 2", "libpond-dev 2, pond-dev 2, pkgconfig(Pond), pkgconfig(libpond), pkgconfig(pond)"),
            ("perl-Foo-Bar", "perl(Foo::Bar)"),
            ("rubygem-rake", "ruby-rake, rubygem(rake)"),
            ("python3-requests", "python3-requests, python3dist(requests), /usr/bin/python3-requests"),
            ("help2man", "help2man, /usr/bin/help2man"),
            ("npm(x) > 1", ""),
        ] {
            assert_eq!(searched(name).join(", "), expected, "{name}");
        }
        assert!(is_there("systemd-rpm-macros") && is_there("perl(:VERSION)") && !is_there("pyproject-rpm-macros"));
        assert!(NAMES.is_sorted(), "each once, in order");
    }

    #[test]
    fn rpm_takes_the_macros() {
        if !have(&["rpm"]) {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(MACROS_FILE);
        std::fs::write(&file, files()[0].content.to_string()).unwrap();
        let eval = |text: &str| {
            let mut command = Command::new("rpm");
            command.arg("--load").arg(&file).args(["--define", "name pond", "--define", "version 1.2"]);
            command.args(["--define", "release 1", "--define", "buildroot /BR", "--eval", text]);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        for (text, expected) in [
            ("%cmake -DPOND=1", "-S \".\" -B \"redhat-linux-build\""),
            ("%cmake -DPOND=1", "-DBUILD_SHARED_LIBS:BOOL=ON -DPOND=1\n"),
            ("%cmake_install", "DESTDIR=\"/BR\" /usr/bin/cmake --install \"redhat-linux-build\""),
            ("%ctest --exclude-regex x", " --exclude-regex x "),
            ("%meson -Dx=1", ". redhat-linux-build -Dx=1\n"),
            ("%py3_build", "setup.py build "),
            ("%py3_install", "--install-layout=deb --prefix=/usr"),
            ("%pyproject_wheel", "-m pip wheel "),
            ("%pyproject_save_files pond", "/build/farm-pyproject.py files "),
            ("%{_unitdir}", "/usr/lib/systemd/system\n"),
            ("%systemd_post a.service b.socket", "--no-reload preset a.service b.socket "),
            ("%{pypi_source Pond 2.0~rc1}", "/source/P/Pond/Pond-2.0rc1.tar.gz\n"),
            ("%{py3_dist Foo_bar}", "python3dist(foo-bar)"),
            ("%autorelease -b 3", "3\n"),
            ("%pycached /usr/a/b.py", "/usr/a/__pycache__/b.*.pyc\n"),
            ("%cargo_build -a", "--all-features"),
        ] {
            let found = eval(text);
            assert!(found.contains(expected), "{text}: {found}");
        }
        for (name, body) in VALUES {
            if !["_isa", "nil"].contains(&name) {
                assert_eq!(eval(&format!("%{{{name}}}")).trim(), body, "{name}");
            }
        }
        let users = folder.path().join("users");
        std::fs::write(&users, "u pond 345 \"A pond\" /var/lib/pond\nm pond water\n").unwrap();
        let made = eval(&format!("%sysusers_create_compat {}", users.display()));
        assert!(made.contains("useradd -r -u 345 -g 'pond' -d '/var/lib/pond'"), "{made}");
        assert!(made.contains("usermod -a -G 'water' 'pond'"), "{made}");
        let text = eval("%{systemd_post pond.service}");
        assert!(Command::new("sh").args(["-nc", &text]).status().unwrap().success());
    }
}
