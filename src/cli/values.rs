//! How values of options are read, beyond what clap does by itself. What is wrong with one is said in its words.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::recipe::SIZES;
use crate::types::Format;

/// An address that a recipe may have, checked before it is fetched.
pub(super) fn source_url(text: &str) -> Result<String, String> {
    crate::recipe::check_source_url(text).map(|()| text.to_owned())
}

pub(super) fn format_parser() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::as_str))
        .map(|name| if name == Format::Deb.as_str() { Format::Deb } else { Format::Rpm })
}

pub(super) fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, as channel=stable")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// How many at a time.
pub(super) fn jobs(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|jobs| *jobs > 0).ok_or_else(|| "expected a number from 1 on, as -j4".to_owned())
}

/// `5G`, `500 MB`, `2GiB`, `0`: bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || "expected a whole number with a unit, as 5G or 500M".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    // As people write them to df and its like: in any case, and without the B.
    let is_it = |name: &str| {
        name.eq_ignore_ascii_case(unit)
            || name.strip_suffix('B').is_some_and(|short| short.eq_ignore_ascii_case(unit) && !short.ends_with('i'))
    };
    let (_, bytes) = SIZES.iter().find(|(name, _)| is_it(name)).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(*bytes).ok_or_else(|| "that is more than any disk has".to_owned())
}

pub(super) fn mirror(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or("expected NAME=URL, as debian=http://mirror.example.org/debian")?;
    if !is_archive(name) {
        return Err(format!("`{name}` is not the name of an archive: letters, digits and `-`"));
    }
    if !is_mirror(url) {
        return Err(format!("`{url}` is not an http, https or file URL"));
    }
    Ok((name.to_owned(), url.trim_end_matches('/').to_owned()))
}

/// Whether mirrors are chosen for archives of such a name.
pub(crate) fn is_archive(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Whether a mirror can be there.
pub(crate) fn is_mirror(url: &str) -> bool {
    let plain = !url.chars().any(|c| c.is_whitespace() || c.is_control());
    plain && ["http://", "https://", "file:///"].iter().any(|scheme| url.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_a_name_and_a_url() {
        assert_eq!(
            mirror("debian=http://m.example.org/debian/"),
            Ok(("debian".into(), "http://m.example.org/debian".into()))
        );
        assert!(mirror("http://m.example.org").is_err());
        assert!(mirror("debian=ftp://m.example.org").is_err());
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("7b", 7),
            ("5G", 5_000_000_000),
            ("1500kB", 1_500_000),
            ("500 MB", 500_000_000),
            ("2gib", 2 << 30),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "5 X", "5Gi", "1.5G", "99999999999999999999", "99999999T"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
