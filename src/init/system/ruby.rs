//! Ruby gems: a .gemspec, which is a program; of it, only assignments of literals are understood.

use super::modules::Modules;
use crate::init::draft::Draft;
use crate::init::text::{capability, is_plain_word, is_version, literals};
use crate::init::toolchains::least;
use crate::init::tree::{Tree, base_name};

/// Where Bundler keeps the gems of a project, with the project.
const BUNDLED: &str = "vendor/cache";

pub(super) fn file(tree: &Tree) -> Option<String> {
    tree.names().find(|name| !name.contains('/') && name.ends_with(".gemspec")).map(str::to_owned)
}

pub(super) fn read(tree: &Tree, draft: &mut Draft) {
    let Some(path) = file(tree) else { return };
    let text = tree.text(&path).unwrap_or_default();
    let assigned = |key: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            let value = value.trim();
            (name.trim().rsplit('.').next() == Some(key) && value.starts_with(['"', '\'']))
                .then(|| literals(value).into_iter().next())?
        })
    };
    let gem = assigned("name")
        .filter(|name| is_plain_word(name))
        .unwrap_or_else(|| base_name(&path).trim_end_matches(".gemspec").to_owned());
    let version = assigned("version").filter(|version| is_version(version)).or_else(|| constant_version(tree));
    draft.version = draft.version.take().or(version);
    draft.summary = draft.summary.take().or_else(|| assigned("summary")).or_else(|| assigned("description"));
    draft.homepage = draft.homepage.take().or_else(|| assigned("homepage"));
    draft.declared_licenses.extend(assigned("license").map(|license| (license, path.clone())));

    if let Some(least) = assigned("required_ruby_version").as_deref().and_then(least) {
        draft.want("ruby", &least, path.clone());
    }
    let mut programs = Vec::new();
    let mut needed = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let from = format!("{path}:{}", number + 1);
        let runtime = line.contains(".add_dependency") || line.contains(".add_runtime_dependency");
        if runtime
            && let Some(name) = literals(line).first()
            && let Some(what) = capability("rubygem", name, None)
        {
            needed.push((what, from));
        }
        let listed =
            line.split_once('=').filter(|(name, _)| name.contains(".executables")).map(|(_, value)| value.trim());
        if let Some(value) = listed.filter(|value| value.starts_with(['[', '"', '\''])) {
            programs.extend(literals(value));
        }
    }
    if programs.is_empty() {
        let folders = ["exe/", "bin/"].into_iter().filter(|folder| text.contains(folder.trim_end_matches('/')));
        let of = |folder: &str| {
            tree.names().filter_map(|path| path.strip_prefix(folder)).map(str::to_owned).collect::<Vec<_>>()
        };
        programs = folders.map(of).find(|names| !names.is_empty()).unwrap_or_default();
        programs.retain(|name| !["console", "setup", "rake", "rspec"].contains(&name.as_str()));
    }
    let is_program = programs.iter().any(|name| is_plain_word(name));
    programs.iter().for_each(|name| draft.program(name));
    draft.name =
        draft.name.take().or(Some(if is_program { gem.clone() } else { format!("ruby-{}", gem.replace('_', "-")) }));
    draft.rpm_name = (!is_program && is_plain_word(&gem)).then(|| format!("rubygem-{gem}"));
    draft.section = Some("ruby");
    let compiled = tree.names().any(|name| name.starts_with("ext/"));
    draft.arch_independent = !compiled;
    draft.need("ruby", path.clone());
    if compiled {
        draft.need("cc", path.clone());
        draft.need("make", path.clone());
        draft.need("pkgconfig(ruby)", path.clone());
    }
    draft.runtime("ruby", path.clone());
    draft.build = Vec::new();
    if text.contains("git ls-files") || text.contains("git', 'ls-files") || text.contains("\"git\", \"ls-files\"") {
        // It asks git for its files, and the sources are no repository.
        draft.need("git", path.clone());
        draft.build.push("git init --quiet . && git add --all --force .".to_owned());
    }
    let spec = if is_plain_word(&path) { path.as_str() } else { "*.gemspec" };
    draft.build.push(format!("gem build --output farm.gem {spec}"));
    let options = "--no-document --no-user-install";
    if is_program && is_plain_word(&gem) {
        // A program has its gems to itself: what the distribution has may be of other versions.
        // `bundle package` leaves them here.
        let bundled = tree.names().any(|name| name.starts_with(BUNDLED) && name.ends_with(".gem"));
        let remote = !needed.is_empty() && !bundled;
        if remote {
            super::modules::needed(Modules::Gem, &path, tree, draft);
        }
        if locked_native(tree) {
            draft.arch_independent = false;
            draft.need("cc", path.clone());
            draft.need("make", path.clone());
            draft.need("pkgconfig(ruby)", path.clone());
        }
        let share = if draft.arch_independent { "share" } else { "lib" };
        let local = if remote { "" } else { " --local" };
        let programs: Vec<&str> = programs.iter().map(String::as_str).filter(|name| is_plain_word(name)).collect();
        // Without the network, gems are looked for in the folder that one is in.
        let (before, file) =
            if bundled { (format!("cd {BUNDLED}"), "../../farm.gem") } else { (String::new(), "farm.gem") };
        draft.install = vec![
            format!("gems=$DESTDIR$PREFIX/{share}/{gem}"),
            "mkdir -p $gems $DESTDIR$PREFIX/bin".to_owned(),
            before,
            format!("gem install{local} {options} --install-dir $gems --bindir $gems/bin {file}"),
            "rm -rf $gems/bin $gems/cache $gems/doc $gems/build_info".to_owned(),
            "find $gems -type d -empty -delete".to_owned(),
            format!("for program in {}; do", programs.join(" ")),
            "cat >$DESTDIR$PREFIX/bin/$program <<END".to_owned(),
            "#!/usr/bin/ruby".to_owned(),
            format!("Gem.use_paths(\"$PREFIX/{share}/{gem}\", *Gem.path)"),
            format!("load Gem.activate_bin_path(\"{gem}\", \"$program\", \">= 0\")"),
            "END".to_owned(),
            "chmod 755 $DESTDIR$PREFIX/bin/$program".to_owned(),
            "done".to_owned(),
        ];
        draft.install.retain(|line| !line.is_empty());
        draft.runs_programs = true;
    } else {
        needed.into_iter().for_each(|(what, from)| draft.runtime(what, from));
        // Below /var/lib are the administrator's gems; packages have a folder of their own on Debian.
        let folder = if compiled {
            "$(ruby -e 'print Gem.default_path.grep(/rubygems-integration.[0-9]/).first')"
        } else {
            "$PREFIX/share/rubygems-integration/all"
        };
        draft.install = vec![
            format!("case $FARM_FORMAT in deb) gems={folder};; *) gems=$(ruby -e 'print Gem.default_dir');; esac"),
            format!("gem install --local --force --ignore-dependencies {options} --build-root $DESTDIR \\"),
            "  --install-dir $gems --bindir $PREFIX/bin farm.gem".to_owned(),
            "rm -rf $DESTDIR$gems/cache $DESTDIR$gems/doc $DESTDIR$gems/build_info".to_owned(),
            "find $DESTDIR -type d -empty -delete".to_owned(),
        ];
    }
}

/// Whether gems that contain C are among those of Gemfile.lock.
fn locked_native(tree: &Tree) -> bool {
    const NATIVE: [&str; 13] = [
        "nokogiri",
        "ffi",
        "sqlite3",
        "pg",
        "mysql2",
        "bcrypt",
        "eventmachine",
        "nio4r",
        "puma",
        "racc",
        "redcarpet",
        "unf_ext",
        "rugged",
    ];
    let lock = tree.text("Gemfile.lock").unwrap_or_default();
    let gems = lock.lines().filter_map(|line| line.trim_start().split(' ').next());
    gems.into_iter().any(|gem| NATIVE.contains(&gem))
}

/// `VERSION = "1.2"` in lib/**/version.rb
fn constant_version(tree: &Tree) -> Option<String> {
    tree.texts(|path| path.starts_with("lib/") && base_name(path) == "version.rb").into_iter().find_map(|(_, text)| {
        let line = text.lines().find(|line| line.trim_start().starts_with("VERSION"))?;
        literals(line).into_iter().next().filter(|version| is_version(version))
    })
}
