//! A zip archive -> entries of the tree, in the order of its directory. Stored and deflated files are read; what is
//! encrypted or packed in rarer ways is refused.

use std::fs::File;
use std::io::{self, BufReader, Read};

use zip::ZipArchive;

use super::SourceError;
use super::layout::{Destination, Layout};
use super::tree::{FIXED_TIME, LONGEST_NAME, TreeWriter, refused, shown};

/// What a zip archive begins with.
pub(super) const MAGIC: &[u8] = b"PK\x03\x04";

/// Adds the entries of the archive in `file`.
pub(super) fn add_zip(
    tree: &mut TreeWriter<'_>,
    file: File,
    origin: &str,
    layout: &mut Layout<'_>,
) -> Result<(), SourceError> {
    let bad = |error: zip::result::ZipError| refused(origin, format!("is a damaged or unusual zip archive: {error}"));
    let mut archive = ZipArchive::new(BufReader::with_capacity(128 * 1024, file)).map_err(bad)?;
    for index in 0..archive.len() {
        let about = archive.by_index_raw(index).map_err(bad)?;
        let raw_name = about.name_raw().to_vec();
        if about.encrypted() {
            return Err(refused(origin, format!("{} is encrypted", shown(&raw_name))));
        }
        drop(about);
        let mut entry = archive.by_index(index).map_err(bad)?;
        let time = entry.last_modified().and_then(seconds).unwrap_or(FIXED_TIME);
        let place = layout.place(&raw_name, entry.is_dir()).map_err(|reason| refused(origin, reason))?;
        let Destination::At(name) = place else { continue };
        if entry.is_dir() {
            tree.folder(origin, &name, time)?;
        } else if entry.is_symlink() {
            let mut target = Vec::new();
            (&mut entry).take(LONGEST_NAME as u64 + 1).read_to_end(&mut target).map_err(|error| bad(error.into()))?;
            tree.symlink(origin, &name, &target, time)?;
        } else {
            let (size, executable) = (entry.size(), entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0));
            tree.file(origin, &name, (size, executable, time), &mut entry)?;
            // The checksum is looked at when there is no more to read.
            let more = io::copy(&mut (&mut entry).take(1), &mut io::sink()).map_err(|error| bad(error.into()))?;
            if more > 0 {
                return Err(refused(origin, format!("{} is longer than it says", shown(&raw_name))));
            }
        }
    }
    Ok(())
}

/// Zip archives write local time and do not say where: taken for UTC, everywhere.
fn seconds(time: zip::DateTime) -> Option<i64> {
    let (year, month, day) = (i32::from(time.year()), u32::from(time.month()), u32::from(time.day()));
    let day = chrono::NaiveDate::from_ymd_opt(year, month, day)?;
    let (hour, minute, second) = (u32::from(time.hour()), u32::from(time.minute()), u32::from(time.second()));
    Some(day.and_hms_opt(hour, minute, second.min(59))?.and_utc().timestamp())
}
