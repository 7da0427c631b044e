//! What op-revm says of a vector.

use crate::{
    block::execute,
    chain::Chain,
    guard,
    vector::{Attributes, ForkchoiceUpdate, NewPayload, Payload, Vector},
    world::World,
};
use alloy_consensus::Header;
use alloy_op_hardforks::OpHardforks;
use alloy_primitives::{B256, Bytes};
use op_alloy_consensus::DEPOSIT_TX_TYPE_ID;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::HashMap;

/// A block, and the state after it.
struct Block {
    header: Header,
    world: World,
}

/// Why there is no block.
enum Failure {
    /// It is not for execution to judge.
    NotAsked(String),
    /// A transaction cannot be in the block.
    Invalid(String),
    Panic(String),
}

use Failure::{Invalid, NotAsked, Panic};

impl Failure {
    fn not_asked(reason: impl ToString) -> Self {
        NotAsked(reason.to_string())
    }

    fn to_json(&self) -> Value {
        match self {
            NotAsked(reason) => json!({"notAsked": reason}),
            Invalid(message) => json!({"status": "INVALID", "message": message}),
            Panic(message) => json!({"panic": message}),
        }
    }
}

struct Runner {
    chain: Chain,
    corrected: bool,
    /// Valid ones by hash.
    blocks: HashMap<B256, Block>,
    head: B256,
}

/// A parameter in the form that it should have.
fn parse<T: DeserializeOwned>(value: Option<&Value>, name: &str) -> Result<T, Failure> {
    let value = value.ok_or_else(|| Failure::not_asked(format!("there is no {name}")))?;
    T::deserialize(value).map_err(|error| NotAsked(format!("the form of {name}: {error}")))
}

/// Runs a vector. Fails only by a panic.
pub fn run(vector: &Vector, corrected: bool) -> Value {
    let chain = Chain::new(&vector.config);
    let mut world = World::new(&vector.pre);
    let header = chain.genesis_header(&vector.genesis_block_header, &world);
    let hash = header.hash_slow();
    world.hashes.insert(header.number, hash);
    let blocks = HashMap::from([(hash, Block { header, world })]);
    let mut runner = Runner { chain, corrected, blocks, head: hash };

    let calls = &vector.engine_forkchoice_updates;
    let mut forkchoices = vec![Value::Null; calls.len()];
    let mut payloads = Vec::new();
    for done in 0..=vector.engine_new_payloads.len() {
        for (index, call) in calls.iter().enumerate().filter(|(_, call)| call.after == done) {
            forkchoices[index] = runner.update_forkchoice(call);
        }
        if let Some(call) = vector.engine_new_payloads.get(done) {
            payloads.push(runner.new_payload(call));
        }
    }
    let mut result = json!({
        "genesisHash": hash,
        "payloads": payloads,
        "forkchoiceUpdates": forkchoices,
    });
    // Where it was not asked about a call, or a head was chosen, it does not know the last block.
    let is_known = calls.iter().all(|call| !call.moves_head());
    if is_known && payloads.iter().all(|answer| answer.get("notAsked").is_none()) {
        let header = &runner.blocks[&runner.head].header;
        result["lastblockhash"] = json!(runner.head);
        result["postStateHash"] = json!(header.state_root);
    }
    result
}

impl ForkchoiceUpdate {
    fn moves_head(&self) -> bool {
        self.params.get(1).is_none_or(Value::is_null)
    }
}

impl Runner {
    fn parent(&self, hash: B256) -> Result<&Block, Failure> {
        self.blocks.get(&hash).ok_or_else(|| Failure::not_asked("the parent is not known"))
    }

    /// What must be in a block is a rule of those who derive or check blocks, not of execution.
    fn check_transactions(&self, header: &Header, parent: &Header, list: &[Bytes]) -> Result<(), Failure> {
        let forks = &self.chain.forks;
        if !forks.is_jovian_active_at_timestamp(header.timestamp) {
            return Ok(());
        }
        let is_deposit = |raw: &Bytes| raw.first() == Some(&DEPOSIT_TX_TYPE_ID);
        if !list.first().is_some_and(is_deposit) {
            return Err(Failure::not_asked("whether a block must begin with a deposit"));
        }
        let karst = |header: &Header| forks.is_karst_active_at_timestamp(header.timestamp);
        let is_upgrade = !forks.is_jovian_active_at_timestamp(parent.timestamp)
            || karst(header) != karst(parent);
        if is_upgrade && !list.iter().all(is_deposit) {
            return Err(Failure::not_asked("whether an upgrade's block may have transactions"));
        }
        Ok(())
    }

