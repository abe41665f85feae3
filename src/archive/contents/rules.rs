//! Which paths are kept, and the names by which capabilities find them. The table of rules is in the parent module's
//! documentation. Paths are bytes without a leading slash, as Contents indices write them.

use std::borrow::Cow;

use crate::capability::pep503;

/// What a name is of: the first byte of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum NameOf {
    PkgConfig = b'p',
    /// `FooConfig.cmake`
    CmakeConfig = b'C',
    /// `foo-config.cmake`
    CmakeLower = b'c',
    Python3Dist = b'y',
    Perl = b'm',
    RubyGem = b'g',
    SharedLibrary = b's',
    StaticLibrary = b'a',
}

impl NameOf {
    pub(super) fn key(self, name: &[u8]) -> Vec<u8> {
        [&[self as u8], name].concat()
    }
}

/// The rules for one architecture.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// `x86_64-linux-gnu`
    triplet: Vec<u8>,
}

/// A folder whose layout the rules know.
#[derive(Clone, Copy, PartialEq)]
enum Base {
    Share,
    Lib,
    /// `usr/lib/<triplet>`
    Arch,
}

impl Rules {
    /// For Debian's name of an architecture.
    pub(super) fn new(arch: &str) -> Rules {
        let triplet = match arch {
            "amd64" => "x86_64-linux-gnu".to_owned(),
            "arm64" => "aarch64-linux-gnu".to_owned(),
            "armhf" => "arm-linux-gnueabihf".to_owned(),
            "armel" => "arm-linux-gnueabi".to_owned(),
            "ppc64el" => "powerpc64le-linux-gnu".to_owned(),
            "loong64" => "loongarch64-linux-gnu".to_owned(),
            "mips64el" => "mips64el-linux-gnuabi64".to_owned(),
            other => format!("{other}-linux-gnu"),
        };
        Rules { triplet: triplet.into_bytes() }
    }

    pub(super) fn triplet(&self) -> &[u8] {
        &self.triplet
    }

    /// The path as it is kept, if it is: merged /usr undone, and what lies below a Python distribution's metadata cut.
    pub(super) fn kept<'a>(&self, path: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let path = path.strip_prefix(b"./").or_else(|| path.strip_prefix(b"/")).unwrap_or(path);
        let merged = [&b"bin/"[..], b"sbin/", b"lib/"].into_iter().any(|folder| path.starts_with(folder));
        let mut path = if merged { Cow::Owned([b"usr/", path].concat()) } else { Cow::Borrowed(path) };
        let below = path.strip_prefix(b"usr/")?;
        let whole = [&b"include/"[..], b"bin/", b"sbin/", b"games/"];
        if whole.into_iter().any(|folder| below.starts_with(folder)) {
            return Some(path);
        }
        let (_, _, length) = self.name(&path)?;
        match &mut path {
            Cow::Borrowed(path) => *path = &path[..length],
            Cow::Owned(path) => path.truncate(length),
        }
        Some(path)
    }

    /// Where a header of `usr/include` is when it differs between architectures.
    pub(super) fn of_arch(&self, path: &[u8]) -> Option<Vec<u8>> {
        let include = &b"/usr/include/"[..];
        let below = path.strip_prefix(include)?;
        (!below.starts_with(&self.triplet)).then(|| [include, &self.triplet, b"/", below].concat())
    }

    /// The name that a path gives its packages, and how much of the path it is of.
    pub(super) fn name<'a>(&self, path: &'a [u8]) -> Option<(NameOf, Cow<'a, [u8]>, usize)> {
        let (base, below) = self.base(path)?;
        if base == Base::Lib
            && let Some((name, length)) = python3_dist(below)
        {
            return Some((NameOf::Python3Dist, name.into(), path.len() - below.len() + length));
        }
        let (of, name) = named(base, below)?;
        (!name.is_empty()).then_some((of, name, path.len()))
    }

    /// Whether CMake finds this file by itself for a package of this name.
    pub(super) fn cmake_finds(&self, path: &[u8], name: &[u8]) -> bool {
        let below = self.base(path.strip_prefix(b"/").unwrap_or(path)).map(|(_, below)| below);
        let end = below.and_then(|below| below.iter().rposition(|byte| *byte == b'/'));
        below.zip(end).is_some_and(|(below, end)| cmake_looks_into(&below[..end], name))
    }

    fn base<'a>(&self, path: &'a [u8]) -> Option<(Base, &'a [u8])> {
        if let Some(below) = path.strip_prefix(b"usr/share/") {
            return Some((Base::Share, below));
        }
        let below = path.strip_prefix(b"usr/lib/")?;
        match below.strip_prefix(&self.triplet[..]).and_then(|rest| rest.strip_prefix(b"/")) {
            Some(below) => Some((Base::Arch, below)),
            None => Some((Base::Lib, below)),
        }
    }
}

