//! The way of output from a container with network to whoever reads it: without what the host's proxies are.

use async_trait::async_trait;
use bytes::Bytes;

use crate::engine::{EngineError, OutputSink, OutputStream};
use crate::network::Hidden;

/// Hands output on with a word in place of what is hidden.
pub(super) struct Concealing<'a> {
    sink: &'a mut dyn OutputSink,
    hidden: Hidden,
    /// What of each output may yet be something to hide.
    held: [Vec<u8>; 2],
}

impl<'a> Concealing<'a> {
    pub(super) fn new(sink: &'a mut dyn OutputSink, hidden: &Hidden) -> Concealing<'a> {
        Concealing { sink, hidden: hidden.clone(), held: Default::default() }
    }

    /// Hands on what was held back: the process has ended.
    pub(super) async fn finish(&mut self) -> Result<(), EngineError> {
        for (stream, held) in [OutputStream::Stdout, OutputStream::Stderr].into_iter().zip(&mut self.held) {
            let rest = self.hidden.rest(held);
            if !rest.is_empty() {
                self.sink.write(stream, rest.into()).await.map_err(EngineError::Sink)?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl OutputSink for Concealing<'_> {
    async fn write(&mut self, stream: OutputStream, chunk: Bytes) -> std::io::Result<()> {
        let held = &mut self.held[usize::from(stream == OutputStream::Stderr)];
        let shown = self.hidden.pass(held, chunk);
        match shown.is_empty() {
            true => Ok(()),
            false => self.sink.write(stream, shown).await,
        }
    }
}
