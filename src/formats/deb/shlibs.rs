//! `shlibs`: which relation brings a library, as the package that has it says (deb-shlibs(5), Policy 8.6.4).

use std::collections::BTreeMap;

/// The line that says for a soname which relation brings it; none for a name that has no version.
pub(crate) fn line(soname: &str, relation: &str) -> Option<String> {
    let (name, version) = split_soname(soname)?;
    Some(format!("{name} {version} {relation}\n"))
}

/// Relations by soname: `libfoo.so.1`, and for those that carry the version before the end, `libfoo-1.so`.
pub(crate) fn relations(text: &str) -> BTreeMap<String, String> {
    let mut relations = BTreeMap::new();
    for line in text.lines() {
        // `udeb:` and the like are for others.
        if line.starts_with('#') || line.split_whitespace().next().is_some_and(|first| first.ends_with(':')) {
            continue;
        }
        let mut words = line.splitn(3, ' ');
        if let (Some(name), Some(version), Some(relation)) = (words.next(), words.next(), words.next()) {
            relations.insert(format!("{name}.so.{version}"), relation.trim().to_owned());
            relations.insert(format!("{name}-{version}.so"), relation.trim().to_owned());
        }
    }
    relations
}

/// `libfoo.so.1` is (`libfoo`, `1`); `libfoo-1.2.so` is (`libfoo`, `1.2`) (dpkg-shlibdeps(1)).
fn split_soname(soname: &str) -> Option<(&str, &str)> {
    match soname.split_once(".so.") {
        Some((name, version)) if !name.is_empty() && !version.is_empty() => Some((name, version)),
        _ => {
            let (name, version) = soname.strip_suffix(".so")?.rsplit_once('-')?;
            version.starts_with(|c: char| c.is_ascii_digit()).then_some((name, version))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shlibs_name_the_relation_of_each_soname() {
        let found = relations("# x\nlibc 6 libc6 (>= 2.36)\nudeb: libc 6 libc6-udeb\nlibdb 5.3 libdb5.3, x | y\n");
        assert_eq!(found["libc.so.6"], "libc6 (>= 2.36)");
        assert_eq!(found["libdb-5.3.so"], "libdb5.3, x | y");
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn sonames_are_split_as_dpkg_does() {
        assert_eq!(split_soname("libfoo.so.1"), Some(("libfoo", "1")));
        assert_eq!(split_soname("libglib-2.0.so.0"), Some(("libglib-2.0", "0")));
        assert_eq!(split_soname("libdb-5.3.so"), Some(("libdb", "5.3")));
        assert_eq!(split_soname("plugin.so"), None);
    }
}
