//! Directories that belong to the distribution, and places where no package may put files (FHS 3.0; Debian Policy 9.1).

use std::sync::LazyLock;

use regex::RegexSet;

/// Directories of Fedora's `filesystem` and Debian's `base-files` packages, and what the Filesystem Hierarchy Standard
/// names beside them. Directories that both distributions let several packages own (completions, unit files, fonts) are left
/// out: owning one of them is a matter of style and harms nobody.
const DIRECTORIES: &[&str] = &[
    "/",
    "/afs",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/media",
    "/mnt",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/var",
    "/etc/X11",
    "/etc/X11/applnk",
    "/etc/X11/fontpath.d",
    "/etc/X11/xinit",
    "/etc/default",
    "/etc/init.d",
    "/etc/opt",
    "/etc/pki",
    "/etc/profile.d",
    "/etc/rc.d",
    "/etc/rc.d/init.d",
    "/etc/skel",
    "/etc/sysconfig",
    "/etc/xdg",
    "/etc/xdg/autostart",
    "/usr/bin",
    "/usr/etc",
    "/usr/games",
    "/usr/include",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/libx32",
    "/usr/local",
    "/usr/sbin",
    "/usr/share",
    "/usr/src",
    "/usr/tmp",
    "/usr/lib/debug",
    "/usr/lib/games",
    "/usr/lib/locale",
    "/usr/lib/modules",
    "/usr/lib/sysimage",
    "/usr/lib64/X11",
    "/usr/lib64/games",
    "/usr/src/debug",
    "/usr/src/kernels",
    "/usr/share/X11",
    "/usr/share/X11/fonts",
    "/usr/share/aclocal",
    "/usr/share/applications",
    "/usr/share/augeas",
    "/usr/share/augeas/lenses",
    "/usr/share/backgrounds",
    "/usr/share/base-files",
    "/usr/share/common-licenses",
    "/usr/share/desktop-directories",
    "/usr/share/dict",
    "/usr/share/doc",
    "/usr/share/doc-base",
    "/usr/share/empty",
    "/usr/share/games",
    "/usr/share/icons",
    "/usr/share/idl",
    "/usr/share/info",
    "/usr/share/licenses",
    "/usr/share/locale",
    "/usr/share/man",
    "/usr/share/mime-info",
    "/usr/share/misc",
    "/usr/share/omf",
    "/usr/share/pixmaps",
    "/usr/share/sounds",
    "/usr/share/themes",
    "/usr/share/wayland-sessions",
    "/usr/share/xsessions",
    "/var/adm",
    "/var/backups",
    "/var/cache",
    "/var/crash",
    "/var/db",
    "/var/empty",
    "/var/games",
    "/var/lib",
    "/var/lib/dpkg",
    "/var/lib/games",
    "/var/lib/misc",
    "/var/lib/rpm",
    "/var/lib/rpm-state",
    "/var/local",
    "/var/lock",
    "/var/log",
    "/var/mail",
    "/var/nis",
    "/var/opt",
    "/var/preserve",
    "/var/run",
    "/var/spool",
    "/var/spool/lpd",
    "/var/spool/mail",
    "/var/tmp",
    "/var/yp",
];

/// Whether a directory belongs to the distribution.
pub(crate) fn is_shared(path: &str) -> bool {
    if DIRECTORIES.contains(&path) {
        return true;
    }
    if let Some(rest) = path.strip_prefix("/usr/share/man/") {
        return match rest.split_once('/') {
            None => is_manual_section(rest) || is_locale(rest),
            Some((language, section)) => is_locale(language) && is_manual_section(section),
        };
    }
    if let Some(rest) = path.strip_prefix("/usr/share/locale/") {
        return match rest.split_once('/') {
            None => is_locale(rest),
            Some((locale, category)) => is_locale(locale) && category == "LC_MESSAGES",
        };
    }
    // Multiarch and architecture directories: /usr/lib/x86_64-linux-gnu.
    let library = path.strip_prefix("/usr/lib/").or_else(|| path.strip_prefix("/lib/"));
    library.is_some_and(is_triplet)
}

