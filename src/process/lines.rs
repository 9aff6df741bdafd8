//! Bytes → messages: one JSON object per line, no line longer than the wire allows.

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use sweep_wire::MAX_LINE;

use super::Output;

/// How much of a bad line is quoted.
const QUOTED: usize = 80;

/// Reads until the end, or until the first line that is no message: nothing after it can be trusted, so the
/// rest is read and dropped.
pub(super) async fn read<F>(output: impl AsyncRead + Unpin, tell: &mut impl FnMut(Output) -> F)
where
    F: Future<Output = ()>,
{
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(MAX_LINE as u64).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if line.len() == MAX_LINE && line.last() != Some(&b'\n') {
            tell(Output::Nonsense(format!("it wrote a line longer than {} MiB", MAX_LINE >> 20))).await;
            break;
        }
        match serde_json::from_slice(&line) {
            Ok(message) => tell(Output::Said(message)).await,
            Err(error) => {
                let start: String = String::from_utf8_lossy(&line).trim_end().chars().take(QUOTED).collect();
                let problem = format!("it wrote `{}`, which is no message: {error}", start.escape_debug());
                tell(Output::Nonsense(problem)).await;
                break;
            }
        }
    }
    // A full pipe would keep the process from ending.
    let _ = tokio::io::copy(&mut reader, &mut tokio::io::sink()).await;
}
