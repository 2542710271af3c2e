use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use serde::{Deserialize, Serialize};

/// Up to this many things that come back are put in their places one by one.
const FEW: usize = 8;

/// An element of a list in which no two have the same key.
pub(super) trait Keyed {
    type Key: Clone + Eq + Hash;

    fn key(&self) -> Self::Key;
}

/// What leads from a list back to what it was: the difference, or all of it where that is shorter.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ListUndo<T, K> {
    Whole(Vec<T>),
    Difference {
        /// What had come.
        came: Vec<K>,
        /// What had become something else, as it was, in its place.
        changed: Vec<T>,
        /// What had gone, in the order of the list, each behind what was before it there.
        gone: Vec<(Option<K>, T)>,
    },
}

impl<T: Keyed> ListUndo<T, T::Key> {
    /// From `after` back to `before`.
    pub(super) fn between(before: Vec<T>, after: &[T]) -> Self
    where
        T: PartialEq,
    {
        let new: HashMap<T::Key, &T> = after.iter().map(|item| (item.key(), item)).collect();
        let old: HashSet<T::Key> = before.iter().map(T::key).collect();
        let came: Vec<T::Key> = after.iter().map(T::key).filter(|key| !old.contains(key)).collect();
        let stays = before.iter().map(T::key).filter(|key| new.contains_key(key));
        let in_order = stays.eq(after.iter().map(T::key).filter(|key| old.contains(key)));
        let stays = before.iter().filter(|item| new.contains_key(&item.key())).count();
        if !in_order || !is_shorter(before.len(), came.len(), before.len() - stays) {
            return Self::Whole(before);
        }
        let (mut changed, mut gone, mut ahead) = (Vec::new(), Vec::new(), None);
        for item in before {
            let key = item.key();
            match new.get(&key) {
                None => gone.push((ahead.take(), item)),
                Some(same) if **same != item => changed.push(item),
                Some(_) => {}
            }
            ahead = Some(key);
        }
        Self::Difference { came, changed, gone }
    }

    /// Makes the list what it was.
    pub(super) fn apply(self, list: &mut Vec<T>) {
        match self {
            Self::Whole(before) => *list = before,
            Self::Difference { came, changed, gone } => {
                remove(list, &came);
                replace(list, changed);
                put_back(list, gone);
            }
        }
    }
}

/// Whether a difference is shorter than the whole list. What had gone is written with the key of what was before it.
pub(super) const fn is_shorter(before: usize, came: usize, gone: usize) -> bool {
    came + 2 * gone < before
}

fn remove<T: Keyed>(list: &mut Vec<T>, keys: &[T::Key]) {
    if keys.len() <= FEW {
        list.retain(|item| !keys.contains(&item.key()));
    } else {
        let keys: HashSet<&T::Key> = keys.iter().collect();
        list.retain(|item| !keys.contains(&item.key()));
    }
}

fn replace<T: Keyed>(list: &mut [T], items: Vec<T>) {
    if items.is_empty() {
        return;
    }
    let mut items: HashMap<T::Key, T> = items.into_iter().map(|item| (item.key(), item)).collect();
    for place in list {
        if let Some(item) = items.remove(&place.key()) {
            *place = item;
        }
    }
}

fn put_back<T: Keyed>(list: &mut Vec<T>, items: Vec<(Option<T::Key>, T)>) {
    if items.len() <= FEW {
        for (ahead, item) in items {
            let place = ahead.and_then(|ahead| list.iter().position(|it| it.key() == ahead));
            list.insert(place.map_or(0, |place| place + 1), item);
        }
        return;
    }
    // Each key stands before one thing at the most, so those that come back form chains behind what stayed.
    let mut behind: HashMap<Option<T::Key>, T> = items.into_iter().collect();
    let stayed = std::mem::replace(list, Vec::with_capacity(list.len() + behind.len()));
    let mut follow = |list: &mut Vec<T>, mut key: Option<T::Key>| {
        while let Some(item) = behind.remove(&key) {
            key = Some(item.key());
            list.push(item);
        }
    };
    follow(list, None);
    for item in stayed {
        let key = item.key();
        list.push(item);
        follow(list, Some(key));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Item(u8, u8);

    impl Keyed for Item {
        type Key = u8;

        fn key(&self) -> u8 {
            self.0
        }
    }

    fn lists() -> impl Strategy<Value = Vec<Item>> {
        proptest::collection::vec((0_u8..60, 0_u8..3), 0..50).prop_map(|items| {
            let mut seen = HashSet::new();
            items.into_iter().filter(|(key, _)| seen.insert(*key)).map(|(key, value)| Item(key, value)).collect()
        })
    }

    proptest! {
        #[test]
        fn a_list_comes_back_whatever_it_became(before in lists(), after in lists()) {
            let undo = ListUndo::between(before.clone(), &after);
            let mut list = after;
            undo.apply(&mut list);
            prop_assert_eq!(list, before);
        }

        #[test]
        fn so_does_one_of_which_some_went(before in lists(), kept in proptest::collection::vec(any::<bool>(), 50)) {
            let after: Vec<Item> =
                before.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(item, _)| item.clone()).collect();
            let undo = ListUndo::between(before.clone(), &after);
            let mut list = after;
            undo.apply(&mut list);
            prop_assert_eq!(list, before);
        }
    }

    #[test]
    fn what_is_kept_is_the_difference() {
        let before: Vec<Item> = (0..50).map(|key| Item(key, 0)).collect();
        let after: Vec<Item> = (0..51).filter(|key| *key != 20).map(|key| Item(key, u8::from(key == 7))).collect();
        let expected =
            ListUndo::Difference { came: vec![50], changed: vec![Item(7, 0)], gone: vec![(Some(19), Item(20, 0))] };
        assert_eq!(ListUndo::between(before, &after), expected);
    }
}
