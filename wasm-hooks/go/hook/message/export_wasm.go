package message

//go:wasmexport on_message
func onMessage(_, size uint32) uint64 { return point.Call(size) }
