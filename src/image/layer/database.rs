//! What dpkg's database says of packages that are unpacked and not yet configured, in the words of its own
//! `dpkg --unpack`: stanzas of `status`, and who is interested in which triggers (deb-triggers(5)).

use std::collections::{BTreeMap, BTreeSet};

use crate::formats::deb822::{fields, push};

/// What stands in it for all packages together.
#[derive(Debug, Default)]
pub(super) struct Database {
    /// Of packages that were there before, as it is.
    before: String,
    unpacked: BTreeMap<String, Vec<u8>>,
    /// `triggers/…`: file name -> lines.
    triggers: BTreeMap<String, String>,
    /// Paths that packages which were there before want to hear of.
    watched: Vec<String>,
    /// Triggers that dpkg has to look at before anything else.
    activated: BTreeSet<String>,
}

impl Database {
    /// That of a system with packages: its `status`, and its files in `triggers`.
    pub(super) fn of(status: String, triggers: BTreeMap<String, String>) -> Database {
        let paths = triggers.get("File").map(String::as_str).unwrap_or_default();
        let watched = paths.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
        let pending = triggers.get("Unincorp").map(String::as_str).unwrap_or_default();
        let activated = pending.lines().map(str::to_owned).collect();
        Database { before: status, triggers, watched, activated, ..Database::default() }
    }

    /// Enters a package as `install ok unpacked`. `stem` is what its files in `info` are called, `conffiles` has what is
    /// noted of its configuration files, mostly their MD5 sums, `list` what it holds.
    pub(super) fn enter(
        &mut self,
        name: &str,
        stem: &str,
        control: &str,
        conffiles: &[(String, String)],
        triggers: &str,
        list: &[u8],
    ) {
        let mut stanza = String::new();
        push(&mut stanza, "Package", name);
        push(&mut stanza, "Status", "install ok unpacked");
        for (field, value) in fields(control) {
            if field != "Package" && field != "Status" {
                push(&mut stanza, field, value);
            }
        }
        if !conffiles.is_empty() {
            stanza.push_str("Conffiles:\n");
            for (path, note) in conffiles {
                stanza.push_str(&format!(" {path} {note}\n"));
            }
        }
        stanza.push('\n');
        self.unpacked.insert(name.to_owned(), stanza.into_bytes());

        for (file, line) in interests(stem, triggers) {
            self.triggers.entry(file).or_default().push_str(&line);
        }
        // Who comes with this package is configured after it anyway, and hears of nothing.
        self.activated.extend(activations(triggers));
        for path in &self.watched {
            if list.split(|byte| *byte == b'\n').any(|line| is_below(line, path.as_bytes())) {
                // Nobody waits for it: what was there before is in order without it.
                self.activated.insert(format!("{path} -"));
            }
        }
    }

    /// The files of the database, by their names in `/var/lib/dpkg`.
    pub(super) fn files(self) -> Vec<(String, Vec<u8>)> {
        let mut status = self.before.into_bytes();
        if !status.is_empty() {
            status.truncate(status.trim_ascii_end().len());
            status.extend_from_slice(b"\n\n");
        }
        status.extend(self.unpacked.into_values().flatten());
        let mut files = vec![("status".to_owned(), status)];
        let pending: String = self.activated.iter().map(|line| format!("{line}\n")).collect();
        files.push(("triggers/Unincorp".to_owned(), pending.into_bytes()));
        let named = self.triggers.into_iter().filter(|(name, _)| name != "Unincorp");
        files.extend(named.map(|(name, lines)| (format!("triggers/{name}"), lines.into_bytes())));
        files
    }
}

fn is_below(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// The directives of a package's `triggers` file, with what each is about.
fn directives(triggers: &str) -> impl Iterator<Item = (&str, &str)> {
    triggers.lines().filter_map(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        Some((words.next()?, words.next()?))
    })
}

/// What dpkg notes when a package is interested in triggers: file below `triggers/`, and line.
fn interests(package: &str, triggers: &str) -> Vec<(String, String)> {
    let mut noted = Vec::new();
    for (directive, trigger) in directives(triggers) {
        let option = match directive {
            "interest" | "interest-await" => "",
            "interest-noawait" => "/noawait",
            _ => continue,
        };
        if trigger.starts_with('/') {
            noted.push(("File".to_owned(), format!("{trigger} {package}{option}\n")));
        } else if is_name(trigger) {
            noted.push((trigger.to_owned(), format!("{package}{option}\n")));
        }
    }
    noted
}

/// The triggers that unpacking a package activates by name, as lines of `triggers/Unincorp`.
fn activations(triggers: &str) -> impl Iterator<Item = String> {
    directives(triggers)
        .filter(|(directive, trigger)| {
            matches!(*directive, "activate" | "activate-await" | "activate-noawait")
                && (trigger.starts_with('/') || is_name(trigger))
        })
        .map(|(_, trigger)| format!("{trigger} -"))
}

/// Whether it can be the name of a file of its own.
fn is_name(trigger: &str) -> bool {
    !trigger.contains('/') && !trigger.starts_with('.') && !matches!(trigger, "File" | "Unincorp" | "Lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_were_there_hear_of_what_comes() {
        let before = BTreeMap::from([
            ("File".to_owned(), "/usr/share/man man-db/noawait\n/usr/share/ma other\n".to_owned()),
            ("ldconfig".to_owned(), "libc-bin/noawait\n".to_owned()),
            ("Unincorp".to_owned(), "earlier x\n".to_owned()),
            ("Lock".to_owned(), String::new()),
        ]);
        let mut database = Database::of("Package: libc-bin\n\n\n".to_owned(), before);
        let triggers =
            "# a comment\nactivate-noawait ldconfig # why\ninterest /opt\ninterest-noawait x\nactivate ../y\n";
        let conffiles = [("/etc/a".to_owned(), "00".to_owned())];
        let control = "Package: a\nVersion: 1\nStatus: none\nDescription: b\n c\n";
        database.enter("a", "a:amd64", control, &conffiles, triggers, b"/usr\n/usr/share/man/man1/a.1\n");
        let files: BTreeMap<String, String> =
            database.files().into_iter().map(|(name, text)| (name, String::from_utf8(text).unwrap())).collect();
        assert_eq!(
            files["status"],
            "Package: libc-bin\n\nPackage: a\nStatus: install ok unpacked\nVersion: 1\nDescription: b\n c\n\
             Conffiles:\n /etc/a 00\n\n"
        );
        assert_eq!(files["triggers/Unincorp"], "/usr/share/man -\nearlier x\nldconfig -\n");
        assert_eq!(files["triggers/File"], "/usr/share/man man-db/noawait\n/usr/share/ma other\n/opt a:amd64\n");
        assert_eq!(files["triggers/x"], "a:amd64/noawait\n");
        assert_eq!(files["triggers/ldconfig"], "libc-bin/noawait\n");
    }
}
