//! Arguments of the commands that look after what farm keeps in an engine: images, containers, room on its disk.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::EngineArgs;
use crate::cli::values::{mirror, size};
use crate::types::Arch;

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct ImagesArgs {
    #[command(subcommand)]
    pub command: Option<ImagesCommand>,
    /// The list as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImagesCommand {
    /// All images of farm in a table; the default
    List {
        /// The list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove old images; what a build needs again is made again
    ///
    /// An image that a container or a younger image needs stays.
    Prune {
        /// Remove images made more than so many days ago
        #[arg(long, value_name = "DAYS", default_value_t = 14, conflicts_with = "all")]
        older_than: u16,
        /// Remove all images of farm, imported ones too, and package caches that an earlier farm left in the engine
        #[arg(long)]
        all: bool,
    },
    /// Make an image of a file
    ///
    /// The file is a tar of a root file system, an OCI image layout (a folder or a tar), or what `docker save` writes;
    /// gzip, xz, Zstandard and bzip2 are seen through. All engines make the same image of it. Device nodes and what is
    /// below /dev, /proc and /sys are left out.
    Import {
        /// Name of the image, `registry.example.org/rocky:9`, or a distribution, `rocky-9`: its builds begin with it then
        #[arg(value_name = "REF")]
        reference: String,
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Architecture that the image is for [default: the engine's]
        #[arg(long, value_name = "ARCH")]
        arch: Option<Arch>,
    },
    /// Get images from their registries as they are there today
    Pull {
        /// A distribution, `rocky-9`, or the name of an image, `registry.example.org/builder:1`
        #[arg(value_name = "DISTRO|REF", required = true)]
        names: Vec<String>,
        /// Architecture [default: the engine's]
        #[arg(long, value_name = "ARCH")]
        arch: Option<Arch>,
    },
    /// Bring base images up to date
    ///
    /// Of each base, the registry or the archive that it came from is asked; one that has not changed there stays. Targets
    /// of a base that has changed are built again by the next `farm build`.
    Update {
        /// Distributions [default: all whose base the engine has]
        #[arg(value_name = "DISTRO")]
        distros: Vec<String>,
        /// Architecture [default: the engine's]
        #[arg(long, value_name = "ARCH")]
        arch: Option<Arch>,
        /// Mirror to use for an archive, as `debian=http://mirror.example.org/debian`; can be repeated
        #[arg(long = "mirror", value_name = "NAME=URL", value_parser = mirror)]
        mirrors: Vec<(String, String)>,
    },
    /// Make base images from the distributions' own archives
    Bootstrap {
        #[arg(value_name = "DISTRO", required = true)]
        distros: Vec<String>,
        /// Architecture [default: the engine's]
        #[arg(long, value_name = "ARCH")]
        arch: Option<Arch>,
        /// Mirror to use for an archive, as `debian=http://mirror.example.org/debian`; can be repeated
        #[arg(long = "mirror", value_name = "NAME=URL", value_parser = mirror)]
        mirrors: Vec<(String, String)>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ReapArgs {
    /// Remove all containers that were kept of failed builds, too, not only those that are older than a week
    #[arg(long)]
    pub kept: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Check the store first: that no image lacks a layer, and none of its files has another content than it should
    ///
    /// Damaged images are named and removed, and the exit code is 10.
    #[arg(long)]
    pub verify: bool,
    /// Remove what was not used for the longest time, until what farm keeps takes at most SIZE, as `5G`
    ///
    /// Counted are images that farm made in the engine, each with all its layers, and what is in the cache folder: packages,
    /// indexes, downloads, prepared sources, modules, build caches and git mirrors. What a run uses now stays, and so do
    /// imported images and dist/: targets whose base is still there stay up to date. K, M, G and T are powers of 1000;
    /// KiB, MiB, GiB and TiB of 1024.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub keep: Option<u64>,
    /// Only show what `--keep` would remove
    #[arg(long, requires = "keep", conflicts_with = "verify")]
    pub dry_run: bool,
    #[command(flatten)]
    pub engine: EngineArgs,
}
