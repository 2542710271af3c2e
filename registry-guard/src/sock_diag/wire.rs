//! What travels over the socket.

use netlink_packet_core::{NetlinkDeserializable, NetlinkHeader, NetlinkSerializable};
use netlink_packet_sock_diag::inet::{InetRequest, InetResponseHeader, RESPONSE_LEN};
use netlink_packet_sock_diag::{SOCK_DESTROY, SockDiagMessage};

/// What is asked of the kernel. The library knows the record, but sends it as a question for sockets only.
pub(super) enum Request {
    List(InetRequest),
    Destroy(InetRequest),
}

impl Request {
    fn record(&self) -> SockDiagMessage {
        let (Self::List(request) | Self::Destroy(request)) = self;
        SockDiagMessage::InetRequest(request.clone())
    }
}

impl NetlinkSerializable for Request {
    fn message_type(&self) -> u16 {
        match self {
            Self::List(_) => self.record().message_type(),
            Self::Destroy(_) => SOCK_DESTROY,
        }
    }

    fn buffer_len(&self) -> usize {
        NetlinkSerializable::buffer_len(&self.record())
    }

    fn serialize(&self, buffer: &mut [u8]) {
        NetlinkSerializable::serialize(&self.record(), buffer);
    }
}

/// One socket. The attributes behind its record are left unread: a kernel may know more of them than the library.
pub(super) struct Answer(pub(super) Option<InetResponseHeader>);

impl NetlinkDeserializable for Answer {
    type Error = <SockDiagMessage as NetlinkDeserializable>::Error;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, Self::Error> {
        let record = payload.get(..RESPONSE_LEN).unwrap_or(payload);
        Ok(Self(match SockDiagMessage::deserialize(header, record)? {
            SockDiagMessage::InetResponse(response) => Some(response.header),
            _ => None,
        }))
    }
}
