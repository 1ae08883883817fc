package attachment

//go:wasmexport on_attachment
func onAttachment(_, size uint32) uint64 { return point.Call(size) }
