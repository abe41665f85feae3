//! Another host by way of the system's `ssh`, with the user's own configuration, keys and agent: what works by hand works
//! here. Nobody is asked anything.

/// The program and its first arguments, for hosts that need others than `~/.ssh/config` says.
pub(crate) const PROGRAM: &str = "FARM_SSH";
/// A connection that is gone is noticed.
const OPTIONS: [&str; 4] = ["BatchMode=yes", "ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=4"];

/// What `ssh://[USER@]HOST[:PORT]` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshHost {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

impl SshHost {
    /// `authority`: what stands between `ssh://` and the next slash.
    ///
    /// # Errors
    /// In words that read after the address.
    pub(crate) fn parse(authority: &str) -> Result<SshHost, &'static str> {
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err("it has a password, and others see the arguments of a process: ssh-agent has keys");
        }
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse().map_err(|_| "its port is no number")?))
            }
            _ => (host, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        for word in [Some(host), user].into_iter().flatten() {
            // ssh would take it for an option.
            if word.is_empty() || word.starts_with('-') || word.chars().any(|c| c.is_whitespace() || c.is_control()) {
                return Err("its user or host is no name");
            }
        }
        Ok(SshHost { user: user.map(str::to_owned), host: host.to_owned(), port })
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// `ssh://USER@HOST:PORT`
    pub(crate) fn shown(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("ssh://{user}{host}{port}")
    }

    /// The words of a command: `program` ([`PROGRAM`]; none is `ssh`), `more` arguments, the host, and what it is asked for.
    pub(crate) fn command(&self, program: Option<&str>, more: &[&str], asked: &[&str]) -> Vec<String> {
        let mut words: Vec<String> = program.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            words.push("ssh".to_owned());
        }
        let mut add = |more: &[&str]| words.extend(more.iter().map(|word| (*word).to_owned()));
        for option in OPTIONS {
            add(&["-o", option]);
        }
        add(more);
        if let Some(port) = self.port {
            add(&["-p", &port.to_string()]);
        }
        if let Some(user) = &self.user {
            add(&["-l", user]);
        }
        add(&["--", &self.host]);
        add(asked);
        words
    }
}

/// What helps when ssh made no connection for this reason: it reads after the reason.
pub(crate) fn help(reason: &str, host: &str) -> String {
    match reason.contains("Host key verification failed") {
        true => format!("; `ssh {}` once by hand shows its key, and keeps it", crate::types::printable(host)),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_as_ssh_means_them() {
        let command = |authority: &str| {
            let host = SshHost::parse(authority).unwrap();
            assert_eq!(host.shown(), format!("ssh://{authority}"));
            host.command(None, &["-T"], &["cat"]).join(" ").replace(&format!("-o {}", OPTIONS.join(" -o ")), "…")
        };
        assert_eq!(command("host"), "ssh … -T -- host cat");
        assert_eq!(command("me@host:2222"), "ssh … -T -p 2222 -l me -- host cat");
        assert_eq!(command("me@[::1]:22"), "ssh … -T -p 22 -l me -- ::1 cat");
        let program = SshHost::parse("h").unwrap().command(Some("/opt/ssh -F x"), &[], &[]);
        assert_eq!(program[..3], ["/opt/ssh", "-F", "x"]);
        for wrong in ["", "-oProxyCommand=x", "me:secret@host", "host:x", "a b", "-l@host", "me@"] {
            assert!(SshHost::parse(wrong).is_err(), "{wrong}");
        }
    }
}
