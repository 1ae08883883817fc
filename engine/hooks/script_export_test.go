package hooks

// HasQuickJS tells whether this build can run scripts.
func HasQuickJS() bool {
	_, err := quickJSModule()
	return err == nil
}
