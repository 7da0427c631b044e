//! The fields of a vector that execution needs.

use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U256};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vector {
    pub config: Config,
    pub genesis_block_header: GenesisHeader,
    pub pre: BTreeMap<Address, Account>,
    pub engine_new_payloads: Vec<NewPayload>,
    #[serde(default)]
    pub engine_forkchoice_updates: Vec<ForkchoiceUpdate>,
}

/// Times in seconds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    pub chain_id: u64,
    pub regolith_time: Option<u64>,
    pub canyon_time: Option<u64>,
    pub ecotone_time: Option<u64>,
    pub fjord_time: Option<u64>,
    pub granite_time: Option<u64>,
    pub holocene_time: Option<u64>,
    pub isthmus_time: Option<u64>,
    pub jovian_time: Option<u64>,
    pub karst_time: Option<u64>,
    pub optimism: BaseFeeConfig,
}

#[derive(Deserialize)]
pub struct BaseFeeConfig {
    #[serde(rename = "eip1559Elasticity")]
    pub elasticity: u64,
    #[serde(rename = "eip1559Denominator")]
    pub denominator: u64,
    #[serde(rename = "eip1559DenominatorCanyon")]
    pub denominator_canyon: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenesisHeader {
    pub parent_hash: B256,
    pub coinbase: Address,
    pub difficulty: U256,
    #[serde(with = "alloy_serde::quantity")]
    pub number: u64,
    #[serde(with = "alloy_serde::quantity")]
    pub gas_limit: u64,
    #[serde(with = "alloy_serde::quantity")]
    pub gas_used: u64,
    #[serde(with = "alloy_serde::quantity")]
    pub timestamp: u64,
    pub extra_data: Bytes,
    pub mix_hash: B256,
    pub nonce: U256,
    #[serde(default, with = "alloy_serde::quantity::opt")]
    pub base_fee_per_gas: Option<u64>,
    #[serde(default, with = "alloy_serde::quantity::opt")]
    pub blob_gas_used: Option<u64>,
    #[serde(default, with = "alloy_serde::quantity::opt")]
    pub excess_blob_gas: Option<u64>,
}

#[derive(Deserialize)]
pub struct Account {
    pub balance: U256,
    #[serde(with = "alloy_serde::quantity")]
    pub nonce: u64,
    pub code: Bytes,
    pub storage: BTreeMap<U256, U256>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewPayload {
    pub new_payload_version: String,
    pub params: Vec<Value>,
    pub payload_attributes: Option<Value>,
}

#[derive(Deserialize)]
pub struct ForkchoiceUpdate {
    pub after: usize,
    pub params: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    pub parent_hash: B256,
    pub fee_recipient: Address,
    pub state_root: B256,
    pub receipts_root: B256,
    pub logs_bloom: Bloom,
    pub prev_randao: B256,
    #[serde(with = "alloy_serde::quantity")]
    pub block_number: u64,
    #[serde(with = "alloy_serde::quantity")]
    pub gas_limit: u64,
    #[serde(with = "alloy_serde::quantity")]
    pub gas_used: u64,
    #[serde(with = "alloy_serde::quantity")]
    pub timestamp: u64,
    pub extra_data: Bytes,
    pub base_fee_per_gas: U256,
    pub block_hash: B256,
    pub transactions: Vec<Bytes>,
    pub withdrawals: Option<Vec<Value>>,
    #[serde(default, with = "alloy_serde::quantity::opt")]
    pub blob_gas_used: Option<u64>,
    #[serde(default, with = "alloy_serde::quantity::opt")]
    pub excess_blob_gas: Option<u64>,
    pub withdrawals_root: Option<B256>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attributes {
    #[serde(with = "alloy_serde::quantity")]
    pub timestamp: u64,
    pub prev_randao: B256,
    pub suggested_fee_recipient: Address,
    pub withdrawals: Option<Vec<Value>>,
    pub parent_beacon_block_root: Option<B256>,
    #[serde(default)]
    pub transactions: Vec<Bytes>,
    #[serde(default)]
    pub no_tx_pool: bool,
    #[serde(with = "alloy_serde::quantity")]
    pub gas_limit: u64,
    pub eip1559_params: Option<B64>,
    #[serde(default, deserialize_with = "number_or_quantity")]
    pub min_base_fee: Option<u64>,
}

/// `minBaseFee` may be a number of JSON.
fn number_or_quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u64),
        Quantity(#[serde(with = "alloy_serde::quantity")] u64),
    }
    Ok(Option::<Either>::deserialize(deserializer)?.map(|value| match value {
        Either::Number(value) | Either::Quantity(value) => value,
    }))
}
