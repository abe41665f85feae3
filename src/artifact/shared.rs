//! Directories that belong to the distribution, and places where no package may put files.

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
        // man1 and de/man1; not what a package puts below them.
        return match rest.split_once('/') {
            None => true,
            Some((_, section)) => !section.contains('/') && section.starts_with("man"),
        };
    }
    if let Some(rest) = path.strip_prefix("/usr/share/locale/") {
        return match rest.split_once('/') {
            None => true,
            Some((_, category)) => category == "LC_MESSAGES",
        };
    }
    // Multiarch and architecture directories: /usr/lib/x86_64-linux-gnu.
    let library = path.strip_prefix("/usr/lib/").or_else(|| path.strip_prefix("/lib/"));
    library.is_some_and(|triplet| !triplet.contains('/') && triplet.contains("-linux-gnu"))
}

/// Why a package may not put anything at this path (FHS 3.0; Debian Policy 9.1.1 and 9.1.2); `None` when it may.
pub(super) fn why_outside(path: &str) -> Option<&'static str> {
    const FORBIDDEN: &[(&str, &str)] = &[
        ("/usr/local", "which is for the machine's administrator"),
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
}
