//! A flat apt repository: `Packages`, and the `Release` that names it (sources.list(5), "the exact path form").

use sha2::{Digest, Sha256};

use super::{IndexFile, ORIGIN, Package};
use crate::artifact::{self, ArtifactError};

/// Fields that an index adds: a package cannot say them of itself.
const OF_THE_INDEX: [&str; 6] = ["filename", "size", "md5sum", "sha1", "sha256", "sha512"];

pub(super) fn index(packages: &[&Package]) -> Result<Vec<IndexFile>, ArtifactError> {
    let mut text = String::new();
    for Package { artifact, path } in packages {
        text.push_str(&stanza(&artifact::deb_control(path)?));
        let (name, size, sha256) = (&artifact.file_name, artifact.size_bytes, &artifact.sha256);
        text.push_str(&format!("Filename: ./{name}\nSize: {size}\nSHA256: {sha256}\n\n"));
    }
    let packages = text.into_bytes();
    let release = format!(
        "Origin: {ORIGIN}\nLabel: {ORIGIN}\nSHA256:\n {} {} Packages\n",
        hex::encode(Sha256::digest(&packages)),
        packages.len()
    );
    let file = |path: &str, content| IndexFile { path: path.to_owned(), content };
    Ok(vec![file("Packages", packages), file("Release", release.into_bytes())])
}

/// The control file's fields without those of an index, each line ended.
fn stanza(control: &str) -> String {
    let mut kept = String::with_capacity(control.len());
    let mut keeps = true;
    for line in control.lines().filter(|line| !line.trim().is_empty()) {
        if !line.starts_with([' ', '\t']) {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            keeps = !OF_THE_INDEX.contains(&name.as_str());
        }
        if keeps {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_says_nothing_in_the_index_that_is_not_its_own() {
        let control = "Package: a\nSize: 1\nDescription: x\n more\n .\nFilename: /etc/shadow\n b\nVersion: 1\n\n";
        assert_eq!(stanza(control), "Package: a\nDescription: x\n more\n .\nVersion: 1\n");
    }
}
