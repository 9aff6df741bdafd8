//! Random numbers that depend on what they are for and nothing else: not on the order of execution, the
//! number of workers, or whether a trial was interrupted.

use rand::{SeedableRng, rngs::ChaCha8Rng, seq::SliceRandom};

/// What a stream of random numbers is for. Two streams with different purposes are independent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// Initial values of parameter number `a`.
    Init,
    /// Order of the samples in epoch `a`.
    Order,
    /// Augmentation of sample `b` in epoch `a`.
    Augment,
    /// Dropout mask number `b` of step `a`.
    Mask,
    /// Which training samples are the validation set.
    Split,
    /// Which training samples are evaluated like the test set.
    Seen,
    /// What sample `b` is blended with in epoch `a`.
    Mixup,
    /// Whether the label of sample `b` is spoiled.
    Noise,
    /// Which sample has place `b` in epoch `a` while class proportions drift.
    Drift,
    /// Where the measurement of the curvature starts.
    Curvature,
}

/// The stream for a purpose, a seed and two coordinates.
pub(crate) fn stream(purpose: Purpose, seed: u64, a: u64, b: u64) -> ChaCha8Rng {
    let name: &[u8] = match purpose {
        Purpose::Init => b"init",
        Purpose::Order => b"order",
        Purpose::Augment => b"augment",
        Purpose::Mask => b"mask",
        Purpose::Split => b"split",
        Purpose::Seen => b"seen",
        Purpose::Mixup => b"mixup",
        Purpose::Noise => b"noise",
        Purpose::Drift => b"drift",
        Purpose::Curvature => b"curvature",
    };
    let mut hasher = blake3::Hasher::new();
    for number in [seed, a, b] {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(name);
    ChaCha8Rng::from_seed(*hasher.finalize().as_bytes())
}

/// A uniformly random order of `items`.
pub(crate) fn shuffled(mut items: Vec<u32>, mut rng: ChaCha8Rng) -> Vec<u32> {
    items.shuffle(&mut rng);
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    #[test]
    fn streams_repeat_and_differ_in_every_coordinate() {
        let first = |mut rng: ChaCha8Rng| rng.random::<u64>();
        let base = first(stream(Purpose::Order, 1, 2, 3));
        assert_eq!(base, first(stream(Purpose::Order, 1, 2, 3)));
        for other in [
            stream(Purpose::Init, 1, 2, 3),
            stream(Purpose::Order, 9, 2, 3),
            stream(Purpose::Order, 1, 9, 3),
            stream(Purpose::Order, 1, 2, 9),
        ] {
            assert_ne!(base, first(other));
        }
    }
}