/// A folder of manual pages of one section: `man1`, `man3pm`, `mann`; `cat1` for formatted ones. Not a page, which has a dot:
/// `manadv.7`.
fn is_manual_section(name: &str) -> bool {
    let section = name.strip_prefix("man").or_else(|| name.strip_prefix("cat"));
    section.is_some_and(|section| {
        section.starts_with(|c: char| c.is_ascii_digit() || matches!(c, 'n' | 'l' | 'o'))
            && section.len() <= 4
            && section.chars().all(|c| c.is_ascii_alphanumeric())
            && section.chars().skip(1).all(|c| !c.is_ascii_digit())
    })
}

/// A folder for one language, as locale(7) names them: `de`, `pt_BR`, `sr@latin`, `zh_TW.UTF-8`, `zh_Hant`, `C`.
fn is_locale(name: &str) -> bool {
    let (name, modifier) = name.split_once('@').unwrap_or((name, "x"));
    let (name, charset) = name.split_once('.').unwrap_or((name, "x"));
    let (language, territory) = name.split_once(['_', '-']).unwrap_or((name, "XX"));
    let plain =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let is_language = (2..=3).contains(&language.len()) && language.bytes().all(|byte| byte.is_ascii_lowercase());
    // Not `man.txt`: names of character sets have digits or capitals.
    let is_charset = charset == "x" || plain(charset) && !charset.chars().all(|c| c.is_ascii_lowercase());
    let is_territory = plain(territory) && territory.len() >= 2;
    (is_language || matches!(language, "C" | "POSIX")) && is_territory && is_charset && plain(modifier)
}

/// `x86_64-linux-gnu`, `arm-linux-gnueabihf`, `x86_64-linux-gnux32`.
fn is_triplet(name: &str) -> bool {
    let Some((cpu, abi)) = name.split_once("-linux-gnu") else { return false };
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    !cpu.is_empty() && plain(cpu) && plain(abi)
}

/// What [`is_of_system`] takes: the expressions of `assign.awk`, word for word.
#[rustfmt::skip]
const OF_SYSTEM: [&str; 9] = [
    r"^/(usr|usr/local|usr/share|var|var/lib|usr/lib|usr/lib64|usr/libexec|etc|run|opt|srv)?$",
    r"^(/usr)?/(bin|sbin|games|include|src|lib/debug|lib/pkgconfig|lib64/pkgconfig|lib64/cmake|lib/cmake)$",
    r"^/(bin|sbin|lib|lib64|boot|dev|home|media|mnt|proc|root|sys|tmp)$",
    r"^/usr/lib/[^/]+-linux-gnu[^/]*(/(pkgconfig|cmake))?$",
    r"^/usr/share/(man|man/[^/]+|man/[^/]+/man[^/]+|doc|licenses|info|locale|locale/[^/]+|locale/[^/]+/LC_[^/]+|misc|pkgconfig|aclocal|applications|pixmaps|metainfo|appdata|mime|mime/packages|mime-info|sounds|themes|fonts|xml|sgml|dict|empty|backgrounds|desktop-directories|autostart|games|help|omf|idl|wayland-sessions|xsessions|vala|vala/vapi|gir-1.0|glib-2.0|glib-2.0/schemas|dbus-1|dbus-1/[^/]+|polkit-1|polkit-1/[^/]+|zsh|zsh/site-functions|zsh/vendor-completions|fish|fish/vendor_[^/]+|bash-completion|bash-completion/completions|emacs|emacs/site-lisp|vim|vim/vimfiles|perl5|perl5/vendor_perl|gtk-doc|gtk-doc/html|icons|icons/hicolor|icons/hicolor/[^/]+|icons/hicolor/[^/]+/[^/]+|cmake)$",
    r"^/usr/lib/(systemd|systemd/[^/]+|tmpfiles.d|sysusers.d|sysctl.d|modules|modules-load.d|modprobe.d|environment.d|binfmt.d|udev|udev/(rules.d|hwdb.d)|firmware|locale|rpm|rpm/macros.d|girepository-1.0|games|locale|python[0-9.]+|python[0-9.]+/(site|dist)-packages|python3/dist-packages|python3)$",
    r"^/usr/lib64/(girepository-1.0|perl5|perl5/vendor_perl|python[0-9.]+|python[0-9.]+/site-packages)$",
    r"^/etc/(default|sysconfig|opt|skel|ld.so.conf.d|profile.d|cron.d|cron.hourly|cron.daily|cron.weekly|cron.monthly|logrotate.d|init.d|pam.d|rc.d|rc.d/init.d|security|security/limits.d|ssl|alternatives|sudoers.d|sysctl.d|tmpfiles.d|udev|udev/rules.d|X11|xdg|xdg/autostart|xinetd.d|yum.repos.d|apt|apt/[^/]+|bash_completion.d|systemd|systemd/system|modprobe.d|modules-load.d|binfmt.d|dbus-1|dbus-1/[^/]+)$",
    r"^/var/(adm|cache|db|empty|games|lib/games|lib/misc|local|lock|log|mail|nis|opt|preserve|run|spool|spool/(cron|mail|lpd)|tmp|yp)$",
];

