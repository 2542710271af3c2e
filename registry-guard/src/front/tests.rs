use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use registry_guard_common::{Address, Tag};

use super::*;

/// A row of a table: bits that count, and the key.
type Place = (u32, RuleKey);

const TAGS: [Tag; 4] = [Tag::PUBLIC, Tag::vni(5001), Tag::vni(5002), Tag::vni(0x00ff_ffff)];

fn families(v4: Reason, v6: Reason) -> [(u32, RuleKey, Reason); 2] {
    [(Address::v4([0; 4]), v4), (Address::v6([0; 16]), v6)]
        .map(|(any, reason)| (RuleKey::FAMILY_BITS, RuleKey::new(Tag::PUBLIC, &any), reason))
}

fn front<'a>(rows: impl IntoIterator<Item = &'a Place>) -> Front<Draft> {
    let rows = rows.into_iter().map(|(bits, key)| (*bits, *key, Reason::IpRule));
    Front::build(rows.chain(families(Reason::NoRule, Reason::NoRule))).unwrap()
}

fn row(tag: Tag, prefix: &str) -> Place {
    row_of(tag, prefix.parse().unwrap())
}

fn row_of(tag: Tag, prefix: IpNet) -> Place {
    (RuleKey::SCOPE_BITS + u32::from(prefix.prefix_len()), source(tag, prefix.network()))
}

fn source(tag: Tag, address: IpAddr) -> RuleKey {
    RuleKey::new(tag, &Address::from(address))
}

fn private(tag: Tag, destination: IpAddr) -> Place {
    let address = Address::from(destination);
    (RuleKey::lookup_bits(&address), RuleKey::private_endpoint(tag, &address))
}

/// The truth: whether any row covers all bits of `key`.
fn covers(rows: &HashSet<Place>, key: &RuleKey) -> bool {
    rows.iter().any(|(bits, row)| key.starts_with(row, *bits))
}

/// An address near others. Ends of prefixes inside each other would be deeper than a front goes.
fn host(random: &mut StdRng) -> IpAddr {
    if random.random() {
        let first = *[0xc633_6400_u32, 0xcb00_7100, 0x0a00_0000].choose(random).unwrap();
        (first ^ random.random_range(0..4096)).to_be_bytes().into()
    } else {
        let first: u128 = 0x2001_0db8 << 96 | random.random_range(0..8_u128) << 61;
        (first | random.random_range(0..512_u128)).to_be_bytes().into()
    }
}

/// A prefix near others.
fn prefix(random: &mut StdRng) -> IpNet {
    let address = host(random);
    let length = if address.is_ipv4() { random.random_range(6..=32) } else { random.random_range(30..=128) };
    IpNet::new_assert(address, length).trunc()
}

fn any_row(random: &mut StdRng) -> Place {
    let tag = *TAGS.choose(random).unwrap();
    let prefix = prefix(random);
    if random.random_ratio(1, 8) { private(tag, host(random)) } else { row_of(tag, prefix) }
}

/// Keys at both edges of a prefix near others, and beyond them.
fn near(random: &mut StdRng) -> Vec<RuleKey> {
    edges(*TAGS.choose(random).unwrap(), prefix(random))
}

fn edges(tag: Tag, prefix: IpNet) -> Vec<RuleKey> {
    let beyond: [IpAddr; 2] = match prefix {
        IpNet::V4(v4) => [
            u32::from(v4.network()).wrapping_sub(1).to_be_bytes().into(),
            u32::from(v4.broadcast()).wrapping_add(1).to_be_bytes().into(),
        ],
        IpNet::V6(v6) => [
            u128::from(v6.network()).wrapping_sub(1).to_be_bytes().into(),
            u128::from(v6.broadcast()).wrapping_add(1).to_be_bytes().into(),
        ],
    };
    [prefix.network(), prefix.broadcast(), beyond[0], beyond[1]]
        .into_iter()
        .flat_map(|address| [source(tag, address), private(tag, address).1])
        .collect()
}

fn assert_exact(front: &Front<Draft>, rows: &HashSet<Place>, random: &mut StdRng, what: &str) {
    for key in (0..8).flat_map(|_| near(random)).collect::<Vec<_>>() {
        assert_eq!(front.may_cover(&key), covers(rows, &key), "{what}: {key:?} with {} rows", rows.len());
    }
}

#[test]
fn a_front_knows_exactly_what_no_row_covers() {
    let mut random = StdRng::seed_from_u64(1);
    for round in 0..300 {
        let count = [0, 1, 2, 3, 10, 100, 1000][round % 7];
        let rows: HashSet<Place> = (0..count).map(|_| any_row(&mut random)).collect();
        assert_exact(&front(&rows), &rows, &mut random, "built");
    }
}

