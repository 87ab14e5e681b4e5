//! A choice of objects to be opened. Each object has a rank that seed and row key give; those with the lowest ranks are
//! chosen. So the choice is uniform, needs no list of all objects, and is made again by whoever has the seed.

use std::collections::BinaryHeap;

/// Most objects of a sample: their ranks are held in memory.
pub const SAMPLE_MAX: usize = 1 << 20;

/// How many objects, and by which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Objects to be opened.
    pub objects: usize,
    /// Drawn for the run, or given to repeat one.
    pub seed: [u8; 16],
}

type Rank = [u8; 32];

/// Ranks up to which objects are chosen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen {
    seed: [u8; 16],
    /// `None`: none is.
    upto: Option<Rank>,
}

/// Gathers the lowest ranks.
pub(super) struct Drawing {
    sample: Sample,
    lowest: BinaryHeap<Rank>,
}

fn rank(seed: &[u8; 16], key: &[u8]) -> Rank {
    sse::sha256(&[&seed[..], key].concat())
}

impl Drawing {
    pub(super) fn begin(sample: Sample) -> Self {
        Self { sample, lowest: BinaryHeap::new() }
    }

    /// Meets an object by the key of its row.
    pub(super) fn meet(&mut self, key: &[u8]) {
        self.lowest.push(rank(&self.sample.seed, key));
        if self.lowest.len() > self.sample.objects.min(SAMPLE_MAX) {
            self.lowest.pop();
        }
    }

    pub(super) fn end(self) -> Chosen {
        Chosen { seed: self.sample.seed, upto: self.lowest.peek().copied() }
    }
}

impl Chosen {
    pub(super) fn holds(&self, key: &[u8]) -> bool {
        self.upto.is_some_and(|upto| rank(&self.seed, key) <= upto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(objects: usize, seed: u8, all: &[String]) -> Vec<&String> {
        let mut drawing = Drawing::begin(Sample { objects, seed: [seed; 16] });
        all.iter().for_each(|key| drawing.meet(key.as_bytes()));
        let chosen = drawing.end();
        all.iter().filter(|key| chosen.holds(key.as_bytes())).collect()
    }

    #[test]
    fn as_many_as_asked_for_are_chosen_and_the_seed_repeats_the_choice() {
        let all: Vec<String> = (0..500).map(|i| format!("object-{i}")).collect();
        assert_eq!(chosen(20, 1, &all).len(), 20);
        assert_eq!(chosen(20, 1, &all), chosen(20, 1, &all));
        assert_ne!(chosen(20, 1, &all), chosen(20, 2, &all));
        assert_eq!(chosen(1000, 1, &all).len(), 500, "all where there are fewer");
        assert!(chosen(0, 1, &all).is_empty());
    }
}
