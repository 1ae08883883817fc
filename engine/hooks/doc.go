// Package hooks runs the modules and scripts that users supply, on what flows
// through the engine. They are hostile: whatever one does costs its own call at
// most.
//
// A [Host] has a library of what is installed, and a table of what is in use:
// for each point a chain of hooks. A hook's program is its compiled module; a
// pool has its instances for one agent group; an instance serves one call at a
// time. A table does not change. Whoever runs a chain holds the table it began
// with, and the last to let go of one closes the hooks that only it names.
//
// Nothing watches a call while it runs: package metering has made its module
// count, and it traps when it has used up what it was given. What a host
// function does is charged to the same account.
package hooks
