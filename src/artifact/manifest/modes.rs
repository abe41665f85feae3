//! What becomes of the modes of installed files: one table for both formats.
//!
//! | installed | in a .deb | in an .rpm |
//! |---|---|---|
//! | setuid, setgid, sticky | as installed | as installed |
//! | private: not readable (a folder: not open) for all | as installed | as installed |
//! | writable for group or others | not writable for them, but in sticky and setgid folders | the same |
//! | documentation, manual and header files | readable for all, 0644 | readable for all |
//! | `/etc/sudoers.d/*` | 0440 | 0440 |
//! | all else | 0644 or 0755, as dh_fixperms(1) has it | as installed |
//!
//! `packaging`'s staged.awk has the same rules for the tools in a container; a test there holds the two together.

/// Whether everybody is to read what lies there, whatever mode it was installed with.
const OPEN: [&str; 4] = ["/usr/share/doc", "/usr/share/man", "/usr/share/info", "/usr/include"];
/// Never executable, by their names (dh_fixperms(1)).
const DATA: [&str; 13] =
    [".so", ".la", ".a", ".js", ".css", ".scss", ".sass", ".jpeg", ".jpg", ".png", ".gif", ".cmxs", ".node"];
/// Folders whose files are programs.
const PROGRAMS: [&str; 7] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/games", "/usr/libexec", "/etc/init.d"];
const SUDOERS: &str = "/etc/sudoers.d";

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn is_open(path: &str) -> bool {
    OPEN.iter().any(|folder| path == *folder || is_below(path, folder))
}

/// The mode in an .rpm; in a .deb, too, of what [`is_kept`].
pub(crate) fn installed(path: &str, is_folder: bool, mode: u32) -> u32 {
    if !is_folder && is_below(path, SUDOERS) {
        return 0o440;
    }
    let is_for_writing = is_folder && mode & 0o3000 != 0;
    let mode = if is_for_writing { mode } else { mode & !0o022 };
    match (is_open(path), is_folder) {
        (true, true) => mode | 0o755,
        (true, false) => mode | 0o644,
        (false, _) => mode,
    }
}

/// Whether a mode says something that no tool may take away.
pub(crate) fn is_kept(path: &str, is_folder: bool, mode: u32) -> bool {
    let open = if is_folder { 0o055 } else { 0o044 };
    let is_private = mode & open != open && !is_open(path);
    mode & 0o7000 != 0 || is_private || (!is_folder && is_below(path, SUDOERS))
}

/// Whether a file lies in a folder whose files are programs, whatever mode they were installed with.
pub(crate) fn is_for_programs(path: &str) -> bool {
    PROGRAMS.iter().any(|folder| is_below(path, folder))
}

/// The mode in a .deb: Debian Policy 10.9, as dh_fixperms(1) does it.
pub(crate) fn debian(path: &str, is_folder: bool, mode: u32) -> u32 {
    if is_kept(path, is_folder, mode) {
        return installed(path, is_folder, mode);
    }
    if is_folder {
        return 0o755;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_example = path
        .strip_prefix("/usr/share/doc/")
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(_, rest)| rest.starts_with("examples/"));
    let is_document = is_below(path, "/usr/share/doc") && !is_example;
    let is_text = ["/usr/share/man", "/usr/include", "/usr/share/applications", "/usr/share/lintian/overrides"]
        .iter()
        .any(|folder| is_below(path, folder));
    let is_data = DATA.iter().any(|end| name.ends_with(end)) || name.contains(".so.");
    let is_perl = name.ends_with(".pm") && path.contains("/perl5/");
    if is_for_programs(path) {
        return 0o755;
    }
    if path.starts_with("/usr/lib/") && name.ends_with(".ali") {
        return 0o444;
    }
    let is_program = mode & 0o111 != 0 && !is_document && !is_text && !is_data && !is_perl;
    if is_program { 0o755 } else { 0o644 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mode_says_is_kept_and_the_rest_is_policy() {
        for (path, is_folder, mode, deb, rpm) in [
            ("/usr/lib/x/helper", false, 0o4755, 0o4755, 0o4755),
            ("/usr/bin/x", false, 0o2755, 0o2755, 0o2755),
            ("/usr/bin/x", false, 0o4711, 0o4711, 0o4711),
            ("/etc/x.conf", false, 0o600, 0o600, 0o600),
            ("/etc/x.conf", false, 0o640, 0o640, 0o640),
            ("/etc/x", true, 0o700, 0o700, 0o700),
            ("/etc/x", true, 0o711, 0o711, 0o711),
            ("/var/x", true, 0o1777, 0o1777, 0o1777),
            ("/var/x", true, 0o2775, 0o2775, 0o2775),
            ("/var/x", true, 0o777, 0o755, 0o755),
            ("/usr/share/x", false, 0o664, 0o644, 0o644),
            ("/usr/share/x", false, 0o666, 0o644, 0o644),
            ("/usr/share/x", false, 0o444, 0o644, 0o444),
            ("/usr/share/x", true, 0o555, 0o755, 0o555),
            ("/usr/share/doc/x/README", false, 0o600, 0o644, 0o644),
            ("/usr/share/doc/x", true, 0o700, 0o755, 0o755),
            ("/usr/share/doc/x/run.sh", false, 0o755, 0o644, 0o755),
            ("/usr/share/doc/x/examples/run.sh", false, 0o755, 0o755, 0o755),
            ("/usr/lib/libx.so.1", false, 0o755, 0o644, 0o755),
            ("/etc/sudoers.d/x", false, 0o644, 0o440, 0o440),
            ("/usr/bin/x", false, 0o644, 0o755, 0o644),
        ] {
            assert_eq!(debian(path, is_folder, mode), deb, "deb {path} {mode:o}");
            assert_eq!(installed(path, is_folder, mode), rpm, "rpm {path} {mode:o}");
        }
    }
}
