package session

//go:wasmexport on_session
func onSession(_, size uint32) uint64 { return point.Call(size) }
