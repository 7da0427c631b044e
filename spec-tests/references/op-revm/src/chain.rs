//! The forks of a chain, and its headers.

use crate::{
    vector::{Attributes, Config, GenesisHeader, Payload},
    world::World,
};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::eip1559::{BaseFeeParams, calc_next_block_base_fee};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_op_hardforks::{ForkCondition, OpChainHardforks, OpHardfork, OpHardforks};
use alloy_primitives::{Address, B64, B256, Bytes, U256, address};
use alloy_trie::{EMPTY_ROOT_HASH, root::ordered_trie_root_encoded};
use op_alloy_consensus::{
    decode_holocene_extra_data, decode_jovian_extra_data, encode_holocene_extra_data,
    encode_jovian_extra_data,
};

const MESSAGE_PASSER: Address = address!("4200000000000000000000000000000000000016");

pub struct Chain {
    pub id: u64,
    pub forks: OpChainHardforks,
    /// Until Canyon, and from Canyon on.
    base_fee_params: [BaseFeeParams; 2],
}

impl Chain {
    pub fn new(config: &Config) -> Self {
        let at = |time: Option<u64>| time.map_or(ForkCondition::Never, ForkCondition::Timestamp);
        let forks = OpChainHardforks::new([
            (OpHardfork::Bedrock, ForkCondition::Block(0)),
            (OpHardfork::Regolith, at(config.regolith_time)),
            (OpHardfork::Canyon, at(config.canyon_time)),
            (OpHardfork::Ecotone, at(config.ecotone_time)),
            (OpHardfork::Fjord, at(config.fjord_time)),
            (OpHardfork::Granite, at(config.granite_time)),
            (OpHardfork::Holocene, at(config.holocene_time)),
            (OpHardfork::Isthmus, at(config.isthmus_time)),
            (OpHardfork::Jovian, at(config.jovian_time)),
            (OpHardfork::Karst, at(config.karst_time)),
        ]);
        let params = |denominator: u64| {
            BaseFeeParams::new(denominator.into(), config.optimism.elasticity.into())
        };
        let denominator = config.optimism.denominator;
        let canyon = config.optimism.denominator_canyon.unwrap_or(denominator);
        Self { id: config.chain_id, forks, base_fee_params: [params(denominator), params(canyon)] }
    }

    fn base_fee_params(&self, timestamp: u64) -> BaseFeeParams {
        self.base_fee_params[usize::from(self.forks.is_canyon_active_at_timestamp(timestamp))]
    }

    /// The base fee of the block after `parent`, as reth-optimism-chainspec computes it.
    fn next_base_fee(&self, parent: &Header, timestamp: u64) -> Result<u64, String> {
        let params = |elasticity: u32, denominator: u32| match (elasticity, denominator) {
            (0, 0) => self.base_fee_params(timestamp),
            _ => BaseFeeParams::new(denominator.into(), elasticity.into()),
        };
        let after = |gas_used: u64, params: BaseFeeParams| {
            let base_fee = parent.base_fee_per_gas.unwrap_or_default();
            calc_next_block_base_fee(gas_used, parent.gas_limit, base_fee, params)
        };
        if self.forks.is_jovian_active_at_timestamp(parent.timestamp) {
            let (elasticity, denominator, minimum) =
                decode_jovian_extra_data(&parent.extra_data).map_err(|e| e.to_string())?;
            let gas_used = parent.gas_used.max(parent.blob_gas_used.unwrap_or_default());
            Ok(after(gas_used, params(elasticity, denominator)).max(minimum))
        } else if self.forks.is_holocene_active_at_timestamp(parent.timestamp) {
            let (elasticity, denominator) =
                decode_holocene_extra_data(&parent.extra_data).map_err(|e| e.to_string())?;
            Ok(after(parent.gas_used, params(elasticity, denominator)))
        } else {
            Ok(after(parent.gas_used, self.base_fee_params(timestamp)))
        }
    }

    /// The storage root of the message passer from Isthmus on, that of nothing from Canyon on.
    pub fn withdrawals_root(&self, timestamp: u64, world: &World) -> Option<B256> {
        if self.forks.is_isthmus_active_at_timestamp(timestamp) {
            return Some(world.storage_root(MESSAGE_PASSER));
        }
        self.forks.is_canyon_active_at_timestamp(timestamp).then_some(EMPTY_ROOT_HASH)
    }

    pub fn genesis_header(&self, fields: &GenesisHeader, world: &World) -> Header {
        let timestamp = fields.timestamp;
        let is_ecotone = self.forks.is_ecotone_active_at_timestamp(timestamp);
        let is_isthmus = self.forks.is_isthmus_active_at_timestamp(timestamp);
        Header {
            parent_hash: fields.parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: fields.coinbase,
            state_root: world.state_root(),
            transactions_root: EMPTY_ROOT_HASH,
            receipts_root: EMPTY_ROOT_HASH,
            difficulty: fields.difficulty,
            number: fields.number,
            gas_limit: fields.gas_limit,
            gas_used: fields.gas_used,
            timestamp,
            extra_data: fields.extra_data.clone(),
            mix_hash: fields.mix_hash,
            nonce: B64::from(fields.nonce.to::<u64>()),
            base_fee_per_gas: Some(fields.base_fee_per_gas.unwrap_or(1_000_000_000)),
            withdrawals_root: self.withdrawals_root(timestamp, world),
            blob_gas_used: is_ecotone.then(|| fields.blob_gas_used.unwrap_or_default()),
            excess_blob_gas: is_ecotone.then(|| fields.excess_blob_gas.unwrap_or_default()),
            parent_beacon_block_root: is_ecotone.then_some(B256::ZERO),
            requests_hash: is_isthmus.then_some(EMPTY_REQUESTS_HASH),
            ..Default::default()
        }
    }

