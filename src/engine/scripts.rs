//! The scripts that drivers run in a container beside what they are asked to: the idle init process, the wrapper of each
//! exec, the killer of a session, and the reader of the memory counters. POSIX sh with built-ins only: all that a base
//! image must have for farm is `/bin/sh`.

use bytes::Bytes;

use crate::engine::Stats;

/// More output than this from a script of farm's own means that something else answered.
pub(super) const SCRIPT_OUTPUT_LIMIT: usize = 64 * 1024;
/// The digits of any process id, with room.
const PID_DIGITS: usize = 12;

/// PID 1. It holds the lease: its stdin is attached to farm's connection, and when that closes, however farm ended, the
/// read fails, the script ends, and the container is removed with all that runs in it. `wait` collects every orphan
/// that is handed to PID 1, so that no init program of the engine is needed (Podman's is often not installed).
pub(super) const IDLE: &str = r#"[ -s /etc/hosts ] || printf '127.0.0.1\tlocalhost farm\n::1\tlocalhost\n' >/etc/hosts
for name in localhost farm; do
    known=
    while read -r line || [ -n "$line" ]; do
        case " $line " in *[[:blank:]]"$name"[[:blank:]]*) known=1 ;; esac
    done </etc/hosts
    [ -n "$known" ] || printf '\n127.0.0.1\t%s\n' "$name" >>/etc/hosts
done
exec 3<&0
trap 'exit 0' TERM INT
{ while read -r _; do :; done; } <&3 &
exec 3<&-
wait $!
"#;

/// Says its process id in the first line of stdout, sets the limits that are the same on every engine (`common`), then
/// becomes the program. Here and not in the container's configuration, because a limit that the engine itself may not
/// set would keep the container from starting: so it is lowered where it is higher, and no more. The number of processes
/// is `-u` to some shells and `-p` to others. Engines start an exec as the leader of
/// a new session (runc and crun call setsid), so this id names everything that it leaves behind.
pub(super) const WRAP: &str = r#"echo $$
for limit in '-c 0' '-S -n 1024' '-H -n 16384' '-S -s 8192' '-l 8192' '-u 32768' '-p 32768'; do
    ulimit $limit
done 2>/dev/null
exec "$@""#;

/// What the wrapper said of its process id so far.
pub(super) enum Pid {
    /// Nobody will say it.
    Unwrapped,
    Awaited(Vec<u8>),
    Known(u32),
    /// The first line was something else: the wrapper never ran.
    Absent,
}

impl Pid {
    /// Takes the wrapper's first line, which `mark` ends, out of stdout; what is left is the program's. None while it is not
    /// all there.
    pub(super) fn take(&mut self, chunk: Bytes, mark: u8) -> Option<Bytes> {
        let Pid::Awaited(line) = self else { return Some(chunk) };
        let end = chunk.iter().position(|byte| !byte.is_ascii_digit());
        line.extend_from_slice(&chunk[..end.unwrap_or(chunk.len())]);
        if end.is_none() && line.len() <= PID_DIGITS {
            return None;
        }
        let number = std::str::from_utf8(line).ok().and_then(|digits| digits.parse().ok());
        match (end, number) {
            (Some(end), Some(number)) if chunk[end] == mark => {
                *self = Pid::Known(number);
                Some(chunk.slice(end + 1..))
            }
            _ => {
                let mut held_back = std::mem::take(line);
                held_back.extend_from_slice(&chunk[end.unwrap_or(chunk.len())..]);
                *self = Pid::Absent;
                Some(held_back.into())
            }
        }
    }
}

/// Kills every process of session `$1` until none is left. A session holds more than a process group: `timeout` and
/// interactive shells make groups of their own.
pub(super) const KILL_SESSION: &str = r#"
round=0
while [ "$round" -lt 200 ]; do
    round=$((round + 1))
    left=
    kill -KILL -- "-$1" 2>/dev/null
    for status in /proc/[0-9]*/status; do
        state= session=
        while read -r key value _; do
            case $key in
                State:) state=$value ;;
                NSsid:) session=$value; break ;;
            esac
        done 2>/dev/null <"$status"
        if [ "$session" = "$1" ] && [ "$state" != Z ] && [ "$state" != X ]; then
            pid=${status#/proc/}
            kill -KILL "${pid%/status}" 2>/dev/null
            left=1
        fi
    done
    [ -z "$left" ] && exit 0
done
exit 1
"#;

/// `oom_kill N` and `peak N`, from cgroup v1 or v2, as far as they can be read.
pub(super) const MEMORY: &str = r#"
for file in /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/memory.events; do
    [ -r "$file" ] && while read -r key value; do
        [ "$key" = oom_kill ] && echo "oom_kill $value"
    done <"$file"
done
for file in /sys/fs/cgroup/memory/memory.max_usage_in_bytes /sys/fs/cgroup/memory.peak; do
    [ -r "$file" ] && read -r value <"$file" && echo "peak $value"
done
exit 0
"#;

/// What [`MEMORY`] printed.
pub(super) fn memory(output: &str) -> Stats {
    let mut stats = Stats::default();
    for line in output.lines() {
        match line.split_once(' ') {
            Some(("oom_kill", count)) => stats.oom_kills = count.trim().parse().ok(),
            Some(("peak", bytes)) => stats.memory_peak_bytes = bytes.trim().parse().ok(),
            _ => {}
        }
    }
    stats
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::spec::common;

    #[test]
    fn the_wrapper_sets_what_all_engines_set() {
        let (files, most_files) = common::OPEN_FILES;
        let expected = [
            "'-c 0'".to_owned(),
            format!("'-S -n {files}'"),
            format!("'-H -n {most_files}'"),
            format!("'-S -s {}'", common::STACK >> 10),
            format!("'-l {}'", common::LOCKED_MEMORY >> 10),
            format!("'-u {}'", common::PROCESSES),
            format!("'-p {}'", common::PROCESSES),
        ];
        assert!(WRAP.contains(&format!("for limit in {}; do", expected.join(" "))));
    }

    #[test]
    fn memory_counters_are_optional() {
        let stats = memory("oom_kill 2\npeak 4096\n");
        assert_eq!(stats, Stats { oom_kills: Some(2), memory_peak_bytes: Some(4096) });
        assert_eq!(memory(""), Stats::default());
    }

    #[test]
    fn the_first_line_is_the_process_id() {
        let mut pid = Pid::Awaited(Vec::new());
        assert_eq!(pid.take(Bytes::from_static(b"12"), b'\n'), None);
        assert_eq!(pid.take(Bytes::from_static(b"3\nhello"), b'\n').unwrap(), "hello");
        assert!(matches!(pid, Pid::Known(123)));
        assert_eq!(pid.take(Bytes::from_static(b"4\n"), b'\n').unwrap(), "4\n");
        let mut pid = Pid::Awaited(Vec::new());
        assert_eq!(pid.take(Bytes::from_static(b"1sh: no"), b'\n').unwrap(), "1sh: no");
        assert!(matches!(pid, Pid::Absent));
    }
}
