//! Package URLs (github.com/package-url/purl-spec): one name for a package that scanners know.

use crate::types::Format;

/// Of a package of a distribution: `os` and `os_version` as os-release(5) has them.
pub(super) fn of_package(
    format: Format,
    os: Option<&str>,
    os_version: Option<&str>,
    (name, version, architecture): (&str, &str, &str),
) -> String {
    let kind = match format {
        Format::Deb => "deb",
        Format::Rpm => "rpm",
    };
    // RPM's epoch is no part of the version there.
    let (epoch, version) = match (format, version.split_once(':')) {
        (Format::Rpm, Some((epoch, version))) => (Some(epoch), version),
        _ => (None, version),
    };
    let namespace = os.map(|os| format!("{}/", encoded(os))).unwrap_or_default();
    let distro = os.map(|os| os_version.map_or(os.to_owned(), |version| format!("{os}-{version}")));
    let qualifiers = [("arch", Some(architecture)), ("distro", distro.as_deref()), ("epoch", epoch)];
    let qualifiers: Vec<String> =
        qualifiers.iter().filter_map(|(key, value)| Some(format!("{key}={}", encoded((*value)?)))).collect();
    format!("pkg:{kind}/{namespace}{}@{}?{}", encoded(name), encoded(version), qualifiers.join("&"))
}

/// Of a module of a language; none of a language that is not known.
pub(super) fn of_module(ecosystem: &str, name: &str, version: &str) -> Option<String> {
    let (kind, name) = match ecosystem {
        "cargo" => ("cargo", name.to_owned()),
        "npm" => ("npm", name.to_owned()),
        "pip" => ("pypi", name.to_ascii_lowercase().replace('_', "-")),
        "go" => ("golang", name.to_ascii_lowercase()),
        _ => return None,
    };
    let path: Vec<String> = name.split('/').map(encoded).collect();
    Some(format!("pkg:{kind}/{}@{}", path.join("/"), encoded(version)))
}

/// All but unreserved characters and `:` in per cent.
fn encoded(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    text.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_written_as_its_own_rules_say() {
        let deb = of_package(Format::Deb, Some("debian"), Some("12"), ("libstdc++6", "1:2.1+b~1", "amd64"));
        assert_eq!(deb, "pkg:deb/debian/libstdc%2B%2B6@1:2.1%2Bb~1?arch=amd64&distro=debian-12");
        let rpm = of_package(Format::Rpm, Some("fedora"), None, ("bash", "2:5.2-1.fc44", "x86_64"));
        assert_eq!(rpm, "pkg:rpm/fedora/bash@5.2-1.fc44?arch=x86_64&distro=fedora&epoch=2");
        assert_eq!(of_package(Format::Rpm, None, None, ("a", "1-1", "noarch")), "pkg:rpm/a@1-1?arch=noarch");
        for (ecosystem, name, expected) in [
            ("cargo", "duck", "pkg:cargo/duck@1.0.0"),
            ("npm", "@the/duck", "pkg:npm/%40the/duck@1.0.0"),
            ("pip", "Big_Duck", "pkg:pypi/big-duck@1.0.0"),
            ("go", "example.org/Duck", "pkg:golang/example.org/duck@1.0.0"),
        ] {
            assert_eq!(of_module(ecosystem, name, "1.0.0").as_deref(), Some(expected));
        }
        assert_eq!(of_module("other", "x", "1"), None);
    }
}
