package index

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/database"
)

// query finds the rows of a filter, newest first. lead is what an index, or
// the words, find in order of n; each of its rows is then judged by rest.
type query struct {
	from    string   // the tables
	order   string   // the column that is n
	lead    []string // alternatives of conditions that an index serves
	span    []string // of n
	rest    []string
	args    []any // from ?2 on; ?1 is the n that rows are below
	first   string
	nothing bool // selects nothing
}

func (q *query) arg(value any) string {
	q.args = append(q.args, value)
	return "?" + strconv.Itoa(len(q.args)+1)
}

// newQuery chooses as lead what is likely to be rarest.
func newQuery(c *database.Conn, f engine.SearchFilter) (*query, error) {
	q := &query{from: "mail", order: "n"}
	words := wordsOf(f.Text)
	if len(words) > 0 {
		q.first = words[0]
	}
	states, any := q.states(f)
	if !any {
		q.nothing = true
		return q, nil
	}
	match := q.words(words)
	var leads [][]string
	if f.ID != "" {
		session, err := c.Number(`SELECT s FROM sessions WHERE id = ?`, f.ID)
		if err != nil {
			return nil, err
		}
		if session != 0 {
			leads = append(leads, []string{"s = " + q.arg(session)})
		} else {
			leads = append(leads, []string{"id = " + q.arg(f.ID)})
		}
	}
	if f.SessionID != "" {
		session, err := c.Number(`SELECT s FROM sessions WHERE id = ?`, f.SessionID)
		if err != nil {
			return nil, err
		}
		leads = append(leads, []string{"s = " + q.arg(session)})
	}
	if len(states) > 0 && !common(f) {
		leads = append(leads, states)
	}
	if f.AgentGroupID != "" {
		leads = append(leads, []string{"agent_group_id = " + q.arg(f.AgentGroupID)})
	}
	if f.ChannelType != "" {
		leads = append(leads, []string{"channel_type = " + q.arg(f.ChannelType)})
	}
	if len(states) > 0 && common(f) {
		leads = append(leads, states)
	}
	if match != "" {
		q.from, q.order = "texts CROSS JOIN mail ON mail.n = texts.rowid", "texts.rowid"
		q.lead = []string{"texts MATCH " + match}
	} else if len(leads) > 0 {
		q.lead, leads = leads[0], leads[1:]
	}
	for _, l := range leads {
		q.rest = append(q.rest, "("+strings.Join(l, " OR ")+")")
	}
	q.judge(f)
	return q, nil
}

// judge adds what no index is asked for.
func (q *query) judge(f engine.SearchFilter) {
	if f.Kind != "" {
		q.rest = append(q.rest, "kind = "+q.arg(f.Kind))
	}
	if f.Direction != "" {
		q.rest = append(q.rest, "direction = "+q.arg(string(f.Direction)))
	}
	if f.Waiting {
		q.rest = append(q.rest, "coalesce(waits_from <= "+q.arg(f.Now.UnixMilli())+", FALSE)")
	}
	if f.Retried != nil {
		q.rest = append(q.rest, "retried = "+q.arg(*f.Retried))
	}
	if f.Since != nil {
		q.span = append(q.span, q.order+" >= "+q.arg(number(*f.Since)))
	}
	if f.Until != nil {
		q.span = append(q.span, q.order+" < "+q.arg(number(*f.Until)))
	}
}

// states are the statuses that a filter allows, none if it allows all; any is
// false where it allows nothing.
func (q *query) states(f engine.SearchFilter) (alternatives []string, any bool) {
	in, out := f.MessageStatus, f.DeliveryStatus
	if f.Waiting {
		if len(in) > 0 && !has(in, engine.MessagePending) {
			return nil, false
		}
		in, out = []engine.MessageStatus{engine.MessagePending}, nil
	}
	if len(in)+len(out) == 0 {
		return nil, true
	}
	if f.Direction != engine.DirectionOut {
		alternatives = append(alternatives, states(q, engine.DirectionIn, in)...)
	}
	if f.Direction != engine.DirectionIn {
		alternatives = append(alternatives, states(q, engine.DirectionOut, out)...)
	}
	return alternatives, len(alternatives) > 0
}

func states[S ~string](q *query, d engine.Direction, of []S) (alternatives []string) {
	seen := map[S]bool{}
	for _, s := range of {
		if !seen[s] {
			seen[s] = true
			alternatives = append(alternatives, "direction = "+q.arg(string(d))+" AND status = "+q.arg(string(s)))
		}
	}
	return alternatives
}

// common tells of statuses that most rows have in the end.
func common(f engine.SearchFilter) bool {
	return !f.Waiting && (has(f.MessageStatus, engine.MessageCompleted) || has(f.DeliveryStatus, engine.DeliveryDelivered))
}

func has[S comparable](all []S, one S) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// words adds the words of a text: match is what the index of texts is asked
// for, "" where all are too short for it.
func (q *query) words(words []string) (match string) {
	var long []string
	for _, w := range words {
		if utf8.RuneCountInString(w) >= 3 {
			long = append(long, `"`+strings.ReplaceAll(w, `"`, `""`)+`"`)
			continue
		}
		q.rest = append(q.rest, `mail.text LIKE `+q.arg("%"+likeText.Replace(w)+"%")+` ESCAPE '\'`)
	}
	if len(long) == 0 {
		return ""
	}
	return q.arg(strings.Join(long, " "))
}

var likeText = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// wordsOf splits a text; what is in quotes is one word.
func wordsOf(text string) (words []string) {
	for i, part := range strings.Split(text, `"`) {
		if i%2 == 1 {
			if part = strings.TrimSpace(part); part != "" {
				words = append(words, part)
			}
			continue
		}
		words = append(words, strings.FieldsFunc(part, unicode.IsSpace)...)
	}
	return words
}

// sql merges the alternatives, each of which an index has in order of n.
func (q *query) sql() string {
	lead := q.lead
	if len(lead) == 0 {
		lead = []string{""}
	}
	rest := "TRUE"
	if len(q.rest) > 0 {
		rest = strings.Join(q.rest, " AND ")
	}
	parts := make([]string, len(lead))
	for i, l := range lead {
		if l != "" {
			l += " AND "
		}
		parts[i] = "SELECT " + q.order + " AS n, " + rest + " FROM " + q.from + " WHERE " + strings.Join(append([]string{l + q.order + " < ?1"}, q.span...), " AND ")
	}
	return strings.Join(parts, " UNION ALL ") + " ORDER BY n DESC"
}

// countSQL selects the rows that a filter of Count counts, oldest first but
// for those that wait.
func countSQL(f engine.SearchFilter) (string, []any) {
	q := &query{order: "n"}
	if f.Waiting {
		return "SELECT n FROM mail WHERE waits_from <= " + q.arg(f.Now.UnixMilli()) + " ORDER BY waits_from", q.args
	}
	states, _ := q.states(f)
	where := ""
	if f.Since != nil {
		where = " AND n >= " + q.arg(number(*f.Since))
	}
	if f.Retried != nil {
		where += " AND retried = " + q.arg(*f.Retried)
	}
	parts := make([]string, len(states))
	for i, s := range states {
		parts[i] = "SELECT n FROM mail WHERE " + s + where
	}
	return strings.Join(parts, " UNION ALL ") + " ORDER BY n", q.args
}
