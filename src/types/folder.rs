//! Folders that farm trusts what it finds in: nobody else may have put it there.

use std::path::{Path, PathBuf};

/// Why a folder is not used, and what to do.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum FolderError {
    #[error(
        "{path} is a symbolic link to {target}, and whoever changes it decides what farm trusts: name the folder itself \
         ({variable}={target}), or put a folder there", path = .path.display(), target = .target.display()
    )]
    Link { path: PathBuf, target: PathBuf, variable: &'static str },
    #[error("{} is no folder: move it away, or name another place ({variable})", .path.display())]
    NoFolder { path: PathBuf, variable: &'static str },
    #[error(
        "{path} belongs to {owner}, and farm runs as {own}: run it as {owner}, name another folder ({variable}), or, if all \
         in it is to be trusted, `chown -R {own} {path}`", path = .path.display()
    )]
    Owner { path: PathBuf, owner: String, own: String, variable: &'static str },
    #[error(
        "{path} can be written by {who} (mode {mode:04o}), who may have put there what farm trusts: remove it, and farm makes \
         it anew; or, if nobody did, `chmod go-w {path}`; or name another folder ({variable})", path = .path.display()
    )]
    Mode { path: PathBuf, who: &'static str, mode: u32, variable: &'static str },
    #[error("{path} cannot be looked at: {reason}; {variable} names another folder", path = .path.display())]
    Unreadable { path: PathBuf, reason: String, variable: &'static str },
}

/// Whether a folder is this user's own: no link, of no other owner, and only he can write to it. One that is not there is
/// fine. `variable`: what names another place for it.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn own_folder(path: &Path, variable: &'static str) -> Result<(), FolderError> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(FolderError::Unreadable { path: path.to_owned(), reason: error.to_string(), variable });
        }
    };
    if found.is_symlink() {
        let target = std::fs::canonicalize(path).or_else(|_| std::fs::read_link(path)).unwrap_or_default();
        return Err(FolderError::Link { path: path.to_owned(), target, variable });
    }
    if !found.is_dir() {
        return Err(FolderError::NoFolder { path: path.to_owned(), variable });
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        check(path, (found.uid(), found.gid(), found.mode() & 0o7777), nix::unistd::geteuid().as_raw(), variable)?;
    }
    Ok(())
}

#[cfg(unix)]
fn check(
    path: &Path,
    (user, group, mode): (u32, u32, u32),
    own: u32,
    variable: &'static str,
) -> Result<(), FolderError> {
    if user != own {
        let name = |id: u32| {
            let known = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(id)).ok().flatten();
            known.map_or_else(|| id.to_string(), |user| user.name)
        };
        return Err(FolderError::Owner { path: path.to_owned(), owner: name(user), own: name(own), variable });
    }
    // Where each user has a group of his own, it has his number, and he alone is in it.
    let who = match mode {
        _ if mode & 0o002 != 0 => "everybody",
        _ if mode & 0o020 != 0 && group != own => "a group",
        _ => return Ok(()),
    };
    Err(FolderError::Mode { path: path.to_owned(), who, mode, variable })
}

/// A path below the user's home, as people write it.
pub(crate) fn at_home(path: &str) -> String {
    let home = std::env::var("HOME").unwrap_or_default();
    match path.strip_prefix(home.trim_end_matches('/')) {
        Some(rest) if rest.starts_with('/') && home.len() > 1 => format!("~{rest}"),
        _ => path.to_owned(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn what_is_not_this_users_own_is_refused_and_says_what_to_do() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let mode = |name: &str, mode: u32| {
            let _ = fs::create_dir(at(name));
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
            own_folder(&at(name), "FARM_CACHE")
        };
        assert_eq!(own_folder(&at("none"), "FARM_CACHE"), Ok(()));
        for good in [0o700, 0o755, 0o750, 0o2755] {
            assert_eq!(mode("good", good), Ok(()), "{good:o}");
        }
        for bad in [0o777, 0o1777, 0o757, 0o702] {
            let error = mode("bad", bad).unwrap_err().to_string();
            assert!(error.contains("by everybody") && error.contains("`chmod go-w /"), "{error}");
        }
        symlink(at("good"), at("link")).unwrap();
        symlink(at("nowhere"), at("broken")).unwrap();
        for link in ["link", "broken"] {
            let error = own_folder(&at(link), "FARM_DATA").unwrap_err().to_string();
            assert!(error.contains("is a symbolic link to /") && error.contains("(FARM_DATA=/"), "{error}");
        }
        fs::write(at("file"), "").unwrap();
        assert!(own_folder(&at("file"), "FARM_DATA").unwrap_err().to_string().contains("is no folder"));
    }

    #[test]
    fn owners_and_groups_are_told_apart() {
        let said = |owner, own| check(Path::new("/x"), owner, own, "FARM_CACHE").map_err(|error| error.to_string());
        assert_eq!(said((1000, 1000, 0o775), 1000), Ok(()), "a group of his own");
        assert!(said((1000, 100, 0o775), 1000).unwrap_err().contains("by a group"));
        assert_eq!(said((1000, 100, 0o755), 1000), Ok(()));
        for (owner, own) in [(0, 4_000_000), (4_000_000, 0), (4_000_000, 4_000_001)] {
            let error = said((owner, owner, 0o700), own).unwrap_err();
            assert!(error.contains("belongs to") && error.contains("`chown -R "), "{error}");
        }
    }
}
