//! Arguments of the commands that sign and publish.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::values::format_parser;
use crate::types::Format;

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct KeyArgs {
    /// What signs: a file with a secret key, or the fingerprint of a key of GnuPG [default: [sign] in the configuration]
    ///
    /// Never a key or a passphrase itself: others see the arguments of a process. docs/config.md says where a passphrase is
    /// read from, and how a program signs. Given twice, both sign, while users go over from the first to the second
    /// (docs/repo.md).
    // Who gives a key itself is told not to, without it being shown.
    #[arg(long, value_name = "FILE|FINGERPRINT", allow_hyphen_values = true)]
    pub sign_key: Vec<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SignArgs {
    /// Files, and folders with files to sign
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Write what is signed into this folder, and leave the files as they are; paths in folders stay
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub key: KeyArgs,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct VerifySignatureArgs {
    /// Files that are to be signed
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The public keys, of which one has to have signed: armoured or binary
    #[arg(long, value_name = "FILE", required = true)]
    pub key: PathBuf,
}

#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct RepoArgs {
    #[command(subcommand)]
    pub command: Option<RepoCommand>,
    /// The folder of the repositories, made if it is not there
    #[arg(value_name = "DIR", required = true)]
    pub folder: Option<PathBuf>,
    /// Folders that farm built into, folders of packages, or packages [default: dist]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Only packages for apt, which are .deb
    #[arg(long)]
    pub apt: bool,
    /// Only packages for dnf and zypper, which are .rpm
    #[arg(long)]
    pub rpm: bool,
    /// The repository that packages go to [default: of what farm built, by its distribution: `bookworm`, `fedora-44`]
    #[arg(long, value_name = "NAME")]
    pub suite: Option<String>,
    /// Who the packages are from, for those who prefer one repository to others [default: as before, else farm]
    #[arg(long, value_name = "TEXT")]
    pub origin: Option<String>,
    /// What the repository is called [default: as before, else farm]
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    /// Where users will find DIR, for setup/ [default: as before, else DIR as a file URL]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Make apt refuse the indexes after so many days; a run after half of them signs anew [default: as before, else 0, never]
    #[arg(long, value_name = "DAYS")]
    pub valid_days: Option<u32>,
    /// Compress the indexes of .rpm packages with zstd, or with gzip, which every dnf and zypper reads [default: as before,
    /// else gzip]
    #[arg(long, value_name = "KIND", value_parser = ["gzip", "zstd"])]
    pub compression: Option<String>,
    /// Remove all but the newest so many versions of each package, and what those that stay need
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,
    /// Remove versions that a newer one has replaced more than so many days ago; with --keep, what one of the two keeps stays
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(..=36_500))]
    pub keep_days: Option<u32>,
    /// Sign nothing: clients will have to be told that they are to trust everybody
    #[arg(long, conflicts_with = "sign_key")]
    pub unsigned: bool,
    #[command(flatten)]
    pub key: KeyArgs,
}

impl RepoArgs {
    /// Whether packages of a format are meant.
    pub(crate) fn takes(&self, format: Format) -> bool {
        match format {
            Format::Deb => self.apt || !self.rpm,
            Format::Rpm => self.rpm || !self.apt,
        }
    }
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum RepoCommand {
    /// Read everything again, as apt and dnf would: signatures, dates, every index, every package
    ///
    /// Exit code 12 when something would be refused. A state that is older than one that was checked here before is a replay,
    /// and found, too.
    Check {
        /// The folder of the repositories
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// The public keys, of which one has to have signed [default: key.asc in DIR, which proves nothing of who wrote it]
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Accept that nothing is signed
        #[arg(long, conflicts_with = "key")]
        unsigned: bool,
    },
    /// Remove packages
    ///
    /// Their files stay until there is another state, for those who have just read the index.
    Remove {
        /// The folder of the repositories
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Names of packages, or NAME=VERSION
        #[arg(value_name = "PACKAGE", required = true)]
        packages: Vec<String>,
        /// Only from this repository: `bookworm`, `fedora-44`
        #[arg(long, value_name = "NAME")]
        suite: Option<String>,
        /// Only packages of this format
        #[arg(long = "format", value_name = "FORMAT", value_parser = format_parser())]
        format: Option<Format>,
        /// Sign nothing
        #[arg(long, conflicts_with = "sign_key")]
        unsigned: bool,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Put packages of one repository into another, as they are
    ///
    /// Nothing is built again: the same files are in both, and the other one is made if it is not there.
    Promote {
        /// The folder of the repositories
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// The repository that they are in: `testing`
        #[arg(value_name = "FROM")]
        from: String,
        /// The repository that they are to be in, too: `stable`
        #[arg(value_name = "TO")]
        to: String,
        /// Names of packages, or NAME=VERSION
        #[arg(value_name = "PACKAGE", required = true)]
        packages: Vec<String>,
        /// Sign nothing
        #[arg(long, conflicts_with = "sign_key")]
        unsigned: bool,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Keep what all repositories have now under a name, to come back to it
    ///
    /// It takes no room: packages stay as long as a snapshot has them. Without NAME the snapshots are listed.
    Snapshot {
        /// The folder of the repositories
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// What it is called: `2026-11`, `before-5.0`
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// Forget this snapshot
        #[arg(long, requires = "name")]
        remove: bool,
    },
    /// Give all repositories the packages again that they had before
    ///
    /// It is a new state, so that clients which have seen the last one take it; they do not downgrade what is installed by
    /// themselves. Repositories that the snapshot does not know stay as they are.
    Rollback {
        /// The folder of the repositories
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// The snapshot to come back to [default: what each repository had before its last change]
        #[arg(value_name = "SNAPSHOT")]
        snapshot: Option<String>,
        /// Sign nothing
        #[arg(long, conflicts_with = "sign_key")]
        unsigned: bool,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Send the repositories to where users read them: a folder, an S3-compatible store, a web server, a host over ssh
    ///
    /// Only what the target lacks is sent: packages first, signed indexes last, so that a client finds the last state or the
    /// new one. A run that was interrupted is gone on with by the next one. Keys and passwords are never part of the command
    /// line: docs/publish.md says where they are read from.
    Publish(PublishArgs),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PublishArgs {
    /// The folder of the repositories
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Where to: a folder, s3://BUCKET/PREFIX, https://HOST/FOLDER of a server that takes files by PUT, or
    /// ssh://USER@HOST/FOLDER
    #[arg(value_name = "TARGET")]
    pub target: String,
    /// The address of an S3-compatible store [default: [s3] in the configuration, AWS_ENDPOINT_URL, ~/.aws, or Amazon's]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// The region of the store [default: [s3] in the configuration, AWS_REGION, ~/.aws, or us-east-1]
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// The part of ~/.aws/credentials and ~/.aws/config to use [default: [s3] in the configuration, AWS_PROFILE]
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Remove files so many minutes after nothing names them any more, and no sooner: clients that have just read the last
    /// state ask for them
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    pub grace: u32,
    /// Say what would be sent and removed, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Publish even if the target was published from another folder, or another run of farm seems to be at work there
    #[arg(long)]
    pub take_over: bool,
}
