//! Headers by the name that a source includes them by, and what their package calls itself: a compiler says the one,
//! a requirement had better be the other.

use std::collections::BTreeSet;

use super::rules::NameOf;
use super::{Contents, Provider};

const INCLUDE: &[u8] = b"usr/include/";

impl Contents {
    /// The packages that have a header which `#include <name>` can mean: in `/usr/include`, else in the architecture's
    /// folder there, else in the folders nearest to these, which a compiler has to be told of.
    pub(crate) fn headers(&self, name: &str) -> Vec<Provider> {
        let place = |path: &[u8]| -> Option<usize> {
            let folder = path.strip_prefix(INCLUDE)?.strip_suffix(name.as_bytes())?;
            match folder {
                b"" => Some(0),
                _ if folder.last() != Some(&b'/') => None,
                _ if folder[..folder.len() - 1] == *self.rules.triplet() => Some(1),
                _ => Some(1 + folder.iter().filter(|byte| **byte == b'/').count()),
            }
        };
        let mut nearest = usize::MAX;
        let mut paths: Vec<Vec<u8>> = Vec::new();
        self.paths.each(INCLUDE, |path| {
            let Some(place) = place(path).filter(|place| *place <= nearest) else { return };
            if place < nearest {
                nearest = place;
                paths.clear();
            }
            paths.push(path.to_owned());
        });
        paths.iter().flat_map(|path| self.of_path(path)).collect()
    }

    /// The modules of pkg-config that all of these packages have, and no other one.
    pub(crate) fn modules_of(&self, packages: &BTreeSet<String>) -> Vec<String> {
        let mut modules = Vec::new();
        self.names.each(&[NameOf::PkgConfig as u8], |key| {
            let Ok(module) = std::str::from_utf8(&key[1..]) else { return };
            let providers: BTreeSet<String> = self.of_key(key).into_iter().map(|provider| provider.package).collect();
            if providers == *packages {
                modules.push(module.to_owned());
            }
        });
        modules
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::tests::built;
    use super::*;

    const TEXT: &str = "\
usr/include/zlib.h                                      libdevel/zlib1g-dev
usr/include/node/zlib.h                                 libdevel/libnode-dev
usr/include/x86_64-linux-gnu/curl/curl.h                libdevel/libcurl4-gnutls-dev,libdevel/libcurl4-openssl-dev
usr/include/other/curl/curl.h                           libdevel/other-dev
usr/include/glib-2.0/glib.h                             libdevel/libglib2.0-dev
usr/include/a/b/glib.h                                  libdevel/vendor-dev
usr/include/xglib.h                                     libdevel/x-dev
usr/lib/x86_64-linux-gnu/pkgconfig/glib-2.0.pc          libdevel/libglib2.0-dev
usr/lib/x86_64-linux-gnu/pkgconfig/gthread-2.0.pc       libdevel/libglib2.0-dev
usr/lib/x86_64-linux-gnu/pkgconfig/libcurl.pc           libdevel/libcurl4-gnutls-dev,libdevel/libcurl4-openssl-dev
usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc              libdevel/zlib1g-dev
";

    fn packages(name: &str) -> BTreeSet<String> {
        let contents = Contents::from_bytes(built(TEXT.as_bytes()), "amd64").unwrap();
        contents.headers(name).into_iter().map(|provider| provider.package).collect()
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn headers_are_found_where_a_compiler_finds_them() {
        assert_eq!(packages("zlib.h"), set(&["zlib1g-dev"]));
        assert_eq!(packages("curl/curl.h"), set(&["libcurl4-gnutls-dev", "libcurl4-openssl-dev"]));
        assert_eq!(packages("glib.h"), set(&["libglib2.0-dev"]));
        assert_eq!(packages("none.h"), set(&[]));
        assert_eq!(packages("h"), set(&[]));
    }

    #[test]
    fn modules_are_those_of_exactly_these_packages() {
        let contents = Contents::from_bytes(built(TEXT.as_bytes()), "amd64").unwrap();
        assert_eq!(contents.modules_of(&set(&["libglib2.0-dev"])), ["glib-2.0", "gthread-2.0"]);
        assert_eq!(contents.modules_of(&set(&["libcurl4-gnutls-dev", "libcurl4-openssl-dev"])), ["libcurl"]);
        assert!(contents.modules_of(&set(&["libcurl4-gnutls-dev"])).is_empty());
    }
}
