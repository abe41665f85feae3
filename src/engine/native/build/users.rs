//! Users and groups by name, as the tables of a container have them (passwd(5), group(5)).

use super::entries;
use super::stage::Position;
use crate::engine::native::container::NativeContainer;
use crate::engine::{EngineError, GuestPath};
use crate::types::printable;

/// More is no table of a build's users.
const LARGEST_TABLE: u64 = 4 << 20;

/// USER: the user, and where none is named its own group.
pub(super) async fn of_process(
    position: &Position<'_>,
    container: &NativeContainer,
    user: &str,
) -> Result<(u32, u32), EngineError> {
    if user.is_empty() {
        return Ok((0, 0));
    }
    let (user, group) = split(user);
    let table = table(container, "/etc/passwd").await?;
    let (id, own_group) = match user.parse() {
        Ok(id) => (id, in_passwd(&table, |fields| fields[2].parse() == Ok(id)).map_or(0, |(_, group)| group)),
        Err(_) => {
            in_passwd(&table, |fields| fields[0] == user).ok_or_else(|| unknown(position, "user", user, "passwd"))?
        }
    };
    match group {
        Some(group) => Ok((id, group_id(position, container, group).await?)),
        None => Ok((id, own_group)),
    }
}

/// `--chown`: the user, and where no group is named the one of the same number (Dockerfile reference).
pub(super) async fn of_files(
    position: &Position<'_>,
    container: &NativeContainer,
    owner: &str,
) -> Result<(u32, u32), EngineError> {
    let (user, group) = split(owner);
    let id = match user.parse() {
        Ok(id) => id,
        Err(_) => {
            let table = table(container, "/etc/passwd").await?;
            in_passwd(&table, |fields| fields[0] == user).ok_or_else(|| unknown(position, "user", user, "passwd"))?.0
        }
    };
    match group {
        Some(group) => Ok((id, group_id(position, container, group).await?)),
        None => Ok((id, id)),
    }
}

async fn group_id(position: &Position<'_>, container: &NativeContainer, group: &str) -> Result<u32, EngineError> {
    if let Ok(id) = group.parse() {
        return Ok(id);
    }
    let table = table(container, "/etc/group").await?;
    in_group(&table, group).ok_or_else(|| unknown(position, "group", group, "group"))
}

fn unknown(position: &Position<'_>, what: &str, name: &str, file: &str) -> EngineError {
    position.wrong(format!("{what} `{}` is not in /etc/{file} of the stage", printable(name)))
}

fn split(owner: &str) -> (&str, Option<&str>) {
    match owner.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (owner, None),
    }
}

/// An image without one knows numbers only.
async fn table(container: &NativeContainer, path: &str) -> Result<String, EngineError> {
    let content = entries::file(container, &GuestPath::new(path), LARGEST_TABLE).await?;
    Ok(String::from_utf8_lossy(&content.unwrap_or_default()).into_owned())
}

fn in_passwd(table: &str, is_wanted: impl Fn(&[&str]) -> bool) -> Option<(u32, u32)> {
    let mut lines = table.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let fields = lines.find(|fields| fields.len() >= 4 && is_wanted(fields))?;
    Some((fields[2].parse().ok()?, fields[3].parse().ok()?))
}

fn in_group(table: &str, name: &str) -> Option<u32> {
    let mut lines = table.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find(|fields| fields.len() >= 3 && fields[0] == name)?[2].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_by_name_and_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbad\nbuild:x:1000:100::/tmp:/bin/sh\n";
        assert_eq!(in_passwd(passwd, |fields| fields[0] == "build"), Some((1000, 100)));
        assert_eq!(in_passwd(passwd, |fields| fields[2] == "1000"), Some((1000, 100)));
        assert_eq!(in_passwd(passwd, |fields| fields[0] == "bad"), None);
        assert_eq!(in_group("root:x:0:\nusers:x:100:a,b\n", "users"), Some(100));
        assert_eq!(split("a:"), ("a", None));
        assert_eq!(split("a:b"), ("a", Some("b")));
    }
}
