//! Batches are filled on a thread of their own, ahead of the one that computes with them.

use std::{
    cell::RefCell,
    io,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use sweep_graph::{DType, Feed};

use super::array::Room;

/// How many batches there are at least: one in use, one ready, one being filled.
const FEWEST: usize = 3;
/// Small ones are more, as many as this and as have so many bytes: used ones go back together, since two threads that wake
/// each other at every step leave a busy machine's other processes next to nothing.
const MOST: usize = 64;
const BYTES: usize = 1 << 20;

/// The values of one batch.
#[derive(Debug)]
pub(crate) struct Batch {
    inputs: Vec<Values>,
    target: Values,
    /// 1 for each sample that counts, 0 for padding.
    pub(crate) valid: Vec<f32>,
}

/// The values of one input or target.
#[derive(Debug)]
enum Values {
    F32(Vec<f32>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    Bool(Vec<bool>),
}

impl Values {
    fn new(feed: &Feed) -> Self {
        let count = feed.shape.iter().product();
        match feed.dtype {
            DType::I64 => Self::I64(vec![0; count]),
            DType::I32 => Self::I32(vec![0; count]),
            DType::Bool => Self::Bool(vec![false; count]),
            _ => Self::F32(vec![0.0; count]),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::F32(values) => size_of_val(values.as_slice()),
            Self::I64(values) => size_of_val(values.as_slice()),
            Self::I32(values) => size_of_val(values.as_slice()),
            Self::Bool(values) => values.len(),
        }
    }

    fn room(&mut self) -> Room<'_> {
        match self {
            Self::F32(values) => Room::F32(values),
            Self::I64(values) => Room::I64(values),
            Self::I32(values) => Room::I32(values),
            Self::Bool(values) => Room::Bool(values),
        }
    }

    fn copy(&self, room: Room<'_>) {
        match (self, room) {
            (Self::F32(values), Room::F32(room)) => room.copy_from_slice(values),
            (Self::I64(values), Room::I64(room)) => room.copy_from_slice(values),
            (Self::I32(values), Room::I32(room)) => room.copy_from_slice(values),
            (Self::Bool(values), Room::Bool(room)) => room.copy_from_slice(values),
            _ => unreachable!("both were made for the same feed"),
        }
    }
}

impl Batch {
    pub(crate) fn new(inputs: &[Feed], target: &Feed) -> Self {
        let valid = vec![0.0; target.shape[0]];
        Self { inputs: inputs.iter().map(Values::new).collect(), target: Values::new(target), valid }
    }

    /// How many there are to be of such batches.
    fn count(&self) -> usize {
        let bytes = self.target.bytes() + self.inputs.iter().map(Values::bytes).sum::<usize>();
        (BYTES / bytes.max(1)).clamp(FEWEST, MOST)
    }

    /// The room for all inputs, for the target and for what counts.
    pub(crate) fn rooms(&mut self) -> (Vec<Room<'_>>, Room<'_>, &mut [f32]) {
        (self.inputs.iter_mut().map(Values::room).collect(), self.target.room(), &mut self.valid)
    }

    /// Copies inputs and target to where they are needed.
    pub(crate) fn copy<'a>(&self, inputs: impl Iterator<Item = Room<'a>>, target: Room<'_>) {
        self.inputs.iter().zip(inputs).for_each(|(values, room)| values.copy(room));
        self.target.copy(target);
    }
}

/// Filled batches, in order.
pub(crate) struct Ahead {
    filled: Receiver<io::Result<Batch>>,
    used: SyncSender<Batch>,
    /// Used ones that wait until there are so many.
    kept: RefCell<Vec<Batch>>,
    together: usize,
}

impl Ahead {
    /// Hands the next batch to `take`; nothing where there is none.
    ///
    /// # Errors
    /// The batch could not be filled.
    pub(crate) fn next<R>(&self, take: impl FnOnce(&Batch) -> R) -> io::Result<Option<R>> {
        let Ok(batch) = self.filled.recv() else { return Ok(None) };
        let batch = batch?;
        let taken = take(&batch);
        let mut kept = self.kept.borrow_mut();
        kept.push(batch);
        if kept.len() >= self.together {
            // A closed channel means that the last batch has been filled.
            kept.drain(..).for_each(|batch| _ = self.used.send(batch));
        }
        Ok(Some(taken))
    }
}

/// Calls `fill` with one number after another, from 0, for batches of these inputs and this target, until it says that
/// there are no more or `consume` returns.
pub(crate) fn ahead<R>(
    (inputs, target): (&[Feed], &Feed),
    mut fill: impl FnMut(u64, &mut Batch) -> io::Result<bool> + Send,
    consume: impl FnOnce(&Ahead) -> R,
) -> R {
    let first = Batch::new(inputs, target);
    let count = first.count();
    let (filled, filled_out) = sync_channel(count);
    let (used, used_out) = sync_channel(count);
    for batch in std::iter::once(first).chain((1..count).map(|_| Batch::new(inputs, target))) {
        // There is room for all of them.
        let _ = used.send(batch);
    }
    thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0.. {
                let Ok(mut batch) = used_out.recv() else { return };
                let batch = match fill(number, &mut batch) {
                    Ok(true) => Ok(batch),
                    Ok(false) => return,
                    Err(error) => Err(error),
                };
                let failed = batch.is_err();
                if filled.send(batch).is_err() || failed {
                    return;
                }
            }
        });
        let ahead = Ahead { filled: filled_out, used, kept: RefCell::default(), together: count / 2 };
        // Dropping it ends the thread.
        let result = consume(&ahead);
        drop(ahead);
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_in_order_and_stopping_early_ends_the_thread() {
        let feed = |dtype| Feed { name: String::new(), dtype, shape: vec![2] };
        let (inputs, target) = ([feed(DType::F32)], feed(DType::I64));
        for (count, wanted) in [(0, 5), (1, 5), (7, 7), (7, 3), (500, 500), (500, 70)] {
            let fill = |number: u64, batch: &mut Batch| {
                let (mut inputs, _, _) = batch.rooms();
                let Room::F32(room) = &mut inputs[0] else { panic!() };
                room.fill(number as f32);
                Ok(number < count)
            };
            let seen = ahead((&inputs, &target), fill, |ahead| {
                let mut seen = vec![];
                while seen.len() < wanted {
                    let next = ahead.next(|batch| {
                        let (mut input, mut target) = ([9.0; 2], [9; 2]);
                        batch.copy([Room::F32(&mut input)].into_iter(), Room::I64(&mut target));
                        input[1]
                    });
                    match next.unwrap() {
                        Some(value) => seen.push(value),
                        None => break,
                    }
                }
                seen
            });
            let expected: Vec<f32> = (0..count.min(wanted as u64)).map(|number| number as f32).collect();
            assert_eq!(seen, expected);
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let feed = Feed { name: String::new(), dtype: DType::F32, shape: vec![1] };
        let fill = |number, _: &mut Batch| if number < 2 { Ok(true) } else { Err(io::Error::other("gone")) };
        ahead((&[], &feed), fill, |ahead| {
            assert!(ahead.next(|_| ()).unwrap().is_some() && ahead.next(|_| ()).unwrap().is_some());
            assert!(ahead.next(|_| ()).is_err());
        });
    }
}