static OF_SYSTEM_SET: LazyLock<RegexSet> = LazyLock::new(|| RegexSet::new(OF_SYSTEM).unwrap_or_default());

/// Whether a directory is one that no package has to take: no .rpm made by farm owns it, as none does that rpmbuild makes by
/// `packaging`'s `assign.awk`. That is more than [`is_shared`] says: many of these several packages may own, and a package is
/// no worse for it. `libdir`: where the distribution has its libraries.
pub(crate) fn is_of_system(path: &str, libdir: &str) -> bool {
    let of_libraries = path.strip_prefix(libdir).is_some_and(|rest| matches!(rest, "" | "/pkgconfig" | "/cmake"));
    of_libraries || OF_SYSTEM_SET.is_match(path)
}

/// Whether the loader looks for libraries in a directory without being told (ld.so(8); the triplets are Debian's): of what
/// packages may use, as `packaging`'s `staged.awk` has it.
pub(crate) fn is_searched_by_loader(folder: &str) -> bool {
    let folder = folder.strip_prefix("/usr").unwrap_or(folder);
    let Some(rest) = folder.strip_prefix("/lib") else { return false };
    let rest = ["32", "64", "x32"].iter().find_map(|size| rest.strip_prefix(size)).unwrap_or(rest);
    let mut parts = rest.split('/').skip(1).peekable();
    parts.next_if(|part| part.find("-linux-gnu").is_some_and(|at| at > 0));
    // Variants for newer processors.
    if parts.next_if(|part| *part == "glibc-hwcaps").is_some() && parts.next().is_none_or(str::is_empty) {
        return false;
    }
    (rest.is_empty() || rest.starts_with('/')) && parts.next().is_none()
}

