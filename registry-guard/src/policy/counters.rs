/// Which indexes of the kernel's array of hit counters belong to a rule.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    words: Vec<u64>,
    used: usize,
}

impl Counters {
    /// How many counters belong to a rule.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Whether the counter belongs to a rule.
    pub fn contains(&self, counter: u32) -> bool {
        let (word, bit) = place(counter);
        self.words.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// The highest counter that belongs to a rule.
    pub fn highest(&self) -> Option<u32> {
        let (word, bits) = self.words.iter().enumerate().rev().find(|(_, bits)| **bits != 0)?;
        u32::try_from(word * 64 + 63 - bits.leading_zeros() as usize).ok()
    }

    /// The counters below `limit` that belong to no rule, lowest first.
    pub fn free(&self, limit: u32) -> impl Iterator<Item = u32> + '_ {
        let end = u32::try_from(self.words.len() * 64).unwrap_or(u32::MAX);
        let holes = self.words.iter().zip(0_u32..).filter(|(bits, _)| **bits != u64::MAX).flat_map(|(bits, word)| {
            let bits = *bits;
            (0..64).filter(move |bit| bits >> bit & 1 == 0).map(move |bit| word * 64 + bit)
        });
        holes.take_while(move |counter| *counter < limit).chain(end..limit.max(end))
    }

    /// Gives the counter to a rule; `false` when it already belonged to one.
    pub fn take(&mut self, counter: u32) -> bool {
        let (word, bit) = place(counter);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let free = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.used += usize::from(free);
        free
    }

    /// Takes the counter back from its rule.
    pub fn release(&mut self, counter: u32) {
        let (word, bit) = place(counter);
        if let Some(bits) = self.words.get_mut(word)
            && *bits & bit != 0
        {
            *bits &= !bit;
            self.used -= 1;
        }
    }
}

impl PartialEq for Counters {
    fn eq(&self, other: &Self) -> bool {
        let shorter = self.words.len().min(other.words.len());
        self.used == other.used && self.words[..shorter] == other.words[..shorter]
    }
}

impl Eq for Counters {}

const fn place(counter: u32) -> (usize, u64) {
    (counter as usize / 64, 1 << (counter % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(counters: impl IntoIterator<Item = u32>) -> Counters {
        let mut all = Counters::default();
        for counter in counters {
            assert!(all.take(counter));
        }
        all
    }

    #[test]
    fn the_lowest_free_counter_comes_first() {
        let counters = taken([0, 1, 3, 64]);
        assert_eq!(counters.free(1000).take(3).collect::<Vec<_>>(), [2, 4, 5]);
        assert_eq!(taken(0..130).free(1000).next(), Some(130));
    }

    #[test]
    fn no_counter_at_or_above_the_limit_is_free() {
        assert_eq!(taken(0..10).free(10).next(), None);
        assert_eq!(taken(0..100).free(64).next(), None);
        assert_eq!(taken(0..9).free(10).collect::<Vec<_>>(), [9]);
        assert_eq!(Counters::default().free(3).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn a_released_counter_is_free_again() {
        let mut counters = taken(0..5);
        counters.release(2);
        counters.release(2);
        counters.release(900);
        assert_eq!(counters.used(), 4);
        assert_eq!(counters.free(100).next(), Some(2));
        assert!(!counters.contains(2));
        assert!(counters.take(2));
        assert!(!counters.take(2));
        assert_eq!(counters.used(), 5);
    }

    #[test]
    fn the_highest_counter_is_known() {
        assert_eq!(Counters::default().highest(), None);
        assert_eq!(taken([0]).highest(), Some(0));
        assert_eq!(taken([5, 63, 64, 700]).highest(), Some(700));
        let mut counters = taken([5, 700]);
        counters.release(700);
        assert_eq!(counters.highest(), Some(5));
        assert_eq!(counters, taken([5]));
    }
}
