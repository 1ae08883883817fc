package abi

// memoryPages is the size of the guest's memory, in pages of 64 KiB.
func memoryPages() int32
