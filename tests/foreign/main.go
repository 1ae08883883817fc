// Command foreign plays the programs that share a session's folder with the
// engine and that we did not write: the container, and another host. It uses a
// SQLite that is not the engine's.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "foreign:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	commands := map[string]func(dir string, args []string) error{
		"create":         create,                    // [--old]: both databases, as another host makes them
		"write":          write,                     // ID CONTENT: a message, as another host writes it
		"poll":           poll,                      // [--first]: what a container would work on next
		"claim":          acknowledge("processing"), // ID
		"complete":       acknowledge("completed"),  // ID
		"fail":           acknowledge("failed"),     // ID
		"reply":          reply,                     // --content TEXT [--in-reply-to ID] …
		"rows":           rows,                      // inbound|outbound TABLE: all rows
		"hold":           hold,                      // inbound|outbound: a read lock, until stdin ends
		"lock":           lock,                      // inbound|outbound: all of it, until stdin ends
		"check":          check,                     // integrity and sequence numbers
		"exec":           execute,                   // inbound|outbound SQL
		"work":           work,                      // [--idle TIME] [--ask GROUP]: answers what comes, until nothing does
		"guard":          guard,                     // LOCKS COMMAND…: the command, unless one of the folder runs
		"kill-mid-write": killMidWrite,              // [inbound]: prints "hot", then waits for SIGKILL
	}
	if len(args) < 2 {
		return fmt.Errorf("usage: foreign COMMAND FOLDER …")
	}
	command, ok := commands[args[0]]
	if !ok {
		return fmt.Errorf("%q is not a command", args[0])
	}
	return command(args[1], args[2:])
}