/// Prefixes all over the address space, of which the summaries in the head say little.
fn scattered(random: &mut StdRng, count: usize) -> Vec<(Tag, IpNet)> {
    let mut one = || {
        let address: IpAddr = if random.random() {
            random.random::<u32>().to_be_bytes().into()
        } else {
            random.random::<u128>().to_be_bytes().into()
        };
        let shortest = if random.random_ratio(1, 1000) { 9 } else { 17 };
        let length = random.random_range(shortest..=if address.is_ipv4() { 32 } else { 128 });
        (*TAGS[..2].choose(random).unwrap(), IpNet::new_assert(address, length).trunc())
    };
    std::iter::repeat_with(&mut one).take(count).collect()
}

#[test]
fn where_there_are_many_rows_a_finer_summary_knows_as_much() {
    let mut random = StdRng::seed_from_u64(6);
    let prefixes = scattered(&mut random, 60_000);
    let (built, added) = prefixes.split_at(59_950);
    let row = |(tag, prefix): &(Tag, IpNet)| row_of(*tag, *prefix);
    let mut rows: HashSet<Place> = built.iter().map(row).collect();
    let mut front = front(&rows);
    let summaries = || Root::ALL.map(|root| Summary::from_word(front.memory().load(root.finer_summary())));
    assert!(summaries()[..4].iter().all(Option::is_some), "one for each root of sources: {:?}", summaries());
    for prefix in added {
        let (bits, key) = row(prefix);
        rows.insert((bits, key));
        front.insert(bits, &key).unwrap();
    }
    for (tag, prefix) in added.iter().chain(&prefixes[..50]) {
        for key in edges(*tag, *prefix) {
            assert_eq!(front.may_cover(&key), covers(&rows, &key), "{tag:?} {prefix} {key:?}");
        }
    }
    // Summaries tell most of what comes from anywhere, and no node is looked at for it.
    for root in Root::ALL {
        front.memory.store(root.index(), Slot::ASK.word());
    }
    let anybody = scattered(&mut random, 200);
    let told = anybody.iter().filter(|(tag, prefix)| !front.may_cover(&source(*tag, prefix.network()))).count();
    assert!(told > 150, "{told} of 200 needed no node");
}

#[test]
fn a_front_that_is_changed_row_by_row_is_as_if_it_were_built() {
    let mut random = StdRng::seed_from_u64(2);
    for _ in 0..20 {
        let mut rows: HashSet<Place> = (0..random.random_range(0..50)).map(|_| any_row(&mut random)).collect();
        let mut front = front(&rows);
        for step in 0..400 {
            let gone = rows.iter().next().copied().filter(|_| random.random_ratio(2, 5));
            if let Some((bits, key)) = gone {
                rows.remove(&(bits, key));
                front.remove(bits, &key).unwrap();
            } else {
                let (bits, key) = any_row(&mut random);
                rows.insert((bits, key));
                front.insert(bits, &key).unwrap();
            }
            assert_exact(&front, &rows, &mut random, if gone.is_some() { "removed" } else { "inserted" });
            assert!(step > 0 || front.memory().count() < 100_000);
        }
        let (bits, key) = any_row(&mut random);
        let more = front.rebuilt_with(bits, &key).unwrap();
        rows.insert((bits, key));
        assert_exact(&more, &rows, &mut random, "rebuilt with one more");
        let less = more.rebuilt_without(bits, &key).unwrap();
        rows.remove(&(bits, key));
        assert_exact(&less, &rows, &mut random, "rebuilt without it");
    }
}

#[test]
fn a_row_inside_another_is_uncovered_when_that_one_goes() {
    let [wide, inside, other] = ["198.51.0.0/16", "198.51.100.0/24", "203.0.113.7"]
        .map(|text| row_of(Tag::PUBLIC, text.parse().unwrap_or_else(|_| IpNet::from(text.parse::<IpAddr>().unwrap()))));
    let mut front = front(&[wide, inside, other]);
    let [within, beside] = ["198.51.100.9", "198.51.7.7"].map(|text| source(Tag::PUBLIC, text.parse().unwrap()));
    assert!(front.may_cover(&within) && front.may_cover(&beside));
    front.remove(wide.0, &wide.1).unwrap();
    assert!(front.may_cover(&within) && !front.may_cover(&beside));
    front.remove(inside.0, &inside.1).unwrap();
    assert!(!front.may_cover(&within) && front.may_cover(&other.1));
}

