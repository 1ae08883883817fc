// The guest command is a hook as a program: it shows what it was given, and
// does what its configuration says.
//
//	GOOS=wasip1 GOARCH=wasm go build -o command.wasm main.go
package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

func main() {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	if os.Args[1] == "on_attachment" {
		n := binary.LittleEndian.Uint32(input)
		answer := []byte(`{"action":"replace","bytes":"replace"}`)
		os.Stdout.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(answer))))
		os.Stdout.Write(answer)
		os.Stdout.WriteString(strings.ToUpper(string(input[4+n:])))
		os.Stdout.Write(input[4 : 4+n])
		return
	}
	var in struct {
		Config  string
		Content any
	}
	if err := json.Unmarshal(input, &in); err != nil {
		panic(err)
	}
	switch in.Config {
	case "fail":
		fmt.Fprintln(os.Stderr, "opening the box")
		fmt.Fprintln(os.Stderr, "the box is empty")
		os.Exit(3)
	case "panic":
		panic("no hope")
	case "pass":
	case "flood":
		for {
			os.Stdout.WriteString(strings.Repeat("x", 1<<16))
		}
	case "sleep":
		begun := time.Now()
		time.Sleep(time.Hour)
		fmt.Printf(`{"action":"replace","content":"%v"}`, time.Since(begun).Round(time.Hour))
	case "reach":
		var found []string
		if entries, err := os.ReadDir("/"); err == nil {
			found = append(found, fmt.Sprint(entries))
		}
		if f, err := os.Create("/tmp/x"); err == nil {
			found = append(found, f.Name())
		}
		found = append(found, os.Environ()...)
		json.NewEncoder(os.Stdout).Encode(map[string]any{"action": "replace", "content": map[string]any{"found": found}})
	default:
		json.NewEncoder(os.Stdout).Encode(map[string]any{"action": "replace", "content": map[string]any{
			"args": os.Args, "config": in.Config, "was": in.Content}})
	}
}
