//go:build tools

// Package main names geth, so that its dependencies are locked, too: build.sh also builds it.
package main

import _ "github.com/ethereum/go-ethereum/cmd/geth"