/// Why a package may not put anything at this path (FHS 3.0; Debian Policy 9.1.1 and 9.1.2); `None` when it may.
pub(crate) fn why_outside(path: &str) -> Option<&'static str> {
    const FORBIDDEN: &[(&str, &str)] = &[
        (
            "/usr/local",
            "which is for the machine's administrator: install below /usr, which $PREFIX says (`make install PREFIX=\"$PREFIX\"`, \
             `./configure --prefix=\"$PREFIX\"`, `cmake -DCMAKE_INSTALL_PREFIX=\"$PREFIX\"`)",
        ),
        ("/usr/tmp", "which is for temporary files"),
        ("/var/lock", "which is empty after each boot"),
        ("/var/run", "which is empty after each boot"),
        ("/var/tmp", "which is for temporary files"),
    ];
    const ALLOWED: &[&str] = &["bin", "boot", "etc", "lib", "lib32", "lib64", "libx32", "opt", "sbin", "usr", "var"];
    let below = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if let Some((_, why)) = FORBIDDEN.iter().find(|(folder, _)| below(folder)) {
        return Some(why);
    }
    let top = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    match top {
        "" => None,
        top if ALLOWED.contains(&top) => None,
        "home" | "root" => Some("which is a user's own"),
        "tmp" | "run" => Some("which is empty after each boot"),
        "build" => Some("which is where it was built"),
        _ => Some("where no package puts files"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaders_own_folders_are_known() {
        for folder in [
            "/lib",
            "/usr/lib",
            "/lib64",
            "/usr/libx32",
            "/usr/lib/x86_64-linux-gnu",
            "/lib/arm-linux-gnueabihf",
            "/usr/lib64/glibc-hwcaps/x86-64-v3",
            "/usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3",
        ] {
            assert!(is_searched_by_loader(folder), "{folder}");
        }
        for folder in [
            "",
            "/usr",
            "/opt/x/lib",
            "/usr/lib/greet",
            "/usr/libexec",
            "/usr/lib/x86_64-linux-gnu/greet",
            "/usr/lib/-linux-gnu",
            "/usr/lib64/glibc-hwcaps",
            "/usr/lib64/glibc-hwcaps/x86-64-v3/x",
            "/usr/local/lib",
        ] {
            assert!(!is_searched_by_loader(folder), "{folder}");
        }
    }

    #[test]
    fn shared_directories_are_known_and_own_ones_are_not() {
        for path in [
            "/",
            "/usr",
            "/etc",
            "/usr/share/man/man1",
            "/usr/share/man/pt_BR/man8",
            "/usr/share/locale/de/LC_MESSAGES",
            "/usr/lib/x86_64-linux-gnu",
        ] {
            assert!(is_shared(path), "{path}");
        }
        for path in [
            "/usr/share/man/man3pm",
            "/usr/share/man/mann",
            "/usr/share/man/man0p",
            "/usr/share/man/sr@latin",
            "/usr/share/man/zh_TW.UTF-8/man3",
            "/usr/share/man/C",
            "/usr/share/locale/pt_BR",
            "/usr/share/locale/zh-Hant",
            "/usr/lib/arm-linux-gnueabihf",
        ] {
            assert!(is_shared(path), "{path}");
        }
        // Files that are named like folders.
        for path in [
            "/usr/share/man/man7/manadv.7",
            "/usr/share/man/man1/manual.1.gz",
            "/usr/share/man/man1/man1",
            "/usr/share/man/de/manadv.7",
            "/usr/share/man/man8/manage.8",
            "/usr/share/man/man3/man3.3.gz",
            "/usr/share/man/README",
            "/usr/share/man/index.db",
            "/usr/share/man/man.txt",
            "/usr/share/locale/locale.alias",
            "/usr/share/locale/de/messages",
            "/usr/lib/foo-linux-gnu.conf",
            "/usr/lib/x-linux-gnu-tools.so",
        ] {
            assert!(!is_shared(path), "{path}");
        }
        for path in ["/etc/hello", "/usr/share/doc/hello", "/usr/lib/hello", "/opt/hello", "/usr/share/man/man1/x"] {
            assert!(!is_shared(path), "{path}");
        }
    }

    #[test]
    fn places_for_packages_end_at_whole_components() {
        for path in ["/usr/bin/x", "/opt/x/y", "/usr/localized", "/etc/x", "/var/lib/x", "/var/running"] {
            assert_eq!(why_outside(path), None, "{path}");
        }
        for path in ["/build/x", "/home/u/x", "/usr/local/bin/x", "/run/x", "/nix/store", "/var/run/x", "/dev/null"] {
            assert!(why_outside(path).is_some(), "{path}");
        }
    }

    #[test]
    fn the_folders_are_those_of_the_packages_that_rpmbuild_makes() {
        assert!(!OF_SYSTEM_SET.is_empty());
        let program = include_str!("../packaging/scripts/assign.awk");
        let (_, function) = program.split_once("function is_shared(path) {").unwrap();
        let (function, _) = function.split_once("\n}").unwrap();
        let theirs: Vec<String> = function
            .split("path ~ /")
            .skip(1)
            .map(|rest| rest.split("$/").next().unwrap().replace("\\/", "/") + "$")
            .collect();
        assert_eq!(theirs, OF_SYSTEM);
    }

    #[test]
    fn folders_that_no_package_has_to_take_are_told_from_a_packages_own() {
        for path in [
            "/usr/lib/systemd",
            "/usr/lib/systemd/system",
            "/usr/lib/systemd/system-preset",
            "/usr/lib64/pkgconfig",
            "/usr/lib/sysusers.d",
            "/usr/share/man/man1",
            "/etc/logrotate.d",
            "/usr",
        ] {
            assert!(is_of_system(path, "/usr/lib64"), "{path}");
        }
        for path in [
            "/usr/lib/systemd/system/greetd.service.d",
            "/usr/share/greet",
            "/etc/greetd",
            "/usr/lib64/greet",
            "/var/lib/greetd",
        ] {
            assert!(!is_of_system(path, "/usr/lib64"), "{path}");
        }
    }
}
