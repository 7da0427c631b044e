// Makes op-geth's execution witnesses, and executes blocks with op-geth from witnesses alone.
//
// A line of standard input is a JSON object with an "id", and a line of standard output answers it.
// With "genesis" and "blocks" (payload attributes), op-geth builds these blocks one upon the other,
// in this process and in memory, and each comes back as eth_getBlockByNumber and debug_getRawBlock
// have it, with what debug_executionWitness gives for it. With "method" and "params" the op-geth of
// the chain before is called. With "config", "block" (RLP) and "witness", the answer is the roots of
// state and receipts to which op-geth comes statelessly.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"

	"github.com/ethereum/go-ethereum/beacon/engine"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/stateless"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/catalyst"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/log"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/rpc"
)

type request struct {
	ID      json.RawMessage            `json:"id"`
	Genesis *core.Genesis              `json:"genesis"`
	Blocks  []engine.PayloadAttributes `json:"blocks"`

	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`

	Config  *params.ChainConfig `json:"config"`
	Block   hexutil.Bytes       `json:"block"`
	Witness *witness            `json:"witness"`
}

// witness has its headers in RLP, unlike op-geth's.
type witness struct {
	State   []hexutil.Bytes `json:"state"`
	Codes   []hexutil.Bytes `json:"codes"`
	Headers []hexutil.Bytes `json:"headers"`
}

type block struct {
	Block   json.RawMessage `json:"block"`
	Raw     hexutil.Bytes   `json:"raw"`
	Witness json.RawMessage `json:"witness"`
}

type answer struct {
	ID           json.RawMessage `json:"id"`
	Error        string          `json:"error,omitempty"`
	Blocks       []block         `json:"blocks,omitempty"`
	Result       json.RawMessage `json:"result,omitempty"`
	StateRoot    *common.Hash    `json:"stateRoot,omitempty"`
	ReceiptsRoot *common.Hash    `json:"receiptsRoot,omitempty"`
}

func main() {
	log.SetDefault(log.NewLogger(slog.NewTextHandler(io.Discard, nil)))
	debug.SetGCPercent(400)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	var chain client
	defer chain.close()
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			if err := out.Encode(chain.answer(line)); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		if err != nil {
			return
		}
	}
}

// client is the op-geth of the chain that was asked for last.
type client struct {
	stack *node.Node
	rpc   *rpc.Client
}

func (c *client) close() {
	if c.stack != nil {
		c.rpc.Close()
		c.stack.Close()
	}
	c.stack, c.rpc = nil, nil
}

// answer never panics; what cannot be answered is an error, beside the blocks before it.
func (c *client) answer(line []byte) (a answer) {
	var req request
	defer func() {
		if fault := recover(); fault != nil {
			a.Error = fmt.Sprint("panic: ", fault)
		}
	}()
	err := json.Unmarshal(line, &req)
	a.ID = req.ID
	switch {
	case err != nil:
	case req.Genesis != nil:
		err = a.build(c, &req)
	case req.Config != nil && req.Witness != nil:
		err = a.execute(&req)
	case req.Method != "" && c.rpc != nil:
		params := make([]any, len(req.Params))
		for i, param := range req.Params {
			params[i] = param
		}
		err = c.rpc.Call(&a.Result, req.Method, params...)
	default:
		err = errors.New("neither a chain, nor a call to one, nor a block with its witness")
	}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

// startNode starts an op-geth with its database in memory and without a network.
func startNode(genesis *core.Genesis) (*node.Node, *eth.Ethereum, error) {
	stack, err := node.New(&node.Config{P2P: p2p.Config{NoDiscovery: true, NoDial: true}})
	if err != nil {
		return nil, nil, err
	}
	config := ethconfig.Defaults
	config.Genesis = genesis
	config.SyncMode = ethconfig.FullSync
	config.StateScheme = rawdb.HashScheme
	config.NoPruning = true
	config.TrieCleanCache, config.TrieDirtyCache, config.SnapshotCache = 0, 0, 0
	config.LogNoHistory = true
	config.NoPrefetch = true
	config.TxPool.NoLocals = true
	config.TxPool.Journal = ""
	backend, err := eth.New(stack, &config)
	if err != nil {
		stack.Close()
		return nil, nil, err
	}
	if err := catalyst.Register(stack, backend); err != nil {
		stack.Close()
		return nil, nil, err
	}
	if err := stack.Start(); err != nil {
		stack.Close()
		return nil, nil, err
	}
	// Otherwise it would first look for peers.
	backend.SetSynced()
	return stack, backend, nil
}

func (a *answer) build(c *client, req *request) error {
	c.close()
	stack, backend, err := startNode(req.Genesis)
	if err != nil {
		return err
	}
	c.stack, c.rpc = stack, stack.Attach()
	client := c.rpc
	head := backend.BlockChain().Genesis().Hash()
	for i := range req.Blocks {
		payload, err := buildPayload(client, req.Genesis.Config, head, &req.Blocks[i])
		if err != nil {
			return err
		}
		head = payload.BlockHash
		number := hexutil.Uint64(payload.Number)
		var b block
		if err := client.Call(&b.Block, "eth_getBlockByNumber", number, true); err != nil {
			return err
		}
		if err := client.Call(&b.Raw, "debug_getRawBlock", number); err != nil {
			return err
		}
		if err := client.Call(&b.Witness, "debug_executionWitness", number); err != nil {
			return err
		}
		a.Blocks = append(a.Blocks, b)
	}
	return nil
}

// buildPayload builds a block on head and makes it the head.
func buildPayload(client *rpc.Client, config *params.ChainConfig, head common.Hash,
	attributes *engine.PayloadAttributes) (*engine.ExecutableData, error) {
	time := attributes.Timestamp
	forkchoice, get, put := "engine_forkchoiceUpdatedV1", "engine_getPayloadV2", "engine_newPayloadV2"
	var more []any
	if config.IsCanyon(time) {
		forkchoice = "engine_forkchoiceUpdatedV2"
	}
	if config.IsEcotone(time) {
		forkchoice, get, put = "engine_forkchoiceUpdatedV3", "engine_getPayloadV3", "engine_newPayloadV3"
		more = []any{[]common.Hash{}, attributes.BeaconRoot}
	}
	if config.IsIsthmus(time) {
		get, put = "engine_getPayloadV4", "engine_newPayloadV4"
		more = append(more, []hexutil.Bytes{})
	}
	var started engine.ForkChoiceResponse
	state := engine.ForkchoiceStateV1{HeadBlockHash: head}
	if err := client.Call(&started, forkchoice, state, attributes); err != nil {
		return nil, err
	}
	if started.PayloadID == nil {
		return nil, fmt.Errorf("%s of attributes: %s", forkchoice, started.PayloadStatus.Status)
	}
	var built engine.ExecutionPayloadEnvelope
	if err := client.Call(&built, get, started.PayloadID); err != nil {
		return nil, err
	}
	var status engine.PayloadStatusV1
	if err := client.Call(&status, put, append([]any{built.ExecutionPayload}, more...)...); err != nil {
		return nil, err
	}
	if status.Status != engine.VALID {
		return nil, fmt.Errorf("%s: %s", put, status.Status)
	}
	state.HeadBlockHash = built.ExecutionPayload.BlockHash
	return built.ExecutionPayload, client.Call(&started, forkchoice, state, nil)
}

func (a *answer) execute(req *request) error {
	var given types.Block
	if err := rlp.DecodeBytes(req.Block, &given); err != nil {
		return err
	}
	ext := &stateless.ExtWitness{State: req.Witness.State, Codes: req.Witness.Codes}
	for _, raw := range req.Witness.Headers {
		header := new(types.Header)
		if err := rlp.DecodeBytes(raw, header); err != nil {
			return err
		}
		ext.Headers = append(ext.Headers, header)
	}
	// op-geth wants the parent first.
	slices.Reverse(ext.Headers)
	if len(ext.Headers) == 0 || ext.Headers[0].Hash() != given.ParentHash() {
		return errors.New("the header of the parent is not the last of the witness")
	}
	full := new(stateless.Witness)
	if err := full.FromExtWitness(ext); err != nil {
		return err
	}
	// Both roots are to be found out.
	header := given.Header()
	header.Root, header.ReceiptHash = common.Hash{}, common.Hash{}
	task := types.NewBlockWithHeader(header).WithBody(*given.Body())
	state, receipts, err := core.ExecuteStateless(context.Background(), req.Config, vm.Config{}, task, full)
	if err != nil {
		return err
	}
	a.StateRoot, a.ReceiptsRoot = &state, &receipts
	return nil
}