#[test]
fn the_trie_is_asked_about_everything_where_a_source_is_allowed_by_default() {
    let rules = [row(Tag::PUBLIC, "198.51.100.0/24")];
    let rows = rules.map(|(bits, key)| (bits, key, Reason::DenyRule));
    let mut front = Front::build(rows.into_iter().chain(families(Reason::DefaultAllow, Reason::DefaultAllow))).unwrap();
    let [v4, v6] = ["192.0.2.1", "2001:db8::1"].map(|text| source(Tag::vni(5001), text.parse().unwrap()));
    assert!(front.may_cover(&v4) && front.may_cover(&v6));
    front.insert(rules[0].0, &rules[0].1).unwrap();
    front.remove(rules[0].0, &rules[0].1).unwrap();
    assert!(front.may_cover(&v4) && front.may_cover(&v6));
    assert!(!front.may_cover(&private(Tag::vni(5001), "192.0.2.1".parse().unwrap()).1), "no private endpoint");
}

#[test]
fn a_table_that_does_not_say_what_a_family_gets_is_asked() {
    let front = Front::build([]).unwrap();
    assert!(TAGS.iter().all(|tag| front.may_cover(&source(*tag, "192.0.2.1".parse().unwrap()))));
}

#[test]
fn the_reason_of_what_is_not_covered_is_that_of_the_families() {
    let reasons = [Reason::NoRule, Reason::PublicAccessDisabled];
    for reason in reasons {
        let front = Front::build(families(reason, reason)).unwrap();
        assert_eq!(front.uncovered(), reason);
        assert!(!front.may_cover(&source(Tag::PUBLIC, "192.0.2.1".parse().unwrap())));
    }
    let front = Front::build(families(reasons[0], reasons[1])).unwrap();
    assert!(front.may_cover(&source(Tag::PUBLIC, "2001:db8::1".parse().unwrap())), "one header, one reason");
}

/// Each prefix forks off the way to the next: the deepest that rows can be.
#[test]
fn what_lies_deeper_than_a_walk_goes_is_asked_of_the_trie() {
    let ones: u128 = u128::MAX;
    let chain: HashSet<Place> = (20..128_u32)
        .map(|length| {
            let address = (ones << (128 - length)) ^ (1 << (128 - length));
            row_of(Tag::PUBLIC, Ipv6Net::new_assert(address.into(), u8::try_from(length).unwrap()).into())
        })
        .collect();
    let mut one_by_one = front(&HashSet::new());
    for (bits, key) in &chain {
        if one_by_one.insert(*bits, key).is_err() {
            one_by_one = one_by_one.rebuilt_with(*bits, key).unwrap();
        }
    }
    for front in [front(&chain), one_by_one] {
        assert!(chain.iter().all(|(_, key)| front.may_cover(key)), "no row is ever left out");
        assert!(!front.may_cover(&source(Tag::PUBLIC, "2001:db8::1".parse().unwrap())));
    }
}

#[test]
fn many_rows_take_a_few_words_each() {
    let mut random = StdRng::seed_from_u64(3);
    let narrow = (0..100_000).map(|_| Ipv4Net::new_assert(random.random::<u32>().into(), 32).into());
    let narrow: HashSet<Place> = narrow.map(|prefix| row_of(Tag::PUBLIC, prefix)).collect();
    let wide = (0..100_000).map(|_| {
        let address = 0x2001_0db8 << 96 | random.random::<u128>() >> 32;
        Ipv6Net::new_assert(address.into(), 64).trunc().into()
    });
    let wide: HashSet<Place> = wide.map(|prefix| row_of(Tag::PUBLIC, prefix)).collect();
    for (rows, words) in [(narrow, 5), (wide, 10)] {
        let front = front(&rows);
        let most = u32::try_from(rows.len()).unwrap() * words;
        assert!(front.memory().count() < most, "{} words for {} rows", front.memory().count(), rows.len());
    }
}

#[test]
fn whatever_stands_in_a_front_a_walk_ends() {
    let mut random = StdRng::seed_from_u64(4);
    let rows: HashSet<Place> = (0..200).map(|_| any_row(&mut random)).collect();
    let whole = front(&rows);
    for _ in 0..2000 {
        let mut broken = whole.clone();
        for _ in 0..random.random_range(1..20) {
            let index = random.random_range(0..broken.memory.count());
            broken.memory.store(index, random.random());
        }
        for key in near(&mut random) {
            broken.may_cover(&key);
            assert_eq!(broken.uncovered().class(), registry_guard_common::Class::Deny);
        }
    }
}
