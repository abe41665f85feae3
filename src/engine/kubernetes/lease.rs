//! The lease of a pod: a file that farm makes again and again and that the pod's first process takes away. When it was not
//! there for a while, farm is gone, however it went, and the pod ends.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use super::process::Process;

/// How often the file is made.
const RENEWAL: Duration = Duration::from_secs(4);
/// A cluster that does not answer for so long is asked anew.
const START_TIMEOUT: Duration = Duration::from_secs(8);
/// Before the connection that the file is made by is opened anew.
const PAUSE: Duration = Duration::from_secs(1);

/// PID 1: it counts seconds without the file, two at a time, and collects orphans, which `wait` does.
pub(super) const IDLE: &str = "trap 'exit 0' TERM INT
left=15
while [ \"$left\" -gt 0 ]; do
    sleep 2 &
    wait $!
    if [ -e /dev/farm-lease ]; then
        rm -f /dev/farm-lease
        left=10
    else
        left=$((left - 1))
    fi
done
";

const RENEW: &str = "while read -r _; do : >/dev/farm-lease; done";

/// Keeps the lease until the task is ended.
pub(super) fn keep(pods: Api<Pod>, name: String) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let started = tokio::time::timeout(START_TIMEOUT, Process::start(&pods, &name, RENEW)).await;
            if let Ok(Ok(process)) = started {
                renew(process).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    })
}

/// Until the connection ends.
async fn renew(mut process: Process) {
    loop {
        let line = async {
            process.input.write_all(b"\n").await?;
            process.input.flush().await
        };
        if line.await.is_err() {
            return;
        }
        // Nothing is printed: what comes is the end.
        if tokio::time::timeout(RENEWAL, process.output.next()).await.is_ok() {
            return;
        }
    }
}
