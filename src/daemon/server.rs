//! The scheduler's side of the socket: each connection brings one request to the loop and carries its replies back.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::net::UnixListener,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
    sync::{Semaphore, mpsc, oneshot},
    task::AbortHandle,
    time::timeout,
};

use super::{
    Order,
    protocol::{MAX_REQUEST, Question, Reply, Request, VERSION},
    socket,
};
use crate::{process, spec::SpecError};

/// Connections at one time. Where there are more, those that have not said what they want make room, the oldest first.
const MAX_CONNECTIONS: usize = 256;
/// A request that is longer, in bytes, waits for its turn, and so does the solving of a spec: so many at one time.
const SHORT: u64 = 64 << 10;
const MAX_LONG: usize = 4;
/// How long a command may take to say what it wants, or to take a reply.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the last replies of a scheduler may take to be taken.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Replies that wait for a slow command.
const MAX_REPLIES: usize = 64;

/// A request with where its replies go; the connection ends when that is dropped.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) asked: Asked,
    /// Who asks, in words.
    pub(super) by: String,
    pub(super) reply: mpsc::Sender<Reply>,
}

/// What a command wants.
#[derive(Debug)]
pub(super) enum Asked {
    /// A spec that was read, and its robust schedules solved, where the loop did not have to wait for it.
    Submit(Result<Box<Order>, SpecError>),
    Request(Request),
}

/// The connections that are there.
#[derive(Debug)]
pub(super) struct Connections {
    room: Arc<Semaphore>,
    silent: Silent,
}

impl Connections {
    /// Waits a moment until those who asked have taken their last answers, which are all given.
    pub(super) async fn end(self) {
        std::mem::take(&mut *lock(&self.silent)).values().for_each(AbortHandle::abort);
        let all = self.room.acquire_many(MAX_CONNECTIONS as u32);
        // One that does not read loses them.
        let _ = timeout(LAST_WORDS, all).await;
    }
}

/// Listens on the home's socket, which only its owner may use.
///
/// # Errors
/// The socket cannot be made.
pub(super) fn listen(home: &Path, calls: mpsc::Sender<Call>) -> io::Result<Connections> {
    let (_folder, path) = socket(home)?;
    // The lock is held, so a socket that is there is a dead scheduler's.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = process::privately(|| UnixListener::bind(&path))?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let long = Arc::new(Semaphore::new(MAX_LONG));
    let silent = Silent::default();
    let connections = Connections { room: Arc::clone(&room), silent: Arc::clone(&silent) };
    tokio::spawn(async move {
        for number in 0.. {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors, perhaps: somebody will close one.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            if room.available_permits() == 0
                && let Some((_, oldest)) = lock(&silent).pop_first()
            {
                oldest.abort();
            }
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            let (calls, long, heard) = (calls.clone(), Arc::clone(&long), Arc::clone(&silent));
            // Held until the task is in: it takes itself out.
            let mut silent = lock(&silent);
            let task = tokio::spawn(async move {
                // A command that goes away has nobody to be told.
                let _ = serve(stream, calls, &long, || drop(lock(&heard).remove(&number))).await;
                drop(permit);
            });
            silent.insert(number, task.abort_handle());
        }
    });
    Ok(connections)
}

/// The connections that have not said what they want, by age.
type Silent = Arc<Mutex<BTreeMap<u64, AbortHandle>>>;

fn lock(silent: &Silent) -> MutexGuard<'_, BTreeMap<u64, AbortHandle>> {
    silent.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// `heard` is called once it is known what the command wants, or that it says nothing.
async fn serve(
    mut stream: UnixStream,
    calls: mpsc::Sender<Call>,
    long: &Semaphore,
    heard: impl Fn(),
) -> io::Result<()> {
    let by = who(&stream);
    let (input, mut output) = stream.split();
    let mut line = Vec::new();
    let mut input = BufReader::new(input.take(SHORT));
    let reading = async {
        input.read_until(b'\n', &mut line).await?;
        if line.len() as u64 == SHORT && line.last() != Some(&b'\n') {
            let _turn = long.acquire().await;
            input.get_mut().set_limit(MAX_REQUEST - SHORT);
            input.read_until(b'\n', &mut line).await?;
        }
        Ok::<_, io::Error>(())
    };
    let read = timeout(PATIENCE, reading).await;
    heard();
    read??;
    let (reply, mut replies) = mpsc::channel(MAX_REPLIES);
    match question(&line) {
        Ok(request) => {
            let asked = asked(request, long).await;
            if calls.send(Call { asked, by, reply }).await.is_err() {
                return Ok(());
            }
        }
        Err(message) => {
            let hint = Some("commands and scheduler have to be of the same version of `sweep`".to_owned());
            // There is room: nothing was sent before.
            let _ = reply.try_send(Reply::Error { message, hint, code: 1 });
            drop(reply);
        }
    }
    let mut rest = [0];
    loop {
        let next = tokio::select! {
            next = replies.recv() => next,
            // A command that has gone away wants no more.
            Ok(0) | Err(_) = input.get_mut().get_mut().read(&mut rest) => return Ok(()),
        };
        let Some(reply) = next else { return Ok(()) };
        let mut line = serde_json::to_vec(&reply)?;
        line.push(b'\n');
        timeout(PATIENCE, output.write_all(&line)).await??;
    }
}

/// What a request asks for; the robust schedules of a spec, which may take seconds, are solved on a thread of their own.
async fn asked(request: Request, turns: &Semaphore) -> Asked {
    let (file, text, facts, price) = match request {
        Request::Submit { file, text, facts, price } => (file, text, facts, price),
        request => return Asked::Request(request),
    };
    let order = match Order::new(file.into(), text, *facts, price) {
        Ok(order) => order,
        Err(error) => return Asked::Submit(Err(error)),
    };
    let _turn = turns.acquire().await;
    // What a copy of it has solved is solved; where no thread can be had, or it ends early, the loop does it.
    let spec = order.spec.clone();
    let (tell, solved) = oneshot::channel();
    let started = std::thread::Builder::new().spawn(move || {
        spec.solve();
        let _ = tell.send(());
    });
    if started.is_ok() {
        let _ = solved.await;
    }
    Asked::Submit(Ok(Box::new(order)))
}

fn question(line: &[u8]) -> Result<Request, String> {
    if line.last() != Some(&b'\n') {
        return Err(format!("the request has no end within {} MiB", MAX_REQUEST >> 20));
    }
    let said = serde_json::from_slice::<serde_json::Value>(line)
        .map_err(|error| format!("the request is not JSON: {error}"))?;
    match said["version"].as_u64() {
        Some(version) if version == u64::from(VERSION) => {}
        version => return Err(format!("the request is of version {version:?}, not {VERSION}")),
    }
    serde_json::from_value::<Question>(said)
        .map(|question| question.request)
        .map_err(|error| format!("the request is not understood: {error}"))
}

fn who(stream: &UnixStream) -> String {
    match stream.peer_cred() {
        Ok(peer) => {
            let user = process::user_name(peer.uid());
            peer.pid().map_or_else(|| user.clone(), |pid| format!("{user} (process {pid})"))
        }
        Err(_) => "somebody".to_owned(),
    }
}
