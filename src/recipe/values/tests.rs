use super::*;

fn good(check: fn(&str) -> Check, values: &[&str]) {
    for value in values {
        assert_eq!(check(value), Ok(()), "{value}");
    }
}

fn bad(check: fn(&str) -> Check, values: &[&str]) {
    for value in values {
        assert!(check(value).is_err(), "{value}");
    }
}

#[test]
fn names_and_versions_suit_both_worlds() {
    good(deb_name, &["hello", "g++", "libstdc++6", "0ad", "python3.11"]);
    bad(deb_name, &["", "a", "Hello", "mod_ssl", "-x", "a b", "hé", "a/b", "../x"]);
    good(rpm_name, &["ImageMagick", "mod_ssl", "R"]);
    bad(rpm_name, &["", "a b", "a/b", "%x"]);
    good(version, &["1", "2.10", "1.0~rc1", "1.2+git20260101", "3.0a"]);
    bad(version, &["", "v1", "1-2", "1:2", "1_2", "1 2", "1^2", "%v"]);
}

#[test]
fn licences_are_spdx() {
    good(
        license,
        &[
            "MIT",
            "GPL-3.0-or-later",
            "MIT OR Apache-2.0",
            "LicenseRef-Own",
            "GPL-2.0-only WITH Classpath-exception-2.0",
        ],
    );
    bad(license, &["", "GPLv3", "MIT/Apache-2.0", "Public Domain", "MIT OR"]);
    assert_eq!(license("Apache2").unwrap_err().label, "did you mean `Apache-2.0`?");
}

#[test]
fn paths_stay_where_they_belong() {
    good(inner_path, &[".", "a/b", "vendor"]);
    bad(inner_path, &["/a", "../a", "a/../../b", "a\\b"]);
    good(relative_path, &["..", "../src", "."]);
    good(installed_path, &["/etc/x.conf", "${libdir}/*.so", "/usr/include/**"]);
    bad(installed_path, &["etc/x", "/usr/../etc", "/", "/*", "/**", ""]);
}

#[test]
fn what_stands_in_scripts_needs_no_quotes() {
    good(plain_path, &["/usr/bin/editor", "/var/lib/greetd", "/usr/share/man/man1/c++.1.gz"]);
    bad(plain_path, &["usr/bin", "/usr/bin/*", "/usr/bin/a b", "/usr/bin/$(x)", "/usr/../etc/x", "/var/lib/x/", "/"]);
    good(system_name, &["greetd", "_apt", "systemd-network"]);
    bad(system_name, &["", "Greetd", "0x", "a b", "a:b", "-a", &"a".repeat(32)]);
}

#[test]
fn addresses_cannot_run_anything() {
    good(source_url, &["https://a.org/x.tar.gz", "mirror://debian/pool/x", "file:///x"]);
    bad(source_url, &["x.tar.gz", "ftp://a/x", "https:///x", "mirror://debian", "file://x", "https://a/b c"]);
    good(git_url, &["https://a.org/x.git", "git@a.org:x.git", "../x", "/srv/x.git", "ssh://a/x"]);
    bad(git_url, &["ext::sh -c x", "ext::sh", "--upload-pack=x", "-oProxy:x", "ssh://-oProxyCommand=x/y", "x"]);
}

#[test]
fn sizes_and_times_have_units() {
    assert_eq!(size("2 GiB"), Ok(2 << 30));
    assert_eq!(size("500MB"), Ok(500_000_000));
    assert_eq!(duration("90 min"), Ok(5400));
    assert_eq!(duration("1 h 30 min"), Ok(5400));
    for wrong in ["", "2", "GiB", "2 XB", "1.5 GiB", "99999999999999999999 GiB", "9999999999999999999 TiB"] {
        assert!(size(wrong).is_err(), "{wrong}");
    }
    assert!(duration("ten minutes").is_err());
    assert_eq!(show_size(64 << 20), "64 MiB");
    assert_eq!(show_duration(7200), "2 h");
}

#[test]
fn one_relation_to_a_string() {
    good(relation, &["libc6 (>= 2.36)", "a | b", "(a or b)", "foo(A,B)", "foo [amd64]"]);
    bad(relation, &["a, b", "a (>= 1"]);
}

#[test]
fn what_looks_like_a_capability_is_one() {
    good(
        relation,
        &[
            "pkgconfig(zlib) >= 1.2",
            "pkgconfig(zlib) (>= 1.2) | zlib1g-dev",
            "python3dist(x) <!nocheck>",
            "/usr/bin/x <!nocheck>",
            "font(:lang=de)",
            "golang(a.org/b)",
            "python3.12dist(x)",
            "perl(:MODULE_COMPAT_5.36)",
            "perl(>= 5.10)",
            "perl (>= 5.10)",
            "libx.so.1()(64bit)",
            "pkgconfig(x)(64bit)",
            "(pkgconfig(a) or b)",
        ],
    );
    bad(
        relation,
        &["pkgconf(zlib)", "a | pkgconfig()", "perl(A:::B)", "/usr/../x", "/usr/bin/x >= 1", "lib(ssl) (>= 3)", "/"],
    );
}
