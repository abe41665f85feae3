//! Recipes, distributions and source trees for the tests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use farm::distro::{Catalogue, Distro};
use farm::recipe::{
    Build, MaintainerScripts, Origin, Package, PackageArch, Packaging, Recipe, RecipeLimits, Relations, Source,
    SourcePlace, Strip, SubPackage, System, Test,
};

use crate::lab::Tree;

/// A release as farm knows it, with a release tag for the test.
pub fn debian(version: &str, tag: &str) -> Distro {
    Distro { release_tag: tag.to_owned(), ..known(&format!("debian-{version}")) }
}

/// RPMs on a Debian base.
pub fn rpm_generic() -> Distro {
    known("rpm-generic")
}

fn known(id: &str) -> Distro {
    Distro::clone(Catalogue::load(&[]).unwrap().get(id).unwrap())
}

pub fn recipe(name: &str, version: &str) -> Recipe {
    Recipe {
        root: PathBuf::from("/nowhere"),
        package: Package {
            name: name.to_owned(),
            version: version.to_owned(),
            release: 1,
            epoch: 0,
            summary: format!("Test of {name}"),
            description: format!("{name} is built to see\nthat building works.\n\nIt has 100% of what counts."),
            license: "GPL-3.0-or-later".to_owned(),
            homepage: Some(format!("https://example.org/{name}")),
            maintainer: "Farm Tests <tests@example.org>".to_owned(),
            section: "utils".to_owned(),
            group: None,
            architecture: PackageArch::Any,
            relations: Relations::default(),
            files: vec![],
            is_empty: false,
            config_files: vec![],
            system: System::default(),
            scripts: MaintainerScripts::default(),
            date: None,
            fallback_date: None,
            changelog: vec![],
        },
        sources: vec![Source {
            origin: Origin::Path { path: ".".to_owned() },
            strip: 0,
            strip_said: true,
            gitignore: true,
            place: SourcePlace::default(),
            into: ".".to_owned(),
            unpack: true,
            patches: vec![],
            fuzz: 0,
        }],
        build: Build::default(),
        environment: None,
        packages: BTreeMap::new(),
        packaging: Packaging::default(),
        test: None,
        limits: RecipeLimits {
            memory_bytes: 1 << 30,
            pids: 1000,
            timeout: Duration::from_secs(600),
            stall: Duration::from_secs(60),
            log_bytes: 1 << 20,
        },
        variant: BTreeMap::new(),
    }
}

