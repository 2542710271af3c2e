use super::{FragmentHeader, Layer, Packet, Raw};

/// Which IP layer of a packet is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datagrams {
    /// The first one, which of a VXLAN packet is the underlay's.
    Outer,
    /// The last one, which of a VXLAN packet is the overlay's.
    Inner,
}

impl Packet {
    /// The packet's IP datagram in pieces, first to last; each piece is a packet of its own that can be changed further.
    ///
    /// `cuts` are byte offsets into the fragmentable part, rising, each a multiple of 8. An IPv4 packet is cut behind its
    /// IPv4 header. An IPv6 packet is cut behind its [`FragmentHeader`], so whatever stands before that is repeated in
    /// each piece; without one it is cut behind its IPv6 header.
    pub fn fragments(&self, which: Datagrams, cuts: &[usize]) -> Vec<Packet> {
        let (head, body) = self.split_for_fragments(which);
        let mut ends = cuts.to_vec();
        ends.push(body.len());
        let mut start = 0;
        let mut pieces = Vec::new();
        for end in ends {
            let mut piece = head.clone();
            piece.place_fragment(start, end < body.len());
            pieces.push(piece / Raw::from(&body[start..end]));
            start = end;
        }
        pieces
    }

    /// A fragment of the packet's IP datagram with the bytes `start..end` of the fragmentable part, more to follow or not;
    /// for pieces that overlap or that lie about what follows.
    pub fn fragment(&self, which: Datagrams, start: usize, end: usize, more: bool) -> Packet {
        let (mut head, body) = self.split_for_fragments(which);
        head.place_fragment(start, more);
        head / Raw::from(&body[start..end])
    }

    /// What every fragment repeats, ending with the layer that holds the offset; and the fragmentable bytes.
    fn split_for_fragments(&self, which: Datagrams) -> (Packet, Vec<u8>) {
        let is_ip = |layer: &Layer| matches!(layer, Layer::Ipv4(_) | Layer::Ipv6(_));
        let ip = match which {
            Datagrams::Outer => self.layers.iter().position(is_ip),
            Datagrams::Inner => self.layers.iter().rposition(is_ip),
        };
        let ip = ip.expect("a packet without an IP layer has no fragments");
        let mut packet = self.clone();
        let last = if matches!(self.layers[ip], Layer::Ipv4(_)) {
            ip
        } else {
            let behind = &self.layers[ip + 1..];
            let until_next_ip = behind.iter().position(is_ip).unwrap_or(behind.len());
            let header = behind[..until_next_ip].iter().position(|layer| matches!(layer, Layer::FragmentHeader(_)));
            let at = header.map_or(ip + 1, |header| ip + 1 + header);
            if header.is_none() {
                packet.layers.insert(at, FragmentHeader::default().into());
            }
            at
        };
        packet.announce_next(last);
        let body = packet.bytes_from(last + 1);
        packet.layers.truncate(last + 1);
        (packet, body)
    }

    /// Fixes in layer `index` the number of the layer behind it, which the cut will take away.
    fn announce_next(&mut self, index: usize) {
        let next = super::layer::Surroundings::of(&self.layers, index).protocol;
        match &mut self.layers[index] {
            Layer::Ipv4(v4) => _ = v4.protocol.get_or_insert(next),
            Layer::FragmentHeader(header) => _ = header.next_header.get_or_insert(next),
            _ => {}
        }
    }

    /// Writes offset and "more" into the last layer.
    fn place_fragment(&mut self, start: usize, more: bool) {
        assert!(start.is_multiple_of(8), "a fragment starts at a multiple of 8, not at {start}");
        let units = u16::try_from(start / 8).expect("offsets are below 64 KiB");
        match self.layers.last_mut() {
            Some(Layer::Ipv4(v4)) => {
                v4.fragment_offset = units;
                v4.more_fragments = more;
            }
            Some(Layer::FragmentHeader(header)) => {
                header.offset = units;
                header.more = more;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DestinationOptions, Ethernet, Ipv4, Ipv6, Tcp, Udp, Vxlan};
    use super::*;

    #[test]
    fn the_pieces_of_an_ipv4_datagram_join_to_the_whole() {
        let whole = Ethernet::default() / Ipv4::default() / Tcp::syn(443);
        let pieces = whole.fragments(Datagrams::Outer, &[8, 16]);
        let bodies: Vec<u8> = pieces.iter().flat_map(|piece| piece.bytes()[34..].to_vec()).collect();
        assert_eq!(bodies, whole.bytes()[34..]);
        let fields: Vec<[u8; 3]> =
            pieces.iter().map(|piece| [piece.bytes()[20], piece.bytes()[21], piece.bytes()[23]]).collect();
        assert_eq!(fields, [[0x20, 0, 6], [0x20, 1, 6], [0, 2, 6]]);
    }

    #[test]
    fn an_ipv6_packet_is_cut_behind_its_fragment_header() {
        let whole = Ethernet::default()
            / Ipv6::default()
            / DestinationOptions::default()
            / FragmentHeader::default()
            / Tcp::syn(443);
        let pieces = whole.fragments(Datagrams::Outer, &[8]);
        assert_eq!(pieces.len(), 2);
        for (piece, offset_and_more) in pieces.iter().zip([1, 8]) {
            let bytes = piece.bytes();
            assert_eq!(bytes[20], 60, "destination options come first");
            assert_eq!(bytes[54], 44, "then the fragment header");
            assert_eq!(bytes[62], 6, "then TCP");
            assert_eq!(bytes[65], offset_and_more);
        }
    }

    #[test]
    fn the_outer_and_the_inner_datagram_of_a_vxlan_packet_are_cut_apart() {
        let packet = Ethernet::default()
            / Ipv4::default()
            / Udp::vxlan()
            / Vxlan::vni(5001)
            / Ethernet::default()
            / Ipv4::default()
            / Tcp::syn(443);
        let outer = packet.fragments(Datagrams::Outer, &[32])[1].bytes();
        assert_eq!(outer[14 + 6..][..2], [0, 4]);
        let inner = packet.fragments(Datagrams::Inner, &[8])[1].bytes();
        assert_eq!(inner[14 + 6..][..2], [0, 0]);
        assert_eq!(inner[14 + 20 + 8 + 8 + 14 + 6..][..2], [0, 1]);
    }
}
