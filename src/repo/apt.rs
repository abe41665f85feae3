//! A flat apt repository: `Packages`, and the `Release` that names it (sources.list(5), "the exact path form").

use sha2::{Digest, Sha256};

use super::{IndexFile, Package};
use crate::artifact::{self, ArtifactError};
use crate::formats::deb822;

/// Fields that an index adds, in lower case: a package cannot say them of itself.
const OF_THE_INDEX: [&str; 6] = ["filename", "size", "md5sum", "sha1", "sha256", "sha512"];

/// apt warns of a Release without one; the same packages are to give the same bytes.
const DATE: &str = "Mon, 01 Jan 1990 00:00:00 UTC";

pub(super) fn index(packages: &[&Package], origin: &str) -> Result<Vec<IndexFile>, ArtifactError> {
    let mut text = String::new();
    for Package { artifact, path } in packages {
        text.push_str(&deb822::without_fields(&artifact::deb_control(path)?, &OF_THE_INDEX));
        deb822::push(&mut text, "Filename", &format!("./{}", artifact.file_name));
        deb822::push(&mut text, "Size", &artifact.size_bytes.to_string());
        deb822::push(&mut text, "SHA256", &artifact.sha256);
        text.push('\n');
    }
    let packages = text.into_bytes();
    let release = format!(
        "Origin: {origin}\nLabel: {origin}\nDate: {DATE}\nSHA256:\n {} {} Packages\n",
        hex::encode(Sha256::digest(&packages)),
        packages.len()
    );
    let file = |path: &str, content| IndexFile { path: path.to_owned(), content };
    Ok(vec![file("Packages", packages), file("Release", release.into_bytes())])
}
