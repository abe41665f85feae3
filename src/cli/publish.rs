//! `farm repo publish`: who publishes, and how it is told. The rest is `publish`'s.

use std::time::Duration;

use super::args::PublishArgs;
use super::config::{Config, variables};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Bar};
use super::signals;
use crate::publish::{self, Environment, Publisher, Request, S3Settings};
use crate::report::count;
use crate::types::{human_bytes, printable};

pub(crate) async fn run(args: &PublishArgs) -> Result<Exit, Failure> {
    let config = Config::load()?;
    let (user, host) = who();
    let request = Request {
        root: args.folder.clone(),
        target: args.target.clone(),
        s3: S3Settings {
            endpoint: args.endpoint.clone().or(config.s3.endpoint),
            region: args.region.clone().or(config.s3.region),
            profile: args.profile.clone().or(config.s3.profile),
        },
        environment: Environment::new(variables()),
        publisher: Publisher::new(format!("{user}@{host}"), host, args.take_over),
        grace: Duration::from_secs(60 * u64::from(args.grace)),
        is_dry: args.dry_run,
    };
    let cancel = signals::cancel_on_signal()?;
    let bar = Bar::here();
    let published = publish::publish(request, &bar, &cancel).await?;
    drop(bar);
    for note in &published.notes {
        output::err(&format!("warning: {note}\n"));
    }
    if args.dry_run {
        for (path, size) in &published.sent {
            output::out(&format!("would send {} ({})\n", printable(path), human_bytes(*size)));
        }
        for path in &published.removed {
            output::out(&format!("would remove {}\n", printable(path)));
        }
    }
    let size = published.sent.iter().map(|(_, size)| size).sum();
    let sent = match published.sent.len() {
        0 => "nothing to send".to_owned(),
        files if args.dry_run => format!("{} to send, {}", count(files, "file", "files"), human_bytes(size)),
        files => format!("{} sent, {}", count(files, "file", "files"), human_bytes(size)),
    };
    let mut rest = vec![format!("{} unchanged", published.unchanged)];
    if !published.removed.is_empty() {
        let word = if args.dry_run { "to remove" } else { "removed" };
        rest.push(format!("{} {word}", published.removed.len()));
    }
    if published.retired > 0 {
        rest.push(format!("{} kept for those who have just read the last state", published.retired));
    }
    output::out(&format!("{sent}; {}\n", rest.join(", ")));
    Ok(Exit::Success)
}

/// Whom another publisher will be told of.
fn who() -> (String, String) {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = variable("USER").or_else(|| variable("LOGNAME")).unwrap_or_else(|| "somebody".to_owned());
    #[cfg(unix)]
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    #[cfg(not(unix))]
    let host = variable("COMPUTERNAME");
    (printable(&user), printable(&host.unwrap_or_else(|| "an unnamed host".to_owned())))
}
