//! A container of what was kept, for who works in it.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::guest::add_files;
use super::kept::Kept;
use super::{FileContent, ImageError, Images};
use crate::engine::{
    Container, ContainerSpec, ExecSpec, GuestPath, HOST_NAME, Limits, Network, OutputSink, OutputStream, labels,
};
use crate::network::ContainerNetwork;
use crate::stream;
use crate::types::Arch;

struct Nowhere;

#[async_trait::async_trait]
impl OutputSink for Nowhere {
    async fn write(&mut self, _stream: OutputStream, _chunk: bytes::Bytes) -> std::io::Result<()> {
        Ok(())
    }
}

impl Images {
    /// A running container of what was kept, and what its processes are given of this host's network: no image has it.
    pub(crate) async fn enter(
        &self,
        kept: &Kept,
        arch: Arch,
        run: &str,
    ) -> Result<(Box<dyn Container>, BTreeMap<String, String>), ImageError> {
        let said = [(labels::RUN, run), (labels::TARGET, kept.target()), (labels::KIND, "shell")];
        let spec = ContainerSpec {
            image: kept.image.id.clone(),
            arch,
            name: format!("farm-{run}-shell"),
            host_name: HOST_NAME,
            network: kept.network,
            limits: Limits { memory_bytes: None, pids: None, cpuset: None },
            labels: said.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        };
        let container = self.engine.create(&spec).await?;
        match self.begin(&*container, kept.network).await {
            Ok(env) => Ok((container, env)),
            Err(error) => {
                container.remove().await?;
                Err(error)
            }
        }
    }

    async fn begin(&self, container: &dyn Container, network: Network) -> Result<BTreeMap<String, String>, ImageError> {
        container.start().await?;
        if network == Network::None {
            return Ok(BTreeMap::new());
        }
        let host = self.container_network();
        if let Some((path, bytes)) = host.file() {
            let root = GuestPath::new("/");
            let files = [(path.to_owned(), FileContent::Bytes(bytes.to_vec()))];
            container.upload(&root, stream::from_tar(move |tar| add_files(tar, &files))).await?;
            let argv = vec!["sh".to_owned(), "-c".to_owned(), ContainerNetwork::script()];
            let spec = ExecSpec { argv, user: "0:0".to_owned(), env: Vec::new(), workdir: root };
            container.exec(&spec, &mut Nowhere, &CancellationToken::new()).await?;
        }
        Ok(host.env().clone())
    }
}