/// A library with a tool, headers, a man page, a configuration file, translations and odd file names: what splitting
/// packages has to deal with.
pub fn greet() -> (Recipe, Tree) {
    let mut recipe = recipe("greet", "1.2");
    recipe.package.epoch = 1;
    recipe.package.summary = "Library that greets, 100% friendly.".to_owned();
    recipe.package.license = "MIT".to_owned();
    recipe.package.config_files = vec!["/etc/greet/greet.conf".to_owned()];
    recipe.package.scripts.post_install =
        Some("echo \"greet: post_install\"\nmkdir -p /var/lib/greet-state\n".to_owned());
    recipe.package.scripts.post_remove = Some("rmdir /var/lib/greet-state\nexit 0\n".to_owned());
    recipe.build = Build {
        requires: vec![],
        env: BTreeMap::from([("GREETING".to_owned(), "it's \"$5\" 100%".to_owned())]),
        build: Some("make".to_owned()),
        check: Some("test \"$(LD_LIBRARY_PATH=. ./greet)\" = \"$GREETING\"\necho \"PASS: greeting\"".to_owned()),
        install: Some("make install DESTDIR=\"$DESTDIR\" LIBDIR=\"$LIBDIR\"".to_owned()),
        network: false,
        strip: Strip::All,
    };
    let sub = |files: &[&str], requires: &[&str], architecture| SubPackage {
        name: None,
        summary: None,
        description: None,
        section: None,
        group: None,
        architecture,
        files: files.iter().map(|f| (*f).to_owned()).collect(),
        config_files: vec![],
        relations: Relations { requires: requires.iter().map(|r| (*r).to_owned()).collect(), ..Relations::default() },
        system: System::default(),
        scripts: MaintainerScripts::default(),
    };
    recipe.packages.insert(
        "dev".to_owned(),
        sub(
            &["/usr/include/**", "${libdir}/*.so", "${libdir}/pkgconfig/*.pc", "/usr/share/man/man3/**"],
            &["greet-libs (= ${self-version})"],
            None,
        ),
    );
    recipe.packages.insert("libs".to_owned(), sub(&["${libdir}/libgreet.so.*"], &[], None));
    recipe.packages.insert("doc".to_owned(), sub(&["/usr/share/greet/html/"], &[], Some(PackageArch::All)));
    recipe.test = Some(Test {
        script:
            "greet | grep -F 'it'\"'\"'s \"$5\" 100%'\ntest -f /etc/greet/greet.conf\ntest -d /var/lib/greet-state\n\
                 test -f '/usr/share/greet/html/with blank [1].html'\ntest \"$FARM_NAME\" = greet\n"
                .to_owned(),
        requires: vec![],
        network: false,
    });

    let makefile = r#"all: greet libgreet.so.1
libgreet.so.1: lib.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -DGREETING='$(subst ",\","$(subst $$,$$,$(GREETING))")' -fPIC -shared -Wl,-soname,libgreet.so.1 $(LDFLAGS) -o $@ lib.c
	ln -sf $@ libgreet.so
greet: main.c libgreet.so.1
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ main.c -L. -lgreet
install:
	install -d $(DESTDIR)/usr/bin $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)/usr/include/greet $(DESTDIR)/etc/greet
	install -d $(DESTDIR)/usr/share/man/man1 $(DESTDIR)/usr/share/man/man3 $(DESTDIR)/usr/share/greet/html
	install -d $(DESTDIR)/var/lib/greet/empty $(DESTDIR)/usr/share/locale/de/LC_MESSAGES
	install greet $(DESTDIR)/usr/bin/
	install -m 644 libgreet.so.1 $(DESTDIR)$(LIBDIR)/
	ln -s libgreet.so.1 $(DESTDIR)$(LIBDIR)/libgreet.so
	install -m 644 greet.h $(DESTDIR)/usr/include/greet/
	install -m 644 greet.pc $(DESTDIR)$(LIBDIR)/pkgconfig/
	install -m 644 greet.conf $(DESTDIR)/etc/greet/
	install -m 644 greet.1 $(DESTDIR)/usr/share/man/man1/
	install -m 644 greet.3 $(DESTDIR)/usr/share/man/man3/
	install -m 644 greet.conf $(DESTDIR)/usr/share/locale/de/LC_MESSAGES/greet.mo
	echo data >$(DESTDIR)/usr/share/greet/data
	echo page >"$(DESTDIR)/usr/share/greet/html/with blank [1].html"
	echo page >"$(DESTDIR)/usr/share/greet/html/100% größe.html"
"#;
    // The greeting comes from the environment: quotes, a dollar sign and a per cent sign have to survive.
    let makefile =
        makefile.replace("-DGREETING='$(subst \",\\\",\"$(subst $$,$$,$(GREETING))\")' ", "-include greeting.h ");
    let makefile = format!(
        "{makefile}libgreet.so.1: greeting.h\ngreeting.h:\n\tprintf '#define GREETING \"%s\"\\n' \"$$(printenv GREETING | sed 's/\"/\\\\\"/g')\" >$@\n"
    );
    let tree = vec![
        ("Makefile", makefile, false),
        ("lib.c", "const char *greeting(void) { return GREETING; }\n".to_owned(), false),
        (
            "main.c",
            "#include <stdio.h>\nconst char *greeting(void);\nint main(void) { puts(greeting()); return 0; }\n"
                .to_owned(),
            false,
        ),
        ("greet.h", "const char *greeting(void);\n".to_owned(), false),
        ("greet.pc", "Name: greet\nDescription: greets\nVersion: 1.2\nLibs: -lgreet\n".to_owned(), false),
        ("greet.conf", "polite=yes\n".to_owned(), false),
        ("greet.1", ".TH GREET 1\n.SH NAME\ngreet \\- greets people\n".to_owned(), false),
        ("greet.3", ".TH GREETING 3\n.SH NAME\ngreeting \\- what greet says\n".to_owned(), false),
        ("LICENSE", "Copyright (c) 2026 Somebody\n\nPermission is hereby granted.\n".to_owned(), false),
        ("debian/control", "Source: upstreams-own\n".to_owned(), false),
    ];
    (recipe, tree)
}
