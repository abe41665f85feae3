//! Which key of a recipe causes a finding, where that is known: what farm writes of it is what the linter reads.

/// The key that a rule of either linter is about; none where only who knows the project can say.
pub(crate) fn key(rule: &str) -> Option<&'static str> {
    let found = KEYS.iter().find(|(known, _)| match known.strip_suffix('*') {
        Some(begin) => rule.starts_with(begin),
        None => *known == rule,
    });
    found.map(|(_, key)| *key)
}

#[cfg(test)]
pub(crate) fn keys() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(_, key)| *key)
}

/// Rules, or what they begin with, and keys. The first that matches is meant.
const KEYS: &[(&str, &str)] = &[
    ("synopsis-*", "package.summary"),
    ("description-synopsis-*", "package.summary"),
    ("description-starts-with-package-name", "package.summary"),
    ("summary-*", "package.summary"),
    ("no-summary-tag", "package.summary"),
    ("name-repeated-in-summary", "package.summary"),
    ("extended-description-*", "package.description"),
    ("description-*", "package.description"),
    ("possible-unindented-list-in-extended-description", "package.description"),
    ("no-description-tag", "package.description"),
    ("spelling-error-in-description*", "package.description"),
    ("invalid-license", "package.license"),
    ("no-license", "package.license"),
    ("copyright-*", "package.license"),
    ("no-copyright-file", "package.license"),
    ("unknown-section", "package.section"),
    ("wrong-section-*", "package.section"),
    ("non-standard-group", "package.group"),
    ("no-group-tag", "package.group"),
    ("no-url-tag", "package.homepage"),
    ("no-homepage-field", "package.homepage"),
    ("bad-homepage", "package.homepage"),
    ("invalid-url", "package.homepage"),
    ("maintainer-*", "package.maintainer"),
    ("malformed-contact", "package.maintainer"),
    ("no-packager-tag", "package.maintainer"),
    ("no-vendor-tag", "package.vendor"),
    ("invalid-vendor", "package.vendor"),
    ("depends-on-*", "package.requires"),
    ("explicit-lib-dependency", "package.requires"),
    ("requires-on-release", "package.requires"),
    ("self-conflict", "package.conflicts"),
    ("obsolete-not-provided", "package.provides"),
    ("conffile-*", "package.config-files"),
    ("non-conffile-in-etc", "package.config-files"),
    ("non-config-file-*", "package.config-files"),
    ("maintainer-script-*", "package.scripts"),
    ("dangerous-command-in-*", "package.scripts"),
    ("postinst-*", "package.scripts"),
    ("prerm-*", "package.scripts"),
    ("postrm-*", "package.scripts"),
    ("dir-or-file-in-*", "build.install"),
    ("file-in-unusual-dir", "build.install"),
    ("no-manual-page*", "build.install"),
    ("manual-page-*", "build.install"),
    ("no-documentation", "build.install"),
    ("no-binary", "package.architecture"),
    ("arch-independent-package-contains-binary-or-object", "package.architecture"),
    ("noarch-*", "package.architecture"),
    ("executable-*", "build.install"),
    ("script-*", "build.install"),
    ("non-standard-*", "build.install"),
    ("world-writable", "build.install"),
    ("zero-length", "build.install"),
    ("hidden-file-or-dir", "build.install"),
    ("unstripped-binary-or-object", "build.install"),
    ("hardening-*", "build.build"),
    ("statically-linked-binary", "build.build"),
    ("custom-library-search-path", "build.build"),
    ("binary-or-shlib-defines-rpath", "build.build"),
];
