//! Folders that belong to the system in an .rpm: no package that farm makes owns them, as none does that rpmbuild makes by
//! `packaging`'s `assign.awk`. The expressions are that program's, word for word.

use std::sync::LazyLock;

use regex::RegexSet;

#[rustfmt::skip]
const SHARED: [&str; 9] = [
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

static SET: LazyLock<RegexSet> = LazyLock::new(|| RegexSet::new(SHARED).unwrap_or_default());

/// `libdir`: where the distribution has its libraries.
pub(super) fn is_shared(path: &str, libdir: &str) -> bool {
    let of_libraries = path.strip_prefix(libdir).is_some_and(|rest| matches!(rest, "" | "/pkgconfig" | "/cmake"));
    of_libraries || SET.is_match(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_are_those_of_the_packages_that_rpmbuild_makes() {
        assert!(!SET.is_empty());
        let program = include_str!("../packaging/scripts/assign.awk");
        let (_, function) = program.split_once("function is_shared(path) {").unwrap();
        let (function, _) = function.split_once("\n}").unwrap();
        let theirs: Vec<String> = function
            .split("path ~ /")
            .skip(1)
            .map(|rest| rest.split("$/").next().unwrap().replace("\\/", "/") + "$")
            .collect();
        assert_eq!(theirs, SHARED);
    }

    #[test]
    fn shared_folders_are_told_from_a_packages_own() {
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
            assert!(is_shared(path, "/usr/lib64"), "{path}");
        }
        for path in [
            "/usr/lib/systemd/system/greetd.service.d",
            "/usr/share/greet",
            "/etc/greetd",
            "/usr/lib64/greet",
            "/var/lib/greetd",
        ] {
            assert!(!is_shared(path, "/usr/lib64"), "{path}");
        }
    }
}
