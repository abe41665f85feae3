//! Libraries that are the packages' own, what a .deb says to other architectures, and what files have in the packages: built by
//! the distributions' tools and by farm itself, tried where they are installed, and read by dpkg-deb and rpm.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

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
config-files = ["/opt/greeter/**/*.conf"]

enhances = ["motd"]

[override.deb.package]
pre-requires = ["passwd (>= 1:4.8)"]

[override.rpm.package]
pre-requires = ["/bin/sh"]
supplements = ["(motd and figlet)"]

[package.users.greeter]

[package.attributes."/etc/greeter/*"]
mode = "0640"
group = "greeter"

[package.attributes."/usr/bin/greet-n*"]
capabilities = "cap_net_bind_service=ep"

[package.attributes."/var/lib/greeter"]
mode = "0770"
owner = "greeter"
group = "greeter"

[override.rpm.package.attributes."/var/log/greeter.log"]
ghost = true
owner = "greeter"

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
mkdir -p $DESTDIR/etc/greeter $DESTDIR/var/lib/greeter/words
echo secret >"$DESTDIR/etc/greeter/it's own"
install -D -m 0644 greet.c $DESTDIR/opt/greeter/one.conf
install -D -m 0644 greet.c $DESTDIR/opt/greeter/more/two.conf
install -D -m 0644 greet.c $DESTDIR/opt/greeter/more/two.c
install -D -m 4755 greet-own $DESTDIR/nix/greeter/bin/greet
'''
private-libraries = ["${libdir}/libgreeternamed.so*"]

[packages.libs]
multi-arch = "same"
files = ["/usr/lib/greeter/*.so*", "${libdir}/lib*"]

[waivers.file-outside-standard]
paths = ["/nix/greeter", "/nix"]
reason = "it has this place everywhere"

[waivers.setuid-file]
reason = "meant"

[matrix]
distros = ["debian-12", "rpm-generic"]

[test]
script = '''
greet-own && greet-rpath && greet-named && greet-public
test "$(stat -c '%a %U %G' "/etc/greeter/it's own")" = "640 root greeter"
test "$(stat -c '%a %U %G' /var/lib/greeter)" = "770 greeter greeter"
test "$(stat -c '%a %U %G' /var/lib/greeter/words)" = "755 root root"
getcap /usr/bin/greet-named | grep -F cap_net_bind_service=ep
'''

[override.rpm.test]
requires = ["libcap2-bin"]
"#;

/// Built by the distributions' tools and by farm, once for all tests. None where farm has no engine of its own.
fn built() -> Option<&'static [Test; 2]> {
    static BUILT: OnceLock<Option<[Test; 2]>> = OnceLock::new();
    let build = || {
        let test = |name| cfg!(target_os = "linux").then(|| Test::on(name, &native_engine()));
        let both = [test("described")?, test("described-farm")?];
        let by_farm = RECIPE.replace("[matrix]", "[environment]\ndistro = \"debian-12\"\ntools = \"farm\"\n\n[matrix]");
        for (test, recipe) in both.iter().zip([RECIPE, &by_farm]) {
            let project = test.folder().join("project");
            fs::create_dir_all(project.join("src")).unwrap();
            fs::write(project.join("src/greet.c"), "int greet(void) { return 42; }\n").unwrap();
            fs::write(project.join("src/main.c"), "int greet(void);\nint main(void) { return greet() != 42; }\n")
                .unwrap();
            fs::write(project.join("farm.toml"), recipe).unwrap();
            let run = test.run_in(&project, &["build", "--matrix"]).exits(0).says("2 succeeded");
            // What is waived is told, with the reason.
            for told in
                ["of file-outside-standard: it has this place everywhere\n", "2 findings of setuid-file: meant\n"]
            {
                assert!(run.stdout.contains(told) || run.stderr.contains(told), "{told} is missing in {run}");
            }
        }
        Some(both)
    };
    BUILT.get_or_init(build).as_ref()
}

fn deb(test: &Test, name: &str) -> PathBuf {
    test.dist().join(format!("greeter/debian-12-amd64/{name}_1.0-1~deb12_amd64.deb"))
}

fn rpm(test: &Test, name: &str) -> PathBuf {
    test.dist().join(format!("greeter/rpm-generic-x86_64/{name}-1.0-1.x86_64.rpm"))
}

#[test]
fn private_libraries_are_offered_to_nobody_and_found_by_their_own_programs() {
    for test in built().into_iter().flatten() {
        let asked = |name: &str, arguments: &[&str]| {
            let file = deb(test, name);
            let run = tool("dpkg-deb", &[&arguments[..1], &[file.to_str().unwrap()], &arguments[1..]].concat())?;
            Some(run.exits(0).stdout)
        };
        let Some(shlibs) = asked("greeter-libs", &["-I", "shlibs"]) else { return };
        let is_alone = shlibs.starts_with("libgreeterpublic 1 greeter-libs (>= 1.0") && shlibs.lines().count() == 1;
        assert!(is_alone, "{shlibs}");
        assert!(asked("greeter-libs", &["-I", "triggers"]).unwrap().contains("activate-noawait ldconfig\n"));
        let depends = asked("greeter", &["-f", "Depends"]).unwrap();
        for part in ["libc6 (>= ", "greeter-libs (= 1.0-1~deb12)", "libcap2-bin"] {
            assert!(depends.contains(part), "{part} is missing in {depends}");
        }
        assert_eq!(asked("greeter", &["-f", "Multi-Arch"]).unwrap(), "foreign\n");
        assert_eq!(asked("greeter", &["-f", "Pre-Depends"]).unwrap(), "passwd (>= 1:4.8)\n");
        assert_eq!(asked("greeter", &["-f", "Enhances"]).unwrap(), "motd\n");
        assert_eq!(asked("greeter-libs", &["-f", "Multi-Arch"]).unwrap(), "same\n");
        let mut config: Vec<String> =
            asked("greeter", &["-I", "conffiles"]).unwrap().lines().map(str::to_owned).collect();
        config.sort_unstable();
        assert_eq!(config, ["/etc/greeter/it's own", "/opt/greeter/more/two.conf", "/opt/greeter/one.conf"]);

        for name in ["greeter", "greeter-libs"] {
            let file = rpm(test, name);
            if name == "greeter" {
                let format = "[%{REQUIRENAME} %{REQUIREFLAGS:deptype}\n]%{ENHANCENAME} %{SUPPLEMENTNAME}\n";
                let arguments = ["-qp", "--nosignature", "--qf", format, file.to_str().unwrap()];
                let Some(run) = tool("rpm", &arguments) else { return };
                let run = run.exits(0).says("motd (motd and figlet)\n");
                let before = run.stdout.lines().any(|line| line.starts_with("/bin/sh ") && line.contains("pre"));
                assert!(before, "{}", run.stdout);
            }
            let arguments = ["-qp", "--nosignature", "--provides", "--requires", file.to_str().unwrap()];
            let Some(run) = tool("rpm", &arguments) else { return };
            let run = run.exits(0).says("libgreeterpublic.so.1()(64bit)\n");
            assert!(!run.stdout.contains("libgreeterown") && !run.stdout.contains("libgreeternamed"), "{}", run.stdout);
        }
    }
}

#[test]
fn files_have_the_modes_owners_and_capabilities_that_the_recipe_says() {
    for test in built().into_iter().flatten() {
        let Some(run) = tool("dpkg-deb", &["-c", deb(test, "greeter").to_str().unwrap()]) else { return };
        // Whose they are is said when they are installed: the test of the recipe looks.
        let run = run.exits(0);
        for line in
            [("-rw-r----- root/root", " ./etc/greeter/it's own\n"), ("drwxrwx--- root/root", " ./var/lib/greeter/\n")]
        {
            assert!(
                run.stdout.lines().any(|have| have.starts_with(line.0) && format!("{have}\n").ends_with(line.1)),
                "{run}"
            );
        }
        let format =
            "[%{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILECAPS} %{FILEFLAGS:fflags} %{FILENAMES}\n]";
        let file = rpm(test, "greeter");
        let Some(run) = tool("rpm", &["-qp", "--nosignature", "--qf", format, file.to_str().unwrap()]) else { return };
        let run = run.exits(0);
        for line in [
            "-rw-r----- root greeter  cn /etc/greeter/it's own\n",
            "-rw-r--r-- root root  cn /opt/greeter/one.conf\n",
            "-rw-r--r-- root root  cn /opt/greeter/more/two.conf\n",
            "-rw-r--r-- root root   /opt/greeter/more/two.c\n",
            "-rwxr-xr-x root root cap_net_bind_service=ep  /usr/bin/greet-named\n",
            "drwxrwx--- greeter greeter   /var/lib/greeter\n",
            "drwxr-xr-x root root   /var/lib/greeter/words\n",
            "-rw-r--r-- greeter root  g /var/log/greeter.log\n",
        ] {
            assert!(run.stdout.contains(line), "{line:?} is missing in\n{}", run.stdout);
        }
    }
}
