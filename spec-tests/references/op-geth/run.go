package main

import (
	"encoding/json"
	"fmt"

	"github.com/ethereum/go-ethereum/common"
)

type payloadStatus struct {
	Status          string       `json:"status"`
	LatestValidHash *common.Hash `json:"latestValidHash"`
	ValidationError *string      `json:"validationError"`
}

type forkchoiceUpdated struct {
	PayloadStatus payloadStatus `json:"payloadStatus"`
	PayloadID     *string       `json:"payloadId"`
}

type block struct {
	Hash      common.Hash `json:"hash"`
	StateRoot common.Hash `json:"stateRoot"`
}

// runVector does the calls of a vector in the order that its format prescribes.
func runVector(v *vector, c *client) (*verdict, error) {
	genesis, err := c.block("earliest")
	if err != nil {
		return nil, err
	}
	result := &verdict{
		GenesisHash: &genesis.Hash,
		Payloads:    []answer{},
		Forkchoices: make([]answer, len(v.Forkchoices)),
	}
	for i := range len(v.Payloads) + 1 {
		for k, call := range v.Forkchoices {
			if call.After == i {
				result.Forkchoices[k] = c.updateForkchoice(&call)
			}
		}
		if i < len(v.Payloads) {
			result.Payloads = append(result.Payloads, c.newPayload(&v.Payloads[i]))
		}
	}
	last, err := c.block("latest")
	if err != nil {
		return nil, err
	}
	result.LastBlockHash, result.PostStateHash = &last.Hash, &last.StateRoot
	return result, nil
}

func (c *client) block(tag string) (*block, error) {
	result := new(block)
	fail := c.call(result, "eth_getBlockByNumber", quote(tag), json.RawMessage("false"))
	if fail != nil {
		return nil, fmt.Errorf("block %s: %s", tag, fail.message)
	}
	return result, nil
}

func quote(text string) json.RawMessage {
	quoted, _ := json.Marshal(text)
	return quoted
}

// newPayload builds the block of the attributes, if there are any, gives the payload to op-geth, and
// makes it the head where it is valid.
func (c *client) newPayload(p *newPayload) answer {
	built := ""
	if len(p.Attributes) > 0 {
		built = c.build(p)
	}
	var status payloadStatus
	fail := c.call(&status, "engine_newPayloadV"+p.Version, p.Params...)
	result := toAnswer(&status, fail)
	result.Built = built
	if status.Status == "VALID" {
		var updated forkchoiceUpdated
		state := forkchoiceState(status.LatestValidHash)
		method := "engine_forkchoiceUpdatedV" + p.ForkchoiceVersion
		fail := c.call(&updated, method, state, json.RawMessage("null"))
		head := toAnswer(&updated.PayloadStatus, fail)
		if head.Status != "VALID" {
			result.Head = head.String()
		}
	}
	return result
}

func forkchoiceState(head *common.Hash) json.RawMessage {
	state, _ := json.Marshal(map[string]any{
		"headBlockHash":      head,
		"safeBlockHash":      common.Hash{},
		"finalizedBlockHash": common.Hash{},
	})
	return state
}

// build gives the hash of the block that op-geth builds of a payload's attributes, or what failed.
func (c *client) build(p *newPayload) string {
	var payload struct {
		ParentHash *common.Hash `json:"parentHash"`
	}
	if len(p.Params) == 0 || json.Unmarshal(p.Params[0], &payload) != nil {
		return "no parentHash"
	}
	call := forkchoice{Version: p.ForkchoiceVersion, GetPayloadVersion: p.GetPayloadVersion}
	call.Params = []json.RawMessage{forkchoiceState(payload.ParentHash), p.Attributes}
	result := c.updateForkchoice(&call)
	if result.BlockHash != nil {
		return result.BlockHash.Hex()
	}
	return result.String()
}

// updateForkchoice calls forkchoiceUpdated, and getPayload with the id that it gives.
func (c *client) updateForkchoice(call *forkchoice) answer {
	var updated forkchoiceUpdated
	fail := c.call(&updated, "engine_forkchoiceUpdatedV"+call.Version, call.Params...)
	result := toAnswer(&updated.PayloadStatus, fail)
	if updated.PayloadID == nil {
		return result
	}
	result.PayloadID = *updated.PayloadID
	if call.GetPayloadVersion == "" {
		return result
	}
	var envelope struct {
		BlockHash        *common.Hash `json:"blockHash"`
		ExecutionPayload struct {
			BlockHash *common.Hash `json:"blockHash"`
		} `json:"executionPayload"`
	}
	fail = c.call(&envelope, "engine_getPayloadV"+call.GetPayloadVersion, quote(result.PayloadID))
	if fail != nil {
		result.Message = "getPayload: " + toAnswer(nil, fail).String()
		return result
	}
	result.BlockHash = envelope.ExecutionPayload.BlockHash
	if result.BlockHash == nil {
		result.BlockHash = envelope.BlockHash
	}
	return result
}

func toAnswer(status *payloadStatus, fail *failure) answer {
	if fail != nil && fail.panic != "" {
		return answer{Panic: fail.panic}
	}
	if fail != nil {
		return answer{ErrorCode: fail.code, Message: fail.message}
	}
	result := answer{Status: status.Status, LatestValidHash: status.LatestValidHash}
	if status.ValidationError != nil {
		result.Message = *status.ValidationError
	}
	return result
}

func (a answer) String() string {
	switch {
	case a.Panic != "":
		return "panic: " + a.Panic
	case a.ErrorCode != 0:
		return fmt.Sprintf("error %d: %s", a.ErrorCode, a.Message)
	default:
		return a.Status + ": " + a.Message
	}
}
