//! From the name of a missing thing to what is asked for to get it. Most names say it themselves; the tables are for
//! those that do not, and hold only what builds often want.

use super::missing::{MissingKind, NAME_BYTES};

/// Headers that lie in folders of their own, whose module says where.
const HEADERS: &[(&str, &str)] = &[
    ("Python.h", "pkgconfig(python3)"),
    ("ruby.h", "/usr/bin/ruby"),
    ("tcl.h", "pkgconfig(tcl)"),
    ("tk.h", "pkgconfig(tk)"),
];

/// Commands that are links made at installation, or part of a compiler; which package has them no index of files says.
const COMMANDS: &[(&str, &str)] = &[
    ("c++", "/usr/bin/g++"),
    ("cc", "/usr/bin/gcc"),
    ("cc1plus", "/usr/bin/g++"),
    ("f951", "/usr/bin/gfortran"),
    ("aclocal", "automake"),
    ("automake", "automake"),
    ("yacc", "/usr/bin/bison"),
    ("lex", "/usr/bin/flex"),
    ("pip", "/usr/bin/pip3"),
    ("python", "/usr/bin/python3"),
];

/// What CMake's own find modules look for, where that is no CMake package.
const FIND_MODULES: &[(&str, &str)] = &[
    ("ALSA", "pkgconfig(alsa)"),
    ("BISON", "/usr/bin/bison"),
    ("BZip2", "/usr/include/bzlib.h"),
    ("Boost", "/usr/include/boost/version.hpp"),
    ("CURL", "pkgconfig(libcurl)"),
    ("Curses", "pkgconfig(ncurses)"),
    ("Doxygen", "/usr/bin/doxygen"),
    ("EXPAT", "pkgconfig(expat)"),
    ("FLEX", "/usr/bin/flex"),
    ("Fontconfig", "pkgconfig(fontconfig)"),
    ("Freetype", "pkgconfig(freetype2)"),
    ("GIF", "/usr/include/gif_lib.h"),
    ("GLUT", "pkgconfig(glut)"),
    ("GTest", "pkgconfig(gtest)"),
    ("Gettext", "/usr/bin/msgfmt"),
    ("Git", "/usr/bin/git"),
    ("GnuTLS", "pkgconfig(gnutls)"),
    ("ICU", "pkgconfig(icu-uc)"),
    ("Iconv", "/usr/include/iconv.h"),
    ("JPEG", "pkgconfig(libjpeg)"),
    ("LibArchive", "pkgconfig(libarchive)"),
    ("LibLZMA", "pkgconfig(liblzma)"),
    ("LibXml2", "pkgconfig(libxml-2.0)"),
    ("LibXslt", "pkgconfig(libxslt)"),
    ("Lua", "pkgconfig(lua)"),
    ("OpenGL", "pkgconfig(gl)"),
    ("OpenSSL", "pkgconfig(openssl)"),
    ("PNG", "pkgconfig(libpng)"),
    ("Perl", "/usr/bin/perl"),
    ("PkgConfig", "/usr/bin/pkg-config"),
    ("PostgreSQL", "pkgconfig(libpq)"),
    ("Protobuf", "pkgconfig(protobuf)"),
    ("Python", "pkgconfig(python3)"),
    ("Python3", "pkgconfig(python3)"),
    ("SQLite3", "pkgconfig(sqlite3)"),
    ("SWIG", "/usr/bin/swig"),
    ("TIFF", "pkgconfig(libtiff-4)"),
    ("X11", "pkgconfig(x11)"),
    ("ZLIB", "pkgconfig(zlib)"),
];

/// Modules whose distribution is named otherwise.
const PYTHON_DISTRIBUTIONS: &[(&str, &str)] = &[
    ("Crypto", "pycryptodome"),
    ("OpenSSL", "pyopenssl"),
    ("PIL", "pillow"),
    ("attr", "attrs"),
    ("bs4", "beautifulsoup4"),
    ("cairo", "pycairo"),
    ("dateutil", "python-dateutil"),
    ("dbus", "dbus-python"),
    ("distutils", "setuptools"),
    ("flit_core", "flit-core"),
    ("gi", "pygobject"),
    ("git", "gitpython"),
    ("google", "protobuf"),
    ("pkg_resources", "setuptools"),
    ("poetry", "poetry-core"),
    ("serial", "pyserial"),
    ("skbuild", "scikit-build"),
    ("sklearn", "scikit-learn"),
    ("usb", "pyusb"),
    ("yaml", "pyyaml"),
    ("zmq", "pyzmq"),
];