fn named(base: Base, below: &[u8]) -> Option<(NameOf, Cow<'_, [u8]>)> {
    let (folder, file) = match below.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&below[..at], &below[at + 1..]),
        None => (&below[..0], below),
    };
    if folder.is_empty() && base != Base::Share {
        let library = file.strip_prefix(b"lib")?;
        let shared = library.strip_suffix(b".so").map(|name| (NameOf::SharedLibrary, name.into()));
        return shared.or_else(|| Some((NameOf::StaticLibrary, library.strip_suffix(b".a")?.into())));
    }
    if let Some(name) = file.strip_suffix(b".pc") {
        return (folder == b"pkgconfig").then_some((NameOf::PkgConfig, name.into()));
    }
    if let Some(name) = file.strip_suffix(b"Config.cmake") {
        return cmake_searches(folder, name).then_some((NameOf::CmakeConfig, name.into()));
    }
    if let Some(name) = file.strip_suffix(b"-config.cmake") {
        // Asked for Foo, CMake tries the name in lower case and no other.
        let found = !name.iter().any(u8::is_ascii_uppercase) && cmake_searches(folder, name);
        return found.then_some((NameOf::CmakeLower, name.into()));
    }
    if below.ends_with(b".pm") {
        let module = perl_module(base, below)?.strip_suffix(b".pm")?;
        let words: Vec<&[u8]> = module.split(|byte| *byte == b'/').collect();
        return Some((NameOf::Perl, words.join(&b"::"[..]).into()));
    }
    if let Some(gem) = file.strip_suffix(b".gemspec") {
        let searched = match (base, &folder.split(|byte| *byte == b'/').collect::<Vec<_>>()[..]) {
            (Base::Share | Base::Arch, [b"rubygems-integration", _, b"specifications"]) => true,
            // What comes with Ruby itself.
            (Base::Lib, [b"ruby", b"gems", _, b"specifications"]) => true,
            (Base::Lib, [b"ruby", b"gems", _, b"specifications", b"default"]) => true,
            _ => false,
        };
        return searched.then_some((NameOf::RubyGem, gem_name(gem).into()));
    }
    None
}

/// Whether a folder is one where `find_package` looks for a package of this name, or at least one for CMake's files.
fn cmake_searches(folder: &[u8], name: &[u8]) -> bool {
    folder.split(|byte| *byte == b'/').next() == Some(b"cmake") || cmake_looks_into(folder, name)
}

/// `cmake/Foo*`, `Foo*`, `Foo*/cmake`
fn cmake_looks_into(folder: &[u8], name: &[u8]) -> bool {
    let ours = |part: &[u8]| part.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    match folder.split(|byte| *byte == b'/').collect::<Vec<_>>()[..] {
        [first] => ours(first),
        [first, second] => first == b"cmake" && ours(second) || ours(first) && second.eq_ignore_ascii_case(b"cmake"),
        _ => false,
    }
}

/// The part of a path that is below a folder of @INC.
fn perl_module(base: Base, below: &[u8]) -> Option<&[u8]> {
    let versioned = |folder: &[u8]| {
        let rest = below.strip_prefix(folder)?;
        let end = rest.iter().position(|byte| *byte == b'/')?;
        rest[..end].first()?.is_ascii_digit().then_some(&rest[end + 1..])
    };
    match base {
        Base::Share => below.strip_prefix(b"perl5/").or_else(|| versioned(b"perl/")),
        Base::Arch => {
            below.strip_prefix(b"perl-base/").or_else(|| versioned(b"perl5/")).or_else(|| versioned(b"perl/"))
        }
        Base::Lib => None,
    }
}

/// `rake` of `rake-13.0.6` and of `rake`, `a-b` of `a-b-1.2-x86_64-linux`.
fn gem_name(gem: &[u8]) -> &[u8] {
    let end = gem.windows(2).rposition(|pair| pair[0] == b'-' && pair[1].is_ascii_digit());
    &gem[..end.unwrap_or(gem.len())]
}

