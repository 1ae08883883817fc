package sessions_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/twinbox/twinbox/engine"
	"github.com/twinbox/twinbox/engine/internal/hosttest"
	"github.com/twinbox/twinbox/engine/sessions"
)

// tornDatabase names, for a child process, a database to be killed over.
const tornDatabase = "TWINBOX_TEST_TORN_DATABASE"

func TestMain(m *testing.M) {
	path := os.Getenv(tornDatabase)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := tear(path); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// tear writes more than a small cache holds, so that part of a transaction is
// in the database before its commit, and waits to be killed.
func tear(path string) error {
	c, err := sqlite3.Open("file:" + path)
	if err != nil {
		return err
	}
	err = c.Exec(`PRAGMA cache_size = 5; BEGIN IMMEDIATE; CREATE TABLE torn (a);
		INSERT INTO torn WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1000) SELECT hex(zeroblob(500)) FROM c`)
	for _, table := range []string{"messages_in", "engine_accepted", "messages_out", "processing_ack"} {
		_ = c.Exec(`DELETE FROM ` + table) // those that there are
	}
	if err != nil {
		return err
	}
	fmt.Println("hot")
	select {}
}

// mustTear leaves a hot journal beside a database, as kill -9 does.
func mustTear(t *testing.T, path string) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), tornDatabase+"="+path)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	if err != nil || line != "hot\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	if info, err := os.Stat(path + "-journal"); err != nil || info.Size() == 0 {
		t.Fatalf("there is no hot journal: %v", err)
	}
}

// Lesson 13.
func TestAHotJournalOfAContainerIsReportedAndRolledBackOnceItIsGone(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	s := h.Session(t)
	h.MustWrite(t, s, "m", "hello")
	h.Exec(t, s, "outbound.db", `INSERT INTO messages_out (id, seq, timestamp, kind, content) VALUES ('r', 1, '2026-01-01 00:00:00', 'chat', 'x')`)
	_, err := h.MarkContainer(t.Context(), s.ID, engine.ContainerRunning)
	must(t, err)
	mustTear(t, h.Folder(s, "outbound.db"))

	_, err = h.Replies(t.Context(), s, engine.Page{Limit: 10}, nil)
	wantCode(t, err, engine.CodeUnavailable)
	m, err := h.Message(t.Context(), s.ID, "m")
	if err != nil || m.Problem == nil {
		t.Errorf("a message whose acknowledgement cannot be read is %+v, %v", m, err)
	}
	h.MustWrite(t, s, "n", "the mailbox is not the container's")
	if _, err := os.Stat(h.Folder(s, "outbound.db-journal")); err != nil {
		t.Error("the journal of a container that may be running was touched")
	}
	_, err = h.MarkContainer(t.Context(), s.ID, engine.ContainerStopped)
	must(t, err)
	l, err := h.Replies(t.Context(), s, engine.Page{Limit: 10}, nil)
	if err != nil || len(l.Items) != 1 {
		t.Errorf("replies after the roll-back: %+v, %v", l.Items, err)
	}
}

func TestAHotJournalOfTheEngineIsRolledBackAtItsStart(t *testing.T) {
	data := t.TempDir()
	h := hosttest.OpenAt(t, data, sessions.Options{})
	_, err := h.CreateAgentGroup(t.Context(), engine.CreateAgentGroupInput{ID: hosttest.Ptr(hosttest.AgentGroup), Name: "Agents"})
	must(t, err)
	running, stopped := h.Session(t), h.Session(t)
	for _, s := range []engine.Session{running, stopped} {
		h.MustWrite(t, s, "m", "hello")
	}
	_, err = h.MarkContainer(t.Context(), running.ID, engine.ContainerRunning)
	must(t, err)
	must(t, h.Close())
	mustTear(t, h.Folder(running, "inbound.db"))
	mustTear(t, h.Folder(stopped, "inbound.db"))

	h = hosttest.OpenAt(t, data, sessions.Options{})
	if _, err := os.Stat(h.Folder(running, "inbound.db-journal")); !os.IsNotExist(err) {
		t.Errorf("the running container cannot read its mailbox: %v", err)
	}
	for _, s := range []engine.Session{running, stopped} {
		if m, err := h.Message(t.Context(), s.ID, "m"); err != nil || m.Content != "hello" {
			t.Errorf("%+v, %v", m, err)
		}
		if rows := h.Rows(t, s, "inbound.db", `PRAGMA integrity_check`); !slices.Equal(rows, []string{"ok"}) {
			t.Errorf("integrity: %q", rows)
		}
	}
}

// A journal may name a super-journal, which SQLite would look at and delete.
func TestAPlantedJournalReachesNoFileOutside(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	for _, name := range []string{"inbound.db", "outbound.db"} {
		s := h.Session(t)
		outside := filepath.Join(t.TempDir(), "super")
		mustTear(t, h.Folder(s, name))
		journal, err := os.ReadFile(h.Folder(s, name+"-journal"))
		must(t, err)
		must(t, os.WriteFile(outside, append([]byte(h.Folder(s, name+"-journal")), 0), 0o666))
		before := hosttest.Tree(t, filepath.Dir(outside))
		for _, target := range []string{outside, "../../../../../../../../../../../.." + outside, h.Folder(s, "outbox")} {
			must(t, os.WriteFile(h.Folder(s, name+"-journal"), append(slices.Clone(journal), superJournal(target)...), 0o666))
			use(t, h, s)
		}
		if after := hosttest.Tree(t, filepath.Dir(outside)); after != before {
			t.Errorf("outside changed from\n%sto\n%s", before, after)
		}
	}
}

// superJournal is the record at a journal's end that names one.
func superJournal(path string) []byte {
	var sum uint32
	for _, c := range []byte(path) {
		sum += uint32(int8(c))
	}
	b := binary.BigEndian.AppendUint32(nil, 0x40000000/4096+1)
	b = append(b, path...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(path)))
	b = binary.BigEndian.AppendUint32(b, sum)
	return append(b, 0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7)
}

// A planted journal may claim to hold more, of larger pages, than there is.
func TestJunkJournalsDoNotStopTheEngine(t *testing.T) {
	h := hosttest.Open(t, sessions.Options{})
	magic := "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
	for name, header := range map[string][]uint32{
		"endless records":        {0xffffffff, 0, 0xfffffffe, 512, 512},
		"counted, none there":    {0x7fffffff, 0, 1, 512, 4096},
		"pages of 64 KiB":        {0xffffffff, 0, 1 << 20, 4096, 65536},
		"a page size of one":     {1, 0, 1, 1, 1},
		"no pages at all":        {0, 0, 0, 4096, 4096},
		"sectors of a gigabyte":  {1, 0, 1, 1 << 30, 4096},
		"a database of nothings": {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
	} {
		for _, db := range []string{"inbound.db", "outbound.db"} {
			s, other := h.Session(t), h.Session(t)
			b := []byte(magic)
			for _, n := range header {
				b = binary.BigEndian.AppendUint32(b, n)
			}
			b = append(b, strings.Repeat("\x00", 1<<16)...)
			must(t, os.WriteFile(h.Folder(s, db+"-journal"), b, 0o666))
			for what, err := range use(t, h, s) {
				if code := engine.CodeOf(err); code == engine.CodeInternal {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			}
			h.MustWrite(t, other, "after", "the others are served on")
		}
	}
}
