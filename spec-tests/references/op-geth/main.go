// Says what op-geth makes of the vectors of the spec-test kit.
//
// A line of standard input is a JSON object with an "id" and a "vector"; a line of standard output is
// what op-geth answers to the calls of that vector, in their order. Each vector gets an op-geth of
// its own, in this process and in memory, and is asked through its Engine API as over the wire.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/ethereum/go-ethereum/log"
)

type request struct {
	ID     json.RawMessage `json:"id"`
	Vector *vector         `json:"vector"`
}

func main() {
	panics := new(panicRecorder)
	log.SetDefault(log.NewLogger(panics))
	// Nothing lives long here, and what a vector leaves behind is small.
	debug.SetGCPercent(400)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			if err := out.Encode(answerLine(line, panics)); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		if err != nil {
			return
		}
	}
}

// answerLine never panics; what cannot be answered is a verdict with an error.
func answerLine(line []byte, panics *panicRecorder) (answer *verdict) {
	var req request
	defer func() {
		if fault := recover(); fault != nil {
			answer = &verdict{Error: fmt.Sprintf("panic: %v at %s", fault, panicPlace(debug.Stack()))}
		}
		answer.ID = req.ID
	}()
	if err := json.Unmarshal(line, &req); err != nil {
		return &verdict{Error: "request: " + err.Error()}
	}
	if req.Vector == nil {
		return &verdict{Error: "request: no vector"}
	}
	client, err := startClient(req.Vector, panics)
	if err != nil {
		return &verdict{Error: "genesis: " + err.Error()}
	}
	defer client.close()
	answer, err = runVector(req.Vector, client)
	if err != nil {
		return &verdict{Error: err.Error()}
	}
	return answer
}
