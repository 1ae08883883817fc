package sessions

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/twinbox/twinbox/engine"
)

// intents is the file that says what is under way in which session's folder:
// which attachments are being put into its inbox, and that its inbound.db is
// being written. A crash in between leaves files that no row names, or a hot
// journal that its container cannot read past; what the file says then is
// tidied before that session is next used, and no folder needs to be searched.
//
// It is an array of slots that are written in place, so that making one
// durable is one small write.
type intents struct {
	f    *os.File
	mu   sync.Mutex // guards free and size
	free []int64
	size int64
}

const (
	intentsName = "intents"
	slotSize    = 4096
	// slotGrowth slots are added at a time.
	slotGrowth = 16
)

type intent struct {
	AgentGroup string `json:"agentGroup"`
	Session    string `json:"session"`
	// Inbox is the directory in the session's inbox that is being filled;
	// empty for a write to inbound.db.
	Inbox string `json:"inbox,omitempty"`
	// Message is the id of the message that it is for.
	Message string `json:"message,omitempty"`
}

// leftover is an intent that a crash left, with its slot.
type leftover struct {
	intent
	end func()
}

// openIntents returns also what a crash left: leftovers by session id.
func openIntents(data *dir) (*intents, map[string][]leftover, error) {
	f, err := data.open(intentsName, unix.O_RDWR|unix.O_CREAT, 0o600)
	if err != nil {
		return nil, nil, err
	}
	left := map[string][]leftover{}
	in := &intents{f: f}
	slot := make([]byte, slotSize)
	for {
		n, err := f.ReadAt(slot, in.size)
		if n < slotSize {
			if err != nil && !errors.Is(err, io.EOF) {
				f.Close()
				return nil, nil, err
			}
			return in, left, nil
		}
		var i intent
		if json.Unmarshal(bytes.TrimRight(slot, "\x00"), &i) == nil && engine.SafeID(i.Session) && engine.SafeID(i.AgentGroup) {
			left[i.Session] = append(left[i.Session], leftover{i, in.ender(in.size)})
		} else {
			in.free = append(in.free, in.size)
		}
		in.size += slotSize
	}
}

// begin notes an intent, so that it survives a kill, and a power loss where
// durable. end takes it back once what it was for is done or undone.
func (in *intents) begin(i intent, durable bool) (end func(), err error) {
	slot, err := json.Marshal(i)
	if err != nil || len(slot) > slotSize {
		return nil, errors.Join(err, errors.New("an intent does not fit its slot"))
	}
	at, err := in.take()
	if err != nil {
		return nil, err
	}
	end = in.ender(at)
	if _, err = in.f.WriteAt(append(slot, make([]byte, slotSize-len(slot))...), at); err == nil && durable {
		err = syncData(int(in.f.Fd()))
	}
	if err != nil {
		end()
		return nil, err
	}
	return end, nil
}

func (in *intents) ender(at int64) func() {
	return func() {
		// Best effort: an intent that stays is looked at once, for nothing.
		_, _ = in.f.WriteAt(make([]byte, slotSize), at)
		in.mu.Lock()
		in.free = append(in.free, at)
		in.mu.Unlock()
	}
}

func (in *intents) take() (int64, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.free) == 0 {
		if _, err := in.f.WriteAt(make([]byte, slotGrowth*slotSize), in.size); err != nil {
			return 0, err
		}
		for i := range int64(slotGrowth) {
			in.free = append(in.free, in.size+i*slotSize)
		}
		in.size += slotGrowth * slotSize
	}
	at := in.free[len(in.free)-1]
	in.free = in.free[:len(in.free)-1]
	return at, nil
}

func (in *intents) close() error { return in.f.Close() }