    fn extra_data(&self, attributes: &Attributes) -> Result<Bytes, String> {
        let timestamp = attributes.timestamp;
        if !self.forks.is_holocene_active_at_timestamp(timestamp) {
            let is_absent = attributes.eip1559_params.is_none();
            return is_absent.then(Bytes::new).ok_or("eip1559Params before Holocene".into());
        }
        let params = attributes.eip1559_params.ok_or("there are no eip1559Params")?;
        let (denominator, elasticity) = params.split_at(4);
        if denominator.iter().all(|&x| x == 0) != elasticity.iter().all(|&x| x == 0) {
            return Err("one half of eip1559Params is zero".into());
        }
        let default = self.base_fee_params(timestamp);
        let encoded = if self.forks.is_jovian_active_at_timestamp(timestamp) {
            let minimum = attributes.min_base_fee.ok_or("there is no minBaseFee")?;
            encode_jovian_extra_data(params, default, minimum)
        } else {
            encode_holocene_extra_data(params, default)
        };
        encoded.map_err(|error| error.to_string())
    }

    /// The header of the block after `parent` as far as it is known before execution.
    ///
    /// Fails if no block can have these attributes, whatever its transactions.
    pub fn prepare_header(&self, parent: &Header, attributes: &Attributes) -> Result<Header, String> {
        let timestamp = attributes.timestamp;
        if timestamp <= parent.timestamp {
            return Err("the timestamp is not after that of the parent".into());
        }
        if i64::try_from(attributes.gas_limit).is_err() {
            return Err("the gas limit is above 63 bits".into());
        }
        let is_canyon = self.forks.is_canyon_active_at_timestamp(timestamp);
        if attributes.withdrawals.as_ref().is_some_and(|list| !list.is_empty()) {
            return Err("there are withdrawals".into());
        }
        if attributes.withdrawals.is_some() != is_canyon {
            return Err("withdrawals are not those of the fork".into());
        }
        let is_ecotone = self.forks.is_ecotone_active_at_timestamp(timestamp);
        if attributes.parent_beacon_block_root.is_some() != is_ecotone {
            return Err("parentBeaconBlockRoot is not that of the fork".into());
        }
        let is_jovian = self.forks.is_jovian_active_at_timestamp(timestamp);
        if attributes.min_base_fee.is_some() != is_jovian {
            return Err("minBaseFee is not that of the fork".into());
        }
        if !attributes.no_tx_pool {
            return Err("there may be transactions of the pool".into());
        }
        let is_isthmus = self.forks.is_isthmus_active_at_timestamp(timestamp);
        Ok(Header {
            parent_hash: parent.hash_slow(),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: attributes.suggested_fee_recipient,
            transactions_root: ordered_trie_root_encoded(&attributes.transactions),
            number: parent.number + 1,
            gas_limit: attributes.gas_limit,
            timestamp,
            extra_data: self.extra_data(attributes)?,
            mix_hash: attributes.prev_randao,
            base_fee_per_gas: Some(self.next_base_fee(parent, timestamp)?),
            parent_beacon_block_root: attributes.parent_beacon_block_root,
            blob_gas_used: is_ecotone.then_some(0),
            excess_blob_gas: is_ecotone.then_some(0),
            requests_hash: is_isthmus.then_some(EMPTY_REQUESTS_HASH),
            ..Default::default()
        })
    }

    /// The header that a payload stands for.
    pub fn header_of(&self, payload: &Payload, beacon_root: Option<B256>) -> Result<Header, String> {
        let timestamp = payload.timestamp;
        let is_canyon = self.forks.is_canyon_active_at_timestamp(timestamp);
        let is_isthmus = self.forks.is_isthmus_active_at_timestamp(timestamp);
        let base_fee = payload.base_fee_per_gas;
        Ok(Header {
            parent_hash: payload.parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: payload.fee_recipient,
            state_root: payload.state_root,
            transactions_root: ordered_trie_root_encoded(&payload.transactions),
            receipts_root: payload.receipts_root,
            logs_bloom: payload.logs_bloom,
            difficulty: U256::ZERO,
            number: payload.block_number,
            gas_limit: payload.gas_limit,
            gas_used: payload.gas_used,
            timestamp,
            extra_data: payload.extra_data.clone(),
            mix_hash: payload.prev_randao,
            base_fee_per_gas: Some(base_fee.try_into().map_err(|_| "the base fee is too large")?),
            withdrawals_root: payload.withdrawals_root.or(is_canyon.then_some(EMPTY_ROOT_HASH)),
            blob_gas_used: payload.blob_gas_used,
            excess_blob_gas: payload.excess_blob_gas,
            parent_beacon_block_root: beacon_root,
            requests_hash: is_isthmus.then_some(EMPTY_REQUESTS_HASH),
            ..Default::default()
        })
    }

    /// Attributes of which only the block with this header can come.
    pub fn attributes_of(&self, header: &Header, payload: &Payload) -> Attributes {
        let extra = &header.extra_data;
        let part = |from: usize, to: usize| extra.get(from..to);
        Attributes {
            timestamp: header.timestamp,
            prev_randao: header.mix_hash,
            suggested_fee_recipient: header.beneficiary,
            withdrawals: payload.withdrawals.clone(),
            parent_beacon_block_root: header.parent_beacon_block_root,
            transactions: payload.transactions.clone(),
            no_tx_pool: true,
            gas_limit: header.gas_limit,
            eip1559_params: part(1, 9).map(B64::from_slice),
            min_base_fee: part(9, 17).map(|bytes| U256::from_be_slice(bytes).to::<u64>()),
        }
    }
}
