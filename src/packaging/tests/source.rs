//! Source packages.

use super::*;

#[test]
fn a_source_package_is_made_with_nothing_but_the_toolchain() {
    let recipe = recipe();
    for (format, manager) in [(Format::Deb, PackageManager::Apt), (Format::Rpm, PackageManager::Dnf)] {
        let distro = distro(format, manager);
        let made = source(&in_words(&recipe), &distro, 0);
        assert!(made.expected.is_empty());
        let [step] = &made.steps[..] else { panic!("{:?}", made.steps) };
        assert!(!step.env.contains_key(MANIFEST_VARIABLE), "nothing is installed");
        let built = generate(&in_words(&recipe), &distro, 0);
        assert_eq!(made.files, built.files, "it holds what binary packages are built with");
        let output = std::process::Command::new("sh").args(["-n", "-c", &step.script]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        match format {
            Format::Deb => {
                assert!(step.script.contains("\ndpkg-source $options -b \"$top\"\n"), "{}", step.script);
                assert!(
                    matches!(&made.sources, SourceLayout::Originals { folder, .. } if folder == "/build/originals")
                );
            }
            Format::Rpm => {
                assert!(step.script.contains("\nset -- -bs --nodeps"), "{}", step.script);
                assert_eq!(made.sources, built.sources);
            }
        }
        let mut with_more = recipe.clone();
        with_more.build.requires.push("only-for-the-build".to_owned());
        let builder = source_builder(&in_words(&with_more), &distro);
        let Requirements::Listed(listed) = &builder.requirements else { panic!("{builder:?}") };
        assert!(!listed.contains(&"only-for-the-build".to_owned()), "{listed:?}");
    }
}

#[test]
fn patches_that_dpkg_source_cannot_apply_by_itself_become_one() {
    let distro = distro(Format::Deb, PackageManager::Apt);
    let series = |strip: u32| {
        let mut recipe = recipe();
        recipe.sources.truncate(1);
        recipe.sources[0].fuzz = 0;
        recipe.sources[0].into = ".".to_owned();
        recipe.sources[0].patches = vec![Patch { path: "fix/water.patch".to_owned(), strip, place: None }];
        let script = source(&in_words(&recipe), &distro, 0).steps[0].script.clone();
        script.lines().find(|line| line.starts_with("series=")).unwrap().to_owned()
    };
    assert_eq!(series(1), "series=0001-water.patch patches=0001-water.patch");
    assert_eq!(series(0), "series='' patches=0001-water.patch");
}
