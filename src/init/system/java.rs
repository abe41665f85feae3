//! Java: of a Maven project the pom.xml of each module, for its jar. Gradle's files are programs, and what they build only
//! Gradle knows: the recipe says so and fails.

use crate::init::draft::Draft;
use crate::init::text::{is_plain_path, is_plain_word, one_line};
use crate::init::tree::{Tree, base_name};

use super::modules::Modules;

pub(super) const POM: &str = "pom.xml";
pub(super) const GRADLE: [&str; 2] = ["build.gradle", "build.gradle.kts"];

pub(super) fn read_gradle(tree: &Tree, draft: &mut Draft) {
    let properties = tree.text("gradle.properties").unwrap_or_default();
    let version = properties.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "version");
    draft.version = draft.version.take().or_else(|| version.map(|(_, version)| plain_version(version.trim())));
    draft.section = Some("java");
    draft.cannot(
        "what Gradle builds is not known: write into [build] how it is built, and which jars go to /usr/share/java",
    );
}

/// A module that makes a jar.
struct Module {
    /// `""`, or the folder with a slash at its end.
    folder: String,
    artifact: String,
    /// As in the name of the jar.
    version: Option<String>,
}

pub(super) fn read_maven(tree: &Tree, draft: &mut Draft) {
    let text = tree.text(POM).unwrap_or_default();
    let own = own_part(text);
    let version = element(&own, "version").or_else(|| element(section(text, "parent"), "version"));
    let plain = version.clone().filter(|version| is_plain_word(version));
    draft.name =
        draft.name.take().or_else(|| Some(element(&own, "artifactId")?.trim_end_matches("-parent").to_owned()));
    draft.version = draft.version.take().or_else(|| plain.as_deref().map(plain_version));
    draft.summary = draft.summary.take().or_else(|| element(&own, "description").map(|text| one_line(&text)));
    draft.homepage = draft.homepage.take().or_else(|| element(&own, "url"));
    if let Some(licence) = element(section(text, "licenses"), "name") {
        draft.declared_licenses.push((one_line(&licence), POM.to_owned()));
    }
    draft.section = Some("java");
    draft.arch_independent = true;

    let modules = modules(tree, plain.as_deref());
    if modules.is_empty() {
        draft.cannot("pom.xml builds no jar: write into [build] how it is built, and what goes where");
        return;
    }
    draft.need("maven", POM);
    draft.need_by_manager("default-jdk-headless", "java-devel", POM);
    super::modules::needed(Modules::Maven, POM, tree, draft);
    // Tests of all modules are run by `package` already; here they would be run before [build] check.
    draft.build = vec![
        "mvn --batch-mode --no-transfer-progress -Duser.home=$PWD/farm-home -Dmaven.repo.local=$PWD/farm-home/.m2 \\"
            .to_owned(),
        "  -DskipTests -Dmaven.javadoc.skip=true package".to_owned(),
    ];
    draft.install = vec!["mkdir -p $DESTDIR$PREFIX/share/java".to_owned()];
    for Module { folder, artifact, version } in &modules {
        let version = version.as_deref().unwrap_or("[0-9]*");
        draft.install.push(format!(
            "install -m 644 {folder}target/{artifact}-{version}.jar $DESTDIR$PREFIX/share/java/{artifact}.jar"
        ));
    }
    let jars: Vec<String> =
        modules.iter().map(|module| format!("test -s /usr/share/java/{}.jar", module.artifact)).collect();
    draft.test = Some(jars.join("\n"));
    if text.contains("<dependencies>") || modules.len() > 1 {
        draft.check("the package has the jars that the project builds: jars that they need at run time are not in it, name the distribution's packages of them in [package] requires");
    }
}

/// The modules that make jars and are no tests, examples or measurements.
fn modules(tree: &Tree, version: Option<&str>) -> Vec<Module> {
    let mut found = Vec::new();
    for (path, text) in tree.texts(|path| base_name(path) == POM) {
        let folder = path.strip_suffix(POM).unwrap_or_default();
        let own = own_part(text);
        let packaging = element(&own, "packaging").unwrap_or_else(|| "jar".to_owned());
        let Some(artifact) = element(&own, "artifactId").filter(|name| is_plain_word(name)) else { continue };
        let aside = ["test", "example", "sample", "demo", "benchmark", "metrics", "integration", "archetype", "src"];
        let is_aside =
            folder.split('/').chain([artifact.as_str()]).any(|part| aside.iter().any(|word| part.contains(word)));
        if !["jar", "bundle", "maven-plugin"].contains(&packaging.as_str())
            || is_aside
            || !(folder.is_empty() || is_plain_path(folder.trim_end_matches('/')))
        {
            continue;
        }
        let own_version = element(&own, "version").filter(|version| is_plain_word(version));
        found.push(Module { folder: folder.to_owned(), artifact, version: own_version.or(version.map(str::to_owned)) });
    }
    // A folder that no module lists is built by hand, if at all.
    let listed = |folder: &str| {
        folder.is_empty() || {
            let folder = folder.trim_end_matches('/');
            let (above, name) =
                folder.rsplit_once('/').map_or((String::new(), folder), |(above, name)| (format!("{above}/"), name));
            let named = |text: &str| text.contains(&format!("<module>{name}</module>"));
            tree.text(&format!("{above}{POM}")).is_some_and(named)
                || tree.text(POM).is_some_and(|text| text.contains(&format!("<module>{folder}</module>")))
        }
    };
    found.retain(|module| listed(&module.folder));
    found.truncate(100);
    found
}

/// `1.2-SNAPSHOT` comes before `1.2`.
fn plain_version(version: &str) -> String {
    version.replace("-SNAPSHOT", "~snapshot")
}

/// What a pom.xml says of the module itself, without its parent, what it depends on and how it is built.
fn own_part(text: &str) -> String {
    let mut own = without(text, "<!--", "-->");
    for name in [
        "parent",
        "dependencies",
        "dependencyManagement",
        "build",
        "profiles",
        "properties",
        "licenses",
        "developers",
        "contributors",
        "scm",
        "organization",
        "issueManagement",
        "distributionManagement",
        "reporting",
    ] {
        own = without(&own, &format!("<{name}>"), &format!("</{name}>"));
    }
    own
}

fn without(text: &str, open: &str, close: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        plain.push_str(before);
        rest = after.split_once(close).map_or("", |(_, after)| after);
    }
    plain + rest
}

/// What stands in the first element of a name.
fn section<'a>(text: &'a str, name: &str) -> &'a str {
    let inner = text.split_once(&format!("<{name}>")).map(|(_, after)| after);
    inner.and_then(|after| after.split_once(&format!("</{name}>"))).map_or("", |(inner, _)| inner)
}

fn element(text: &str, name: &str) -> Option<String> {
    let inner = section(text, name).trim();
    (!inner.is_empty() && !inner.contains("${")).then(|| inner.replace("&amp;", "&"))
}
