package main

import (
	"encoding/json"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
)

// vector has the fields of a vector that a client needs, not those that it is compared with.
type vector struct {
	Config      json.RawMessage `json:"config"`
	Header      map[string]any  `json:"genesisBlockHeader"`
	Pre         json.RawMessage `json:"pre"`
	Payloads    []newPayload    `json:"engineNewPayloads"`
	Forkchoices []forkchoice    `json:"engineForkchoiceUpdates"`
}

type newPayload struct {
	Version           string            `json:"newPayloadVersion"`
	ForkchoiceVersion string            `json:"forkchoiceUpdatedVersion"`
	Params            []json.RawMessage `json:"params"`
	Attributes        json.RawMessage   `json:"payloadAttributes"`
	GetPayloadVersion string            `json:"getPayloadVersion"`
}

type forkchoice struct {
	After             int               `json:"after"`
	Version           string            `json:"forkchoiceUpdatedVersion"`
	Params            []json.RawMessage `json:"params"`
	GetPayloadVersion string            `json:"getPayloadVersion"`
}

// verdict is what a client says about a vector.
type verdict struct {
	ID            json.RawMessage `json:"id"`
	Error         string          `json:"error,omitempty"`
	GenesisHash   *common.Hash    `json:"genesisHash,omitempty"`
	Payloads      []answer        `json:"payloads,omitempty"`
	Forkchoices   []answer        `json:"forkchoiceUpdates,omitempty"`
	LastBlockHash *common.Hash    `json:"lastblockhash,omitempty"`
	PostStateHash *common.Hash    `json:"postStateHash,omitempty"`
}

// answer is what a client says to one call and those that belong to it.
type answer struct {
	Status          string       `json:"status,omitempty"`
	ErrorCode       int          `json:"errorCode,omitempty"`
	Panic           string       `json:"panic,omitempty"`
	LatestValidHash *common.Hash `json:"latestValidHash,omitempty"`
	Message         string       `json:"message,omitempty"`
	// Hash of the block that the attributes give, or why they give none.
	Built string `json:"built,omitempty"`
	// What forkchoiceUpdated to a valid payload says, if not VALID.
	Head      string       `json:"head,omitempty"`
	PayloadID string       `json:"payloadId,omitempty"`
	BlockHash *common.Hash `json:"blockHash,omitempty"`
}

// genesis makes a genesis file of a vector: these fields of the header, and the state.
func (v *vector) genesis() (*core.Genesis, error) {
	file := map[string]any{"config": v.Config, "alloc": v.Pre}
	for _, name := range []string{
		"coinbase", "difficulty", "extraData", "gasLimit", "mixHash", "nonce", "timestamp",
		"baseFeePerGas", "excessBlobGas", "blobGasUsed", "number", "gasUsed", "parentHash",
	} {
		if value, ok := v.Header[name]; ok {
			file[name] = value
		}
	}
	text, err := json.Marshal(file)
	if err != nil {
		return nil, err
	}
	genesis := new(core.Genesis)
	return genesis, json.Unmarshal(text, genesis)
}