/// The distribution's name, and how much of the path is the folder or file that names it.
fn python3_dist(below: &[u8]) -> Option<(Vec<u8>, usize)> {
    let rest = below.strip_prefix(b"python3")?;
    let slash = rest.iter().position(|byte| *byte == b'/')?;
    let first = rest[slash..].strip_prefix(b"/dist-packages/")?.split(|byte| *byte == b'/').next()?;
    let stem = first.strip_suffix(b".dist-info").or_else(|| first.strip_suffix(b".egg-info"))?;
    // Their writers turn a `-` of the name itself into `_`.
    let name = pep503(std::str::from_utf8(stem.split(|byte| *byte == b'-').next()?).ok()?);
    let length = below.len() - rest.len() + slash + b"/dist-packages/".len() + first.len();
    (!name.is_empty()).then_some((name.into_bytes(), length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules() -> Rules {
        Rules::new("amd64")
    }

    /// `path of:name` as it is kept for amd64, with its key if it has one.
    fn seen(path: &str) -> String {
        let Some(kept) = rules().kept(path.as_bytes()) else { return "-".to_owned() };
        let key = rules().name(&kept).map(|(of, name, _)| of.key(&name)).unwrap_or_default();
        format!("{} {}", String::from_utf8_lossy(&kept), String::from_utf8_lossy(&key)).trim_end().to_owned()
    }

    #[test]
    fn what_capabilities_can_ask_for_is_kept_and_named() {
        for (path, key) in [
            ("usr/include/zlib.h", ""),
            ("usr/include/x86_64-linux-gnu/a b.h", ""),
            ("usr/bin/help2man", ""),
            ("usr/games/nethack", ""),
            ("usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc", "pzlib"),
            ("usr/lib/pkgconfig/old.pc", "pold"),
            ("usr/share/pkgconfig/systemd.pc", "psystemd"),
            ("usr/lib/x86_64-linux-gnu/cmake/Qt6Core/Qt6CoreConfig.cmake", "CQt6Core"),
            ("usr/lib/cmake/fmt/fmt-config.cmake", "cfmt"),
            ("usr/share/eigen3/cmake/Eigen3Config.cmake", "CEigen3"),
            ("usr/lib/Teem-1.12.0/TeemConfig.cmake", "CTeem"),
            ("usr/share/perl5/Foo/Bar.pm", "mFoo::Bar"),
            ("usr/share/perl/5.36.0/File/Copy.pm", "mFile::Copy"),
            ("usr/lib/x86_64-linux-gnu/perl5/5.36/DBI.pm", "mDBI"),
            ("usr/lib/x86_64-linux-gnu/perl/5.36.0/POSIX.pm", "mPOSIX"),
            ("usr/lib/x86_64-linux-gnu/perl-base/strict.pm", "mstrict"),
            ("usr/lib/x86_64-linux-gnu/libssl.so", "sssl"),
            ("usr/lib/x86_64-linux-gnu/libssl.a", "assl"),
            ("usr/lib/libold.so", "sold"),
            ("usr/share/rubygems-integration/all/specifications/a-b-1.2.gemspec", "ga-b"),
            ("usr/lib/x86_64-linux-gnu/rubygems-integration/3.1.0/specifications/x-1.2-x86_64-linux.gemspec", "gx"),
            ("usr/lib/ruby/gems/3.1.0/specifications/default/json-2.6.gemspec", "gjson"),
        ] {
            assert_eq!(seen(path), format!("{path} {key}").trim_end());
            assert_eq!(seen(&format!("/{path}")), format!("{path} {key}").trim_end());
        }
    }

    #[test]
    fn merged_usr_is_one_and_a_python_distribution_is_its_metadata() {
        assert_eq!(seen("bin/sh"), "usr/bin/sh");
        assert_eq!(seen("./sbin/init"), "usr/sbin/init");
        assert_eq!(seen("lib/x86_64-linux-gnu/libz.so"), "usr/lib/x86_64-linux-gnu/libz.so sz");
        let folder = "usr/lib/python3/dist-packages/ruamel.yaml_x-0.17.21.dist-info";
        assert_eq!(seen(&format!("{folder}/licenses/LICENSE")), format!("{folder} yruamel-yaml-x"));
        assert_eq!(seen(folder), format!("{folder} yruamel-yaml-x"));
        let file = "usr/lib/python3.11/dist-packages/Foo-1-py3.11.egg-info";
        assert_eq!(seen(file), format!("{file} yfoo"));
    }

    #[test]
    fn what_none_can_ask_for_is_left() {
        for path in [
            "usr/share/doc/zlib1g/changelog.gz",
            "etc/passwd",
            "usr/lib/aarch64-linux-gnu/libz.so",
            "usr/lib/aarch64-linux-gnu/pkgconfig/zlib.pc",
            "usr/lib/x86_64-linux-gnu/libz.so.1",
            "usr/lib/x86_64-linux-gnu/gimp/libx.so",
            "usr/lib/x86_64-linux-gnu/pkgconfig/personality.d/x.pc",
            "usr/lib/x86_64-linux-gnu/pkgconfig/.pc",
            "usr/share/libz.so",
            "usr/share/doc/cmake/FooConfig.cmake",
            "usr/lib/cmake/Foo/Foo-config.cmake",
            "usr/lib/cmake/Foo/FooConfigVersion.cmake",
            "usr/share/perl5",
            "usr/share/perl/Foo.pm",
            "usr/lib/python3/dist-packages/foo/__init__.py",
            "usr/lib/python2.7/dist-packages/foo.egg-info",
            "usr/lib/python3/dist-packages/-1.egg-info",
            "usr/share/ruby-x/x.gemspec",
            "usr/include",
            "",
        ] {
            assert_eq!(seen(path), "-", "{path}");
        }
        assert_eq!(Rules::new("riscv64").triplet, b"riscv64-linux-gnu");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// What is asked for by path is normalised by the same rules as what is kept.
        #[test]
        fn what_is_kept_stays_as_it_is(
            path in "(/|\\./)?(usr/)?(bin|lib|share|include)/(python3/dist-packages/)?[a-z./-]{0,12}(-1.dist-info|.so|.pc)?",
        ) {
            let rules = rules();
            let kept = rules.kept(path.as_bytes());
            prop_assume!(kept.is_some());
            let kept = kept.unwrap();
            prop_assert_eq!(rules.kept(&kept), Some(kept.clone()));
        }
    }
}