    /// The block after one that is known.
    fn build(&self, parent: B256, attributes: &Attributes) -> Result<Block, Failure> {
        let Block { header: parent, world } = self.parent(parent)?;
        let mut world = world.clone();
        let header = guard(|| self.chain.prepare_header(parent, attributes)).map_err(Panic)?;
        let header = header.map_err(NotAsked)?;
        self.check_transactions(&header, parent, &attributes.transactions)?;
        let Attributes { transactions, .. } = attributes;
        let run = || execute(&self.chain, header, transactions, &mut world, self.corrected);
        let header = guard(run).map_err(Panic)?.map_err(Invalid)?;
        world.hashes.insert(header.number, header.hash_slow());
        Ok(Block { header, world })
    }

    fn new_payload(&mut self, call: &NewPayload) -> Value {
        let mut built = None;
        let mut said = None;
        if let Some(value) = &call.payload_attributes {
            let result = self.build_for(call, value);
            said = Some(match &result {
                Ok(block) => json!(block.header.hash_slow()),
                Err(failure) => failure.to_json(),
            });
            built = result.ok();
        }
        let mut answer = match self.judge(call, built) {
            Ok(answer) => answer,
            Err(failure) => failure.to_json(),
        };
        if let Some(said) = said {
            answer["built"] = said;
        }
        answer
    }

    fn build_for(&self, call: &NewPayload, attributes: &Value) -> Result<Block, Failure> {
        let payload: Payload = parse(call.params.first(), "the payload")?;
        let attributes: Attributes = parse(Some(attributes), "the attributes")?;
        self.build(payload.parent_hash, &attributes)
    }

    /// Judges a payload. What was `built` of its attributes is not executed again.
    fn judge(&mut self, call: &NewPayload, built: Option<Block>) -> Result<Value, Failure> {
        let payload: Payload = parse(call.params.first(), "the payload")?;
        let forks = &self.chain.forks;
        let (version, count) = match payload.timestamp {
            time if forks.is_isthmus_active_at_timestamp(time) => ("4", 4),
            time if forks.is_ecotone_active_at_timestamp(time) => ("3", 3),
            _ => ("2", 1),
        };
        if call.new_payload_version != version || call.params.len() != count {
            return Err(Failure::not_asked("the version of a method"));
        }
        for (index, name) in [(1, "versioned hashes"), (3, "requests")] {
            let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
            if !call.params.get(index).is_none_or(is_empty) {
                return Err(NotAsked(format!("whether {name} may be there")));
            }
        }
        let beacon_root = call.params.get(2).map(|root| parse(Some(root), "the beacon root"));
        let claimed = self.chain.header_of(&payload, beacon_root.transpose()?);
        let claimed = claimed.map_err(NotAsked)?;
        if claimed.hash_slow() != payload.block_hash {
            return Err(Failure::not_asked("the hash of a payload"));
        }
        let built = built.filter(|block| block.header == claimed);
        let block = match built {
            Some(block) => block,
            None => self.build(payload.parent_hash, &self.chain.attributes_of(&claimed, &payload))?,
        };
        self.compare(&claimed, block)
    }

    fn compare(&mut self, claimed: &Header, block: Block) -> Result<Value, Failure> {
        let header = &block.header;
        let differing = [
            ("gasUsed", claimed.gas_used != header.gas_used),
            ("stateRoot", claimed.state_root != header.state_root),
            ("receiptsRoot", claimed.receipts_root != header.receipts_root),
            ("logsBloom", claimed.logs_bloom != header.logs_bloom),
            ("withdrawalsRoot", claimed.withdrawals_root != header.withdrawals_root),
            ("blobGasUsed", claimed.blob_gas_used != header.blob_gas_used),
        ];
        let names = differing.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name);
        let names = names.collect::<Vec<_>>();
        if !names.is_empty() {
            return Err(Invalid(format!("{} should be others", names.join(", "))));
        }
        if claimed != header {
            return Err(Failure::not_asked("fields of the header that do not come of execution"));
        }
        let hash = header.hash_slow();
        self.head = hash;
        self.blocks.insert(hash, block);
        Ok(json!({"status": "VALID", "latestValidHash": hash}))
    }

    /// Only builds can be judged. An engine refuses attributes that give no block with -38003.
    fn update_forkchoice(&self, call: &ForkchoiceUpdate) -> Value {
        let build = || {
            if call.moves_head() {
                return Err(Failure::not_asked("the Engine API"));
            }
            let state = call.params.first();
            let head = parse(state.map(|state| &state["headBlockHash"]), "headBlockHash")?;
            self.build(head, &parse(call.params.get(1), "the attributes")?)
        };
        match build() {
            Ok(block) => json!({"status": "VALID", "blockHash": block.header.hash_slow()}),
            Err(Invalid(message)) => json!({"errorCode": -38003, "message": message}),
            Err(failure) => failure.to_json(),
        }
    }
}
