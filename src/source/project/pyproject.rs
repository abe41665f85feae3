//! What a pyproject.toml asks for, in the words that `%pyproject_buildrequires` has for it: the requirements of its build back
//! end (PEP 518), and, unless told not to, of the project itself (PEP 621). Versions that RPM's words do not have are left out.

use toml::{Table, Value};

use crate::capability::pep503;

/// Requirements as a .spec would have them, and whether they are surely needed. `words` are the macro's own: `-R`, `-x tests`.
pub(super) fn required(content: Option<&str>, words: &[String]) -> Vec<(String, bool)> {
    let mut found =
        vec![("python3-pip".to_owned(), true), ("python3-wheel".to_owned(), true), ("python3-devel".to_owned(), true)];
    let table: Table = content.and_then(|content| content.parse().ok()).unwrap_or_default();
    let list = |value: Option<&Value>| -> Vec<String> {
        let items = value.and_then(Value::as_array).into_iter().flatten();
        items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let build = table.get("build-system").and_then(|build| build.get("requires"));
    match build {
        Some(build) => found.extend(list(Some(build)).iter().filter_map(|text| requirement(text))),
        None => found.push(("python3dist(setuptools)".to_owned(), true)),
    }
    if words.iter().any(|word| word == "-R" || word == "-N") {
        return found;
    }
    let project = table.get("project");
    let of_project = |key: &str| project.and_then(|project| project.get(key));
    found.extend(list(of_project("dependencies")).iter().filter_map(|text| requirement(text)));
    let extras = words.windows(2).filter(|pair| pair[0] == "-x").flat_map(|pair| pair[1].split(','));
    for extra in extras {
        let of_extra = of_project("optional-dependencies").and_then(|extras| extras.get(extra));
        found.extend(list(of_extra).iter().filter_map(|text| requirement(text)));
    }
    found
}

/// `Foo.bar[x] >= 1.2, < 3 ; python_version < "3.9"` (PEP 508).
fn requirement(text: &str) -> Option<(String, bool)> {
    let (text, marker) = text.split_once(';').map_or((text, None), |(text, marker)| (text, Some(marker)));
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(text.trim_end().len());
    let name = pep503(text[..end].trim());
    if name.is_empty() {
        return None;
    }
    let versions = text[end..].trim();
    let versions = versions.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(versions, |(_, rest)| rest);
    let least = versions.trim_matches(['(', ')', ' ']).split(',').find_map(|one| one.trim().strip_prefix(">="));
    let is_plain = |version: &&str| !version.is_empty() && version.chars().all(|c| c.is_ascii_digit() || c == '.');
    let least = least.map(str::trim).filter(is_plain).map(|version| format!(" >= {version}")).unwrap_or_default();
    Some((format!("python3dist({name}){least}"), marker.is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_project_asks_for_is_said_as_a_spec_would() {
        let content = "[build-system]\nrequires = ['hatchling >= 1.2,<3', 'Foo_bar[x]~=1.0']\n[project]\ndependencies = \
            ['requests', 'tomli; python_version < \"3.11\"']\n[project.optional-dependencies]\ntests = ['pytest>=7.0rc1']\n";
        let shown = |content: Option<&str>, words: &[&str]| -> String {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let one = |(text, is_certain): (String, bool)| if is_certain { text } else { format!("{text}?") };
            required(content, &words)[3..].iter().cloned().map(one).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(
            shown(Some(content), &["-x", "tests"]),
            "python3dist(hatchling) >= 1.2, python3dist(foo-bar), python3dist(requests), python3dist(tomli)?, python3dist(pytest)"
        );
        assert_eq!(shown(Some(content), &["-R"]), "python3dist(hatchling) >= 1.2, python3dist(foo-bar)");
        assert_eq!(shown(None, &[]), "python3dist(setuptools)");
        assert_eq!(shown(Some("not toml ["), &[]), "python3dist(setuptools)");
    }
}
