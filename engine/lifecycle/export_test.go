package lifecycle

// Name is the data directory's, in names and labels of containers.
func (w *Wakers) Name() string { return w.name }
