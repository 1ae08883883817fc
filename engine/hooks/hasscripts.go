package hooks

// HasScripts tells whether this build can run hooks in JavaScript.
func HasScripts() bool {
	_, err := quickJSModule()
	return err == nil
}
