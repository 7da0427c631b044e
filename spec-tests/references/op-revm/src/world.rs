//! The state of a chain after a block.

use crate::vector;
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256, keccak256, map::AddressMap};
use alloy_trie::{
    EMPTY_ROOT_HASH, TrieAccount,
    root::{state_root_unhashed, storage_root_unhashed},
};
use revm::{
    Database, DatabaseCommit,
    state::{Account, AccountInfo, Bytecode},
};
use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
};

#[derive(Clone, Debug, Default)]
struct Entry {
    info: AccountInfo,
    /// Without zeros.
    storage: BTreeMap<U256, U256>,
}

/// Accounts, code and block hashes.
#[derive(Clone, Debug, Default)]
pub struct World {
    accounts: HashMap<Address, Entry>,
    code: HashMap<B256, Bytecode>,
    /// Hashes of this chain's blocks by number.
    pub hashes: HashMap<u64, B256>,
}

impl World {
    pub fn new(pre: &BTreeMap<Address, vector::Account>) -> Self {
        let mut world = Self::default();
        for (&address, account) in pre {
            let code_hash = keccak256(&account.code);
            let info = AccountInfo {
                balance: account.balance,
                nonce: account.nonce,
                code_hash,
                code: None,
                ..Default::default()
            };
            if code_hash != KECCAK256_EMPTY {
                // Code that begins like a delegation but is none is ordinary code.
                let code = Bytecode::new_raw_checked(account.code.clone());
                let code = code.unwrap_or_else(|_| Bytecode::new_legacy(account.code.clone()));
                world.code.insert(code_hash, code);
            }
            let slots = account.storage.iter().filter(|(_, value)| !value.is_zero());
            let storage = slots.map(|(&slot, &value)| (slot, value)).collect();
            world.accounts.insert(address, Entry { info, storage });
        }
        world
    }

    pub fn storage_root(&self, address: Address) -> B256 {
        self.accounts.get(&address).map_or(EMPTY_ROOT_HASH, Entry::storage_root)
    }

    pub fn state_root(&self) -> B256 {
        state_root_unhashed(self.accounts.iter().map(|(&address, entry)| {
            let AccountInfo { balance, nonce, code_hash, .. } = entry.info;
            let storage_root = entry.storage_root();
            (address, TrieAccount { nonce, balance, storage_root, code_hash })
        }))
    }
}

impl Entry {
    fn storage_root(&self) -> B256 {
        if self.storage.is_empty() {
            return EMPTY_ROOT_HASH;
        }
        storage_root_unhashed(self.storage.iter().map(|(&slot, &value)| (slot.into(), value)))
    }
}

impl Database for World {
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.accounts.get(&address).map(|entry| entry.info.clone()))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Infallible> {
        Ok(self.code.get(&hash).cloned().unwrap_or_default())
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Infallible> {
        let entry = self.accounts.get(&address);
        Ok(entry.and_then(|entry| entry.storage.get(&slot)).copied().unwrap_or_default())
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        Ok(self.hashes.get(&number).copied().unwrap_or_default())
    }
}

impl DatabaseCommit for World {
    fn commit(&mut self, changes: AddressMap<Account>) {
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            // Touched and empty accounts vanish (EIP-161).
            if account.is_selfdestructed() || account.info.is_empty() {
                self.accounts.remove(&address);
                continue;
            }
            let is_created = account.is_created();
            let mut info = account.info;
            if let Some(code) = info.code.take().filter(|code| !code.is_empty()) {
                self.code.insert(info.code_hash, code);
            }
            let entry = self.accounts.entry(address).or_default();
            entry.info = info;
            if is_created {
                entry.storage.clear();
            }
            for (slot, value) in account.storage {
                match value.present_value {
                    U256::ZERO => entry.storage.remove(&slot),
                    present => entry.storage.insert(slot, present),
                };
            }
        }
    }
}
