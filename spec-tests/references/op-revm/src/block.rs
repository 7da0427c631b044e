//! Execution of a block by alloy-op-evm.

use crate::{chain::Chain, world::World};
use alloy_consensus::{
    Header, Transaction, TxReceipt,
    transaction::{Recovered, SignerRecoverable},
};
use alloy_eips::eip2718::{Decodable2718, Encodable2718, WithEncoded};
use alloy_evm::{
    Evm, EvmFactory, RecoveredTx,
    block::{BlockExecutor, BlockExecutorFactory},
};
use alloy_op_evm::{
    OpBlockExecutionCtx, OpBlockExecutorFactory, OpEvmFactory, OpTx, block::OpAlloyReceiptBuilder,
    evm_env_for_op_block,
};
use alloy_op_hardforks::OpHardforks;
use alloy_primitives::{Bloom, Bytes};
use alloy_trie::root::ordered_trie_root_encoded;
use op_alloy_consensus::{OpReceiptEnvelope, OpTxEnvelope};
use revm::precompile::{
    EthPrecompileResult, PrecompileFn, PrecompileHalt, bn254, eth_precompile_fn,
};

/// Gas of a transaction at most from Karst on (EIP-7825).
const TX_GAS_LIMIT_CAP: u64 = 1 << 24;

/// Bytes of input that the bn254 pairing takes at most from Karst on.
const KARST_PAIRING_INPUT: usize = 57_600;

fn run_karst_pairing(input: &[u8], gas_limit: u64) -> EthPrecompileResult {
    if input.len() > KARST_PAIRING_INPUT {
        return Err(PrecompileHalt::Bn254PairLength);
    }
    let (per_point, base) = (bn254::pair::ISTANBUL_PAIR_PER_POINT, bn254::pair::ISTANBUL_PAIR_BASE);
    bn254::run_pair(input, per_point, base, gas_limit)
}
eth_precompile_fn!(karst_pairing, run_karst_pairing);

type Tx = WithEncoded<Recovered<OpTxEnvelope>>;

fn decode(index: usize, raw: &Bytes) -> Result<Tx, String> {
    let fail = |error: String| format!("transaction {index}: {error}");
    let tx = OpTxEnvelope::decode_2718_exact(raw).map_err(|error| fail(error.to_string()))?;
    let sender = tx.recover_signer().map_err(|error| fail(error.to_string()))?;
    Ok(WithEncoded::new(raw.clone(), Recovered::new_unchecked(tx, sender)))
}

/// Executes transactions under a header that lacks what comes of execution, and fills that in.
///
/// `world` is the state after the parent, and becomes the state after the block. Fails with a message
/// if a transaction cannot be in the block.
pub fn execute(
    chain: &Chain,
    mut header: Header,
    transactions: &[Bytes],
    world: &mut World,
    corrected: bool,
) -> Result<Header, String> {
    let decoded = transactions.iter().enumerate().map(|(index, raw)| decode(index, raw));
    let decoded = decoded.collect::<Result<Vec<_>, _>>()?;
    let mut env = evm_env_for_op_block(&header, &chain.forks, chain.id);
    let correct_karst = corrected && chain.forks.is_karst_active_at_timestamp(header.timestamp);
    if correct_karst {
        // The cap is not for deposits.
        env.cfg_env.tx_gas_limit_cap = Some(u64::MAX);
        let is_above = |tx: &OpTxEnvelope| !tx.is_deposit() && tx.gas_limit() > TX_GAS_LIMIT_CAP;
        if let Some(index) = decoded.iter().position(|tx| is_above(tx.tx())) {
            return Err(format!("transaction {index}: more gas than a transaction may have"));
        }
    }
    let receipts = OpAlloyReceiptBuilder::default();
    let evms = OpEvmFactory::<OpTx>::default();
    let factory = OpBlockExecutorFactory::new(receipts, chain.forks.clone(), evms);
    let mut evm = factory.evm_factory().create_evm(&mut *world, env);
    if correct_karst {
        let pairing = |_| Some((karst_pairing as PrecompileFn).into());
        evm.components_mut().2.apply_precompile(&bn254::pair::ADDRESS, pairing);
    }
    let context = OpBlockExecutionCtx {
        parent_hash: header.parent_hash,
        parent_beacon_block_root: header.parent_beacon_block_root,
        extra_data: header.extra_data.clone(),
    };
    let mut executor = factory.create_executor(evm, context);
    executor.apply_pre_execution_changes().map_err(|error| error.to_string())?;
    for (index, tx) in decoded.iter().enumerate() {
        let result = executor.execute_transaction(tx);
        result.map_err(|error| format!("transaction {index}: {error}"))?;
    }
    let (_, result) = executor.finish().map_err(|error| error.to_string())?;

    header.gas_used = result.gas_used;
    if chain.forks.is_jovian_active_at_timestamp(header.timestamp) {
        header.blob_gas_used = Some(result.blob_gas_used);
    }
    header.logs_bloom = result.receipts.iter().fold(Bloom::ZERO, |sum, one| sum | one.bloom());
    let is_canyon = chain.forks.is_canyon_active_at_timestamp(header.timestamp);
    let leaves = result.receipts.into_iter().map(|receipt| encode_receipt(receipt, is_canyon));
    header.receipts_root = ordered_trie_root_encoded(&leaves.collect::<Vec<_>>());
    header.state_root = world.state_root();
    header.withdrawals_root = chain.withdrawals_root(header.timestamp, world);
    Ok(header)
}

/// The leaf of a receipt in the trie, which has no deposit nonce before Canyon.
fn encode_receipt(mut receipt: OpReceiptEnvelope, is_canyon: bool) -> Vec<u8> {
    if let OpReceiptEnvelope::Deposit(deposit) = &mut receipt
        && !is_canyon
    {
        deposit.receipt.deposit_nonce = None;
    }
    receipt.encoded_2718()
}
