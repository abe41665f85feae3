//! Libraries that are the packages' own, and what a .deb says to other architectures: built by the distributions' tools and by
//! farm itself, tried where they are installed, and read by dpkg-deb and rpm.

use std::fs;

use crate::support::{Test, native_engine, tool};

const RECIPE: &str = r#"
[package]
name = "greeter"
version = "1.0"
summary = "Greets with libraries of its own"
license = "MIT"
maintainer = "farm maintainers <farm@example.org>"
multi-arch = "foreign"
requires = ["greeter-libs (= ${self-version})"]

[[sources]]
path = "src"

[build]
build = '''
for name in own named public; do
    cc $CPPFLAGS $CFLAGS $LDFLAGS -fPIC -shared -Wl,-soname,libgreeter$name.so.1 -o libgreeter$name.so.1 greet.c
    cc $CPPFLAGS $CFLAGS $LDFLAGS -o greet-$name main.c ./libgreeter$name.so.1
done
cc $CPPFLAGS $CFLAGS $LDFLAGS -o greet-rpath main.c ./libgreeterown.so.1 -Wl,-rpath,'$ORIGIN/../lib/greeter'
'''
install = '''
install -D -m 0755 -t $DESTDIR/usr/lib/greeter libgreeterown.so.1 greet-own
install -D -m 0755 -t $DESTDIR$LIBDIR libgreeternamed.so.1 libgreeterpublic.so.1
install -D -m 0755 -t $DESTDIR/usr/bin greet-rpath greet-named greet-public
printf '#!/bin/sh\nLD_LIBRARY_PATH=/usr/lib/greeter exec /usr/lib/greeter/greet-own\n' >$DESTDIR/usr/bin/greet-own
chmod 0755 $DESTDIR/usr/bin/greet-own
'''
private-libraries = ["${libdir}/libgreeternamed.so*"]

[packages.libs]
multi-arch = "same"
files = ["/usr/lib/greeter/*.so*", "${libdir}/lib*"]

[matrix]
distros = ["debian-12", "rpm-generic"]

[test]
script = "greet-own && greet-rpath && greet-named && greet-public"
"#;

#[test]
fn private_libraries_are_offered_to_nobody_and_found_by_their_own_programs() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let by_tools = Test::on("private", &native_engine());
    let by_farm = Test::on("private-farm", &native_engine());
    let of_farm = "[environment]\ndistro = \"debian-12\"\ntools = \"farm\"\n\n[matrix]";
    for (test, recipe) in [(&by_tools, RECIPE.to_owned()), (&by_farm, RECIPE.replace("[matrix]", of_farm))] {
        let project = test.folder().join("project");
        fs::create_dir_all(project.join("src")).unwrap();
        fs::write(project.join("src/greet.c"), "int greet(void) { return 42; }\n").unwrap();
        fs::write(project.join("src/main.c"), "int greet(void);\nint main(void) { return greet() != 42; }\n").unwrap();
        fs::write(project.join("farm.toml"), recipe).unwrap();
        test.run_in(&project, &["build", "--matrix"]).exits(0).says("2 succeeded");

        let deb = |name: &str| test.dist().join(format!("greeter/debian-12-amd64/{name}_1.0-1~deb12_amd64.deb"));
        for (name, multi_arch) in [("greeter", "foreign\n"), ("greeter-libs", "same\n")] {
            let Some(run) = tool("dpkg-deb", &["-f", deb(name).to_str().unwrap(), "Multi-Arch"]) else { return };
            assert_eq!(run.exits(0).stdout, multi_arch, "{name}");
        }
        let Some(run) = tool("dpkg-deb", &["-I", deb("greeter-libs").to_str().unwrap(), "shlibs"]) else { return };
        let shlibs = run.exits(0).stdout;
        assert!(
            shlibs.starts_with("libgreeterpublic 1 greeter-libs (>= 1.0") && shlibs.lines().count() == 1,
            "{shlibs}"
        );
        tool("dpkg-deb", &["-I", deb("greeter-libs").to_str().unwrap(), "triggers"]).unwrap().exits(0).says("ldconfig");
        let run = tool("dpkg-deb", &["-f", deb("greeter").to_str().unwrap(), "Depends"]).unwrap().exits(0);
        let depends = run.stdout;
        assert!(depends.contains("libc6 (>= ") && depends.contains("greeter-libs (= 1.0-1~deb12)"), "{depends}");

        let rpm = |name: &str| test.dist().join(format!("greeter/rpm-generic-x86_64/{name}-1.0-1.x86_64.rpm"));
        for name in ["greeter", "greeter-libs"] {
            let file = rpm(name);
            let arguments = ["-qp", "--nosignature", "--provides", "--requires", file.to_str().unwrap()];
            let Some(run) = tool("rpm", &arguments) else { return };
            let run = run.exits(0).says("libgreeterpublic.so.1()(64bit)\n");
            assert!(!run.stdout.contains("libgreeterown") && !run.stdout.contains("libgreeternamed"), "{}", run.stdout);
        }
    }
}
