//! A stream whose writes may not stall: a client that takes nothing for too long, or too little for longer
//! ([`Pace`]), loses its connection instead of holding a reply's buffers and blobs for ever. Reads are guarded where they
//! are awaited, since a connection may rest.

use super::pace::Pace;
use crate::config::Limits;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

pub(super) struct Guarded<S> {
    stream: S,
    patience: Duration,
    pace: Pace,
    stalled: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Guarded<S> {
    pub(super) fn new(stream: S, limits: &Limits) -> Self {
        let pace = Pace::new(limits.reply_window, limits.reply_window_bytes_min);
        Self { stream, patience: limits.idle_timeout, pace, stalled: None }
    }

    fn watch(&mut self, cx: &mut Context<'_>, progress: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match progress {
            Poll::Ready(Ok(bytes)) => {
                let waited = self.stalled.take().map(|(since, _)| since.elapsed());
                if self.pace.took(bytes, waited) { Poll::Ready(Ok(bytes)) } else { too_slow() }
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                let patience = self.patience;
                let stall = || (Instant::now(), Box::pin(tokio::time::sleep(patience)));
                let (_, ends) = self.stalled.get_or_insert_with(stall);
                match ends.as_mut().poll(cx) {
                    Poll::Ready(()) => too_slow(),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

fn too_slow() -> Poll<io::Result<usize>> {
    Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, progress)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(cx, progress)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    /// Takes one byte at a time, and only when asked a second time.
    struct Reluctant {
        asked: bool,
    }

    impl AsyncWrite for Reluctant {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, _buf: &[u8]) -> Poll<io::Result<usize>> {
            self.asked = !self.asked;
            if self.asked {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(Ok(1))
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    async fn write_to_a_reluctant(limits: Limits) -> io::Result<()> {
        Guarded::new(Reluctant { asked: false }, &limits).write_all(b"abcd").await
    }

    #[tokio::test]
    async fn a_reader_that_takes_a_byte_at_a_time_is_cut() {
        let slow = Limits { reply_window: Duration::ZERO, reply_window_bytes_min: 2, ..Limits::default() };
        assert_eq!(write_to_a_reluctant(slow).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let content = Limits { reply_window: Duration::ZERO, reply_window_bytes_min: 1, ..Limits::default() };
        write_to_a_reluctant(content).await.unwrap();
        write_to_a_reluctant(Limits::default()).await.expect("its time is not over");
    }
}
