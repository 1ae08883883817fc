//go:build !wasm

package abi

// memoryPages is of a guest's memory, which tests have not.
func memoryPages() int32 { return 0 }
