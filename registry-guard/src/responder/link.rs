use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::bounds::RECONNECT;
use super::installed::Installed;
use super::listeners::{Listeners, Shared};
use crate::handover::{
    Answered, FrameError, FrameReceiver, MOST_TO_AGENT, MOST_TO_RESPONDER, Setup, ToAgent, decode, encode, send,
};

/// Keeps up the conversation with the agent, for ever. While there is none, answering goes on with what there is.
pub(super) async fn follow(path: &Path, shared: &Arc<Shared>, mut answered: mpsc::Receiver<Answered>) -> Infallible {
    let listeners = Listeners::default();
    let (first, longest) = RECONNECT;
    let mut pause = first;
    // What was said last: the same again is not worth a line.
    let mut told = String::new();
    loop {
        let problem = match UnixStream::connect(path).await {
            Ok(stream) => {
                let (ended, heard) = converse(&stream, shared, &listeners, &mut answered).await;
                if heard {
                    pause = first;
                    told.clear();
                }
                format!("the agent has gone: {ended}")
            }
            Err(problem) if problem.kind() == io::ErrorKind::PermissionDenied => {
                format!(
                    "cannot reach the agent: {problem}; only the user that `responder.user` in its config.toml names may"
                )
            }
            Err(problem) => format!("cannot reach the agent: {problem}"),
        };
        if problem != told {
            warn!(socket = %path.display(), "{problem}; answering with what there is, and trying again for ever");
            told = problem;
        }
        sleep(pause).await;
        pause = longest.min(pause * 2);
    }
}

/// Talks until one side ends it. Says why it ended, and whether the agent ever said something.
async fn converse(
    stream: &UnixStream,
    shared: &Arc<Shared>,
    listeners: &Listeners,
    answered: &mut mpsc::Receiver<Answered>,
) -> (String, bool) {
    let mut heard = false;
    let (ready, mut installed) = mpsc::channel(1);
    let reading = async {
        let mut receiver = FrameReceiver::new(stream);
        while let Some(message) = receiver.frame(MOST_TO_RESPONDER).await? {
            let setup: Setup = decode(&message)?;
            drop(message);
            let sockets = receiver.descriptors(setup.listeners.len())?;
            heard = true;
            let number = setup.number;
            match install(setup, sockets, shared, listeners) {
                // The other half ends only together with this one.
                Ok(()) => ready.send(number).await.unwrap_or_default(),
                Err(problem) => error!(%problem, "the agent's setup cannot be used; the one before it stays"),
            }
        }
        Ok(())
    };
    let writing = async {
        loop {
            let message = tokio::select! {
                biased;
                Some(setup) = installed.recv() => ToAgent::Ready { setup },
                Some(report) = answered.recv() => {
                    ToAgent::Answered(Answered { left_out: shared.reports.left_out(), ..report })
                }
                else => std::future::pending().await,
            };
            send(stream, &encode(&message, MOST_TO_AGENT)?, &[]).await?;
        }
    };
    let ended: Result<(), FrameError> = tokio::select! {
        ended = reading => ended,
        ended = writing => ended,
    };
    (ended.err().map_or_else(|| "it closed the connection".to_owned(), |error| error.to_string()), heard)
}

fn install(
    setup: Setup,
    sockets: Vec<std::os::fd::OwnedFd>,
    shared: &Arc<Shared>,
    listeners: &Listeners,
) -> anyhow::Result<()> {
    let Setup { number, registries, listeners: keys } = setup;
    let (count, sockets) = (registries.len(), keys.into_iter().zip(sockets).collect());
    let before = shared.installed.send_replace(Arc::new(Installed::new(registries)?));
    if let Err(problem) = listeners.install(shared, sockets) {
        shared.installed.send_replace(before);
        return Err(problem.into());
    }
    info!(setup = number, registries = count, "ready to answer");
    Ok(())
}
