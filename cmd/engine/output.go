package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"
)

// column is a column of a table: what it is called, and where in a row's JSON
// its value is: the first of the paths that leads to one.
type column struct {
	title string
	paths string // with dots, separated by commas
}

func (c column) of(row json.RawMessage) json.RawMessage {
	for path := range strings.SplitSeq(c.paths, ",") {
		if v := dig(row, strings.Split(path, ".")...); v != nil {
			return v
		}
	}
	return nil
}

// printRows prints rows of a list. Each row is a JSON object.
func printRows(w io.Writer, format string, columns []column, rows []json.RawMessage) error {
	switch format {
	case "json":
		if len(rows) == 0 {
			_, err := fmt.Fprintln(w, "[]")
			return err
		}
		all, err := json.Marshal(rows)
		if err != nil {
			return fmt.Errorf("print: %w", err)
		}
		return printJSON(w, all)
	case "ndjson":
		for _, row := range rows {
			if err := printLine(w, row); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	fmt.Fprintln(t, strings.Join(titles, "\t"))
	for _, row := range rows {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = clip(cell(c.of(row)))
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

// printOne prints one JSON object; as a table it is a line for each field.
func printOne(w io.Writer, format string, row json.RawMessage) error {
	switch format {
	case "json":
		return printJSON(w, row)
	case "ndjson":
		return printLine(w, row)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if err := flatten(row, "", func(key string, value json.RawMessage) {
		fmt.Fprintf(t, "%s\t%s\n", printable(key), cell(value))
	}); err != nil {
		return err
	}
	return t.Flush()
}

func checkFormat(format string) error {
	switch format {
	case "table", "json", "ndjson":
		return nil
	}
	return failf(exitUsage, "-o %q is not table, json or ndjson", format)
}

func printJSON(w io.Writer, v json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Indent(&b, v, "", "  "); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err := fmt.Fprintln(w, escapeJSON(b.String()))
	return err
}

func printLine(w io.Writer, v json.RawMessage) error {
	var b bytes.Buffer
	if err := json.Compact(&b, v); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err := fmt.Fprintln(w, escapeJSON(b.String()))
	return err
}

// escapeJSON writes what a terminal might obey as \u escapes. They can only
// stand in strings, where they mean the same.
func escapeJSON(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || harmless(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// printable returns s with everything escaped that a terminal might obey:
// control characters, escape sequences, changes of the writing direction.
func printable(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case harmless(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// harmless tells runes that only ever show as themselves. The joiner is what
// emoji are put together with.
func harmless(r rune) bool { return unicode.IsGraphic(r) || r == '\u200d' }

const maxCell = 60

// clip keeps one long text from pushing a table's other columns away.
func clip(s string) string {
	if utf8.RuneCountInString(s) <= maxCell {
		return s
	}
	return string([]rune(s)[:maxCell-1]) + "…"
}

// cell is a JSON value as a table shows it.
func cell(v json.RawMessage) string {
	var s string
	switch {
	case len(v) == 0 || string(v) == "null":
		return "-"
	case json.Unmarshal(v, &s) == nil:
		return printable(s)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, v); err != nil {
		return printable(string(v))
	}
	return printable(b.String())
}

// dig follows a path of fields into JSON; nil where it ends early.
func dig(v json.RawMessage, path ...string) json.RawMessage {
	for _, name := range path {
		var object map[string]json.RawMessage
		if json.Unmarshal(v, &object) != nil {
			return nil
		}
		v = object[name]
	}
	return v
}

// flatten visits the fields of an object, in order, and of the objects in it,
// by their paths.
func flatten(v json.RawMessage, prefix string, visit func(key string, value json.RawMessage)) error {
	d := json.NewDecoder(bytes.NewReader(v))
	start, err := d.Token()
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if start != json.Delim('{') || string(v) == "{}" {
		visit(prefix, v)
		return nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return fmt.Errorf("print: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("print: %w", err)
		}
		key := fmt.Sprint(name)
		if prefix != "" {
			key = prefix + "." + key
		}
		if err := flatten(value, key, visit); err != nil {
			return err
		}
	}
	return nil
}