/// Macros by how they begin, with what brings them.
const MACROS: &[(&str, &str)] = &[
    ("PKG_", "/usr/bin/pkg-config"),
    ("LT_", "/usr/bin/libtoolize"),
    ("AC_PROG_LIBTOOL", "/usr/bin/libtoolize"),
    ("AC_LIBTOOL_", "/usr/bin/libtoolize"),
    ("AM_PROG_LIBTOOL", "/usr/bin/libtoolize"),
    ("AM_GNU_GETTEXT", "/usr/bin/gettextize"),
    ("AM_ICONV", "/usr/bin/gettextize"),
    ("AM_NLS", "/usr/bin/gettextize"),
    ("GTK_DOC_", "/usr/bin/gtkdocize"),
    ("GOBJECT_INTROSPECTION_", "pkgconfig(gobject-introspection-1.0)"),
    ("GLIB_", "pkgconfig(glib-2.0)"),
    ("IT_PROG_INTLTOOL", "/usr/bin/intltoolize"),
    ("AX_", "autoconf-archive"),
    ("AM_", "automake"),
];

/// What may be asked for, the likeliest first.
pub(super) fn requirements(kind: MissingKind, name: &str) -> Vec<String> {
    let known = |table: &[(&str, &str)]| {
        table.iter().find(|(known, _)| *known == name).map(|(_, requirement)| (*requirement).to_owned())
    };
    match kind {
        MissingKind::Header => vec![known(HEADERS).unwrap_or_else(|| format!("/usr/include/{name}"))],
        MissingKind::Library => vec![format!("lib({name})")],
        MissingKind::PkgConfig => vec![format!("pkgconfig({name})")],
        MissingKind::CmakePackage => {
            let lower = name.to_ascii_lowercase();
            let guesses = [format!("cmake({name})"), format!("pkgconfig({lower})"), format!("pkgconfig(lib{lower})")];
            let mut requirements: Vec<String> = known(FIND_MODULES).into_iter().collect();
            for guess in guesses {
                if !requirements.contains(&guess) {
                    requirements.push(guess);
                }
            }
            requirements
        }
        MissingKind::Command => match known(COMMANDS) {
            Some(requirement) => vec![requirement],
            None => ["bin", "sbin"].map(|folder| format!("/usr/{folder}/{name}")).to_vec(),
        },
        MissingKind::PythonModule => {
            let distribution =
                known(PYTHON_DISTRIBUTIONS).unwrap_or_else(|| name.to_ascii_lowercase().replace('_', "-"));
            vec![format!("python3dist({distribution})")]
        }
        MissingKind::PerlModule => vec![format!("perl({name})")],
        // `require 'net/ssh'` is of the gem net-ssh, `require 'rake/clean'` of rake.
        MissingKind::RubyGem => match name.split_once('/') {
            Some((first, _)) => vec![format!("rubygem({})", name.replace('/', "-")), format!("rubygem({first})")],
            None => vec![format!("rubygem({name})")],
        },
        MissingKind::AutoconfMacro => {
            let known = MACROS.iter().find(|(start, _)| name.starts_with(start));
            vec![known.map_or("autoconf-archive", |(_, requirement)| requirement).to_owned()]
        }
        MissingKind::File => vec![name.to_owned()],
    }
}

/// Whether a name of this kind can look so. What is refused here is never shown, looked up or advised.
pub(super) fn is_plausible(kind: MissingKind, name: &str) -> bool {
    let of = |more: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
    let parts = |path: &str| path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if name.is_empty() || name.len() > NAME_BYTES || name.starts_with('-') {
        return false;
    }
    match kind {
        MissingKind::Header => of("_-+./") && parts(name),
        // Of a path only what packages could have: a rule for `all` or a file of the build is none of theirs.
        MissingKind::File => of("_-+./:~@") && name.starts_with("/usr/") && parts(&name[1..]),
        MissingKind::RubyGem => of("_-./") && parts(name),
        MissingKind::PerlModule => of("_:") && name.split("::").all(|part| !part.is_empty() && !part.contains(':')),
        MissingKind::AutoconfMacro => of("_"),
        MissingKind::Command => of("_-+.") && name.contains(|c: char| c.is_ascii_alphabetic()),
        MissingKind::Library | MissingKind::PkgConfig | MissingKind::CmakePackage | MissingKind::PythonModule => {
            of("_-+.")
        }
    }
}
