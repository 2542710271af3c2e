//! What the second layer remembers about connections.

use aya::Ebpf;
use aya::maps::{HashMap, MapData, MapError};
use registry_guard_common::{FlowKey, FlowRecord};

use super::{KernelError, take};

pub(super) struct Flows(HashMap<MapData, FlowKey, FlowRecord>);

impl Flows {
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, KernelError> {
        Ok(Self(HashMap::try_from(take(ebpf, "FLOWS")?)?))
    }

    pub(super) fn get(&self, key: &FlowKey) -> Result<Option<FlowRecord>, KernelError> {
        match self.0.get(key, 0) {
            Ok(record) => Ok(Some(record)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
