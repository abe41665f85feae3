//! What a container gets for its scripts: files, a PATH, and lines of farm's own among what they print.

use std::collections::BTreeSet;
use std::io;

use bytes::Bytes;

use super::{FileContent, ImageError};
use crate::engine::{EngineError, OutputSink, OutputStream};

/// The `PATH` of scripts: a bootstrapped base says nothing about it.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) async fn say(sink: &mut dyn OutputSink, line: &str) -> Result<(), ImageError> {
    let written = sink.write(OutputStream::Stdout, Bytes::from(format!("{line}\n"))).await;
    written.map_err(|source| EngineError::Sink(source).into())
}

pub(super) fn add_files(tar: &mut tar::Builder<&mut dyn io::Write>, files: &[(String, FileContent)]) -> io::Result<()> {
    let mut folders = BTreeSet::new();
    for (path, content) in files {
        // Engines want every folder named, and set the mode that is named: `/tmp` must stay what it is.
        for (at, _) in path.match_indices('/').filter(|(at, _)| *at > 0) {
            let folder = &path[..at];
            if folders.insert(folder) {
                let mode = if matches!(folder, "tmp" | "var/tmp") { 0o1777 } else { 0o755 };
                tar.append_data(&mut header(tar::EntryType::Directory, mode, 0), format!("{folder}/"), io::empty())?;
            }
        }
        match content {
            FileContent::Bytes(bytes) => {
                let mode = if bytes.starts_with(b"#!") { 0o755 } else { 0o644 };
                tar.append_data(&mut header(tar::EntryType::Regular, mode, bytes.len() as u64), path, &bytes[..])?;
            }
            FileContent::OnHost { path: place, .. } => {
                let file = std::fs::File::open(place)?;
                let mut header = header(tar::EntryType::Regular, 0o644, file.metadata()?.len());
                tar.append_data(&mut header, path, file)?;
            }
        }
    }
    Ok(())
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploaded_files_bring_their_folders_and_leave_tmp_open() {
        let mut out = Vec::new();
        let files = [("tmp/a/x", "#!/bin/sh"), ("tmp/a/y", "y")]
            .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec().into()));
        {
            let mut tar = tar::Builder::new(&mut out as &mut dyn io::Write);
            add_files(&mut tar, &files).unwrap();
            tar.finish().unwrap();
        }
        let seen: Vec<(String, u32)> = tar::Archive::new(&out[..])
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (entry.path().unwrap().display().to_string(), entry.header().mode().unwrap())
            })
            .collect();
        let expected = [("tmp/", 0o1777), ("tmp/a/", 0o755), ("tmp/a/x", 0o755), ("tmp/a/y", 0o644)];
        assert_eq!(seen, expected.map(|(path, mode)| (path.to_owned(), mode)));
    }
}
