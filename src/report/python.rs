//! A schedule's table as a Python file, for a training loop of one's own. The numbers are the table's own bits.

/// A file with `make_scheduler(optimizer)`, which makes a PyTorch scheduler; `bytes` are those of the table, rate and
/// momentum by turns where the momentum `moves`.
#[must_use]
pub fn pytorch(about: &str, bytes: &[u8], moves: bool) -> String {
    let (about, columns) = (quoted(about), if moves { 2 } else { 1 });
    let (momentum, scheduler) = if moves { (MOMENTUM, "Scheduler") } else { ("", "LambdaLR") };
    format!(
        "\"\"\"Learning rates: {about}. Written by `sweep schedule export`.\"\"\"\n\n{}\n\n\
         from torch.optim.lr_scheduler import LambdaLR\n\n\n\
         def learning_rate(step):\n    \"\"\"The rate of step 0, 1, ...; after the last step that one's.\"\"\"\n    \
         return TABLE[min(step, STEPS - 1) * COLUMNS]\n{momentum}\n\n\
         def make_scheduler(optimizer):\n    \"\"\"Call its `step()` after every step of the optimizer, whose own rates are replaced.\"\"\"\n    \
         for group in optimizer.param_groups:\n        group[\"lr\"] = group[\"initial_lr\"] = 1.0\n    \
         return {scheduler}(optimizer, learning_rate)\n",
        table(bytes, columns)
    )
}

/// Moves SGD's momentum, or β₁ of Adam and its like, with the rate.
const MOMENTUM: &str = r#"

def momentum(step):
    """The momentum of step 0, 1, ..., or beta1; after the last step that one's."""
    return TABLE[min(step, STEPS - 1) * COLUMNS + 1]


class Scheduler(LambdaLR):
    """Moves the momentum, or beta1, as well."""

    def step(self, *arguments):
        super().step(*arguments)
        for group in self.optimizer.param_groups:
            if "betas" in group:
                group["betas"] = (momentum(self.last_epoch), *group["betas"][1:])
            elif "momentum" in group:
                group["momentum"] = momentum(self.last_epoch)
"#;

/// A file with `schedule(step)`, an optax schedule that may be compiled.
#[must_use]
pub fn optax(about: &str, bytes: &[u8]) -> String {
    let about = quoted(about);
    format!(
        "\"\"\"Learning rates: {about}. Written by `sweep schedule export`.\"\"\"\n\n{}\n\n\
         import jax.numpy as jnp\n\n\n\
         def schedule(step):\n    \"\"\"The rate of step 0, 1, ...; after the last step that one's: `optax.sgd(schedule)`.\"\"\"\n    \
         return jnp.asarray(TABLE, dtype=jnp.float32)[jnp.minimum(step, STEPS - 1)]\n",
        table(bytes, 1)
    )
}

/// A text inside Python's quotes.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The numbers of the table, from its bytes in hexadecimal.
fn table(bytes: &[u8], columns: usize) -> String {
    let lines: Vec<String> = bytes
        .chunks(48)
        .map(|line| format!("    \"{}\"", line.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
        .collect();
    format!(
        "import struct\n\nSTEPS = {}\nCOLUMNS = {columns}\n# Little-endian float32, row by row.\nBITS = (\n{}\n)\n\
         TABLE = struct.unpack(f\"<{{STEPS * COLUMNS}}f\", bytes.fromhex(BITS))",
        bytes.len() / 4 / columns,
        lines.join("\n")
    )
}
