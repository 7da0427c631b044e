package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/catalyst"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/rpc"
)

// client is an op-geth with its database in memory and without a network.
type client struct {
	node   *node.Node
	rpc    *rpc.Client
	panics *panicRecorder
}

func startClient(v *vector, panics *panicRecorder) (*client, error) {
	genesis, err := v.genesis()
	if err != nil {
		return nil, err
	}
	stack, err := node.New(&node.Config{P2P: p2p.Config{NoDiscovery: true, NoDial: true}})
	if err != nil {
		return nil, err
	}
	backend, err := newBackend(stack, genesis)
	if err != nil {
		stack.Close()
		return nil, err
	}
	if err := stack.Start(); err != nil {
		return nil, err
	}
	// Otherwise it would first look for peers.
	backend.SetSynced()
	return &client{stack, stack.Attach(), panics}, nil
}

func newBackend(stack *node.Node, genesis *core.Genesis) (*eth.Ethereum, error) {
	config := ethconfig.Defaults
	config.Genesis = genesis
	config.SyncMode = ethconfig.FullSync
	config.StateScheme = rawdb.HashScheme
	config.NoPruning = true
	// Caches that would take longer to set up than a vector runs.
	config.TrieCleanCache, config.TrieDirtyCache, config.SnapshotCache = 0, 0, 0
	config.LogNoHistory = true
	config.NoPrefetch = true
	config.TxPool.NoLocals = true
	config.TxPool.Journal = ""
	backend, err := eth.New(stack, &config)
	if err != nil {
		return nil, err
	}
	return backend, catalyst.Register(stack, backend)
}

func (c *client) close() {
	c.rpc.Close()
	c.node.Close()
}

// failure is how a call went wrong: an error of JSON-RPC, or a panic.
type failure struct {
	code    int
	message string
	panic   string
}

// call does a JSON-RPC call. The result may be nil where nobody looks at it.
func (c *client) call(result any, method string, params ...json.RawMessage) *failure {
	args := make([]any, len(params))
	for i, param := range params {
		args[i] = param
	}
	c.panics.take()
	err := c.rpc.CallContext(context.Background(), result, method, args...)
	if err == nil {
		return nil
	}
	fail := &failure{message: err.Error(), panic: c.panics.take()}
	if coded, ok := err.(rpc.Error); ok {
		fail.code = coded.ErrorCode()
	}
	if detailed, ok := err.(rpc.DataError); ok {
		if data, ok := detailed.ErrorData().(map[string]any); ok {
			if text, ok := data["err"].(string); ok {
				fail.message += ": " + text
			}
		}
	}
	return fail
}

// panicRecorder is a log that keeps nothing but the last panic of a method, which op-geth recovers
// from, writes to the log and hides from the caller.
type panicRecorder struct {
	lock sync.Mutex
	last string
}

func (r *panicRecorder) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelError
}

func (r *panicRecorder) Handle(_ context.Context, record slog.Record) error {
	text, stack, found := strings.Cut(record.Message, " crashed: ")
	if found && strings.HasPrefix(text, "RPC method ") {
		reason, stack, _ := strings.Cut(stack, "\n")
		r.lock.Lock()
		defer r.lock.Unlock()
		r.last = reason + " at " + panicPlace([]byte(stack))
	}
	return nil
}

func (r *panicRecorder) WithAttrs([]slog.Attr) slog.Handler { return r }
func (r *panicRecorder) WithGroup(string) slog.Handler      { return r }

func (r *panicRecorder) take() string {
	r.lock.Lock()
	defer r.lock.Unlock()
	text := r.last
	r.last = ""
	return text
}

// panicPlace is the function of op-geth in which the panic of a stack trace arose.
func panicPlace(stack []byte) string {
	_, after, found := strings.Cut(string(stack), "\npanic(")
	if !found {
		return "an unknown place"
	}
	for _, line := range strings.Split(after, "\n") {
		if strings.HasPrefix(line, "github.com/ethereum/go-ethereum/") {
			name := strings.TrimPrefix(line, "github.com/ethereum/go-ethereum/")
			return name[:strings.LastIndex(name, "(")]
		}
	}
	return "an unknown place"
}
