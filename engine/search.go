package engine

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"
)

// Direction is which way something goes.
type Direction string

const (
	DirectionIn  Direction = "IN"  // a message, to the agent
	DirectionOut Direction = "OUT" // a reply, of the agent
)

// SearchFilter selects messages and replies; zero fields select all. Of
// statuses of one direction only, the other direction is left out.
type SearchFilter struct {
	// Text has words, each of which is to be in the content's texts.
	Text string
	// ID is that of a message or reply in its mailbox, or of a session.
	ID             string
	SessionID      string
	AgentGroupID   string
	ChannelType    string
	Kind           string
	Direction      Direction
	MessageStatus  []MessageStatus
	DeliveryStatus []DeliveryStatus
	// Waiting selects messages that wait since Now at the latest, false nothing.
	Waiting bool
	// Retried selects messages that were written once more, or all that were
	// not; nil is both.
	Retried *bool
	// Since is the first instant, Until the first that is too late.
	Since, Until *time.Time
	// Now is the engine's time, which Search sets.
	Now time.Time
}

func (f SearchFilter) check() error {
	if len(f.Text) > maxSearchText || !utf8.ValidString(f.Text) || strings.ContainsRune(f.Text, 0) {
		return InvalidField("text", "the text has at most %d bytes of UTF-8", maxSearchText).In("filter")
	}
	return nil
}

// SearchHit is a message or a reply as it was when it was indexed.
type SearchHit struct {
	Direction    Direction
	SessionID    string
	AgentGroupID string
	// ID is that in the mailbox.
	ID          string
	Kind        string
	ChannelType *string
	At          time.Time
	// MessageStatus is "" for a reply, DeliveryStatus for a message.
	MessageStatus  MessageStatus
	DeliveryStatus DeliveryStatus
	Snippet        string
}

// SearchPage is a page of hits, newest first. One that had to look at much may
// end early: End is where it does.
type SearchPage struct {
	List[SearchHit]
	// End is the cursor to go on from; "" where there is none.
	End   string
	Index IndexState
}

// IndexState is how far the index of mail has come.
type IndexState struct {
	// Until is when the index had all that happened until then.
	Until time.Time
	// Behind is how many events it has still to follow.
	Behind int
	// Building: what is older than Until may be missing too.
	Building bool
}

const (
	// maxSearchText bounds SearchFilter.Text, in bytes.
	maxSearchText = 256
	// searchTime bounds a search: with rare words that are made of common
	// letters, much may have to be looked at.
	searchTime = 5 * time.Second
)

// Search finds messages and replies of all sessions. It goes forward only.
func (e *Engine) Search(ctx context.Context, p Page, f SearchFilter) (SearchPage, error) {
	if e.indexer == nil {
		return SearchPage{}, errNoIndex()
	}
	if err := p.check(); err != nil {
		return SearchPage{}, err
	}
	if err := f.check(); err != nil {
		return SearchPage{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	f.Now = e.now()
	state := e.indexer.state()
	found, err := e.indexer.index.Search(ctx, p, f)
	found.Index = state
	return found, err
}

func errNoIndex() error {
	return Errorf(CodeUnavailable, "this engine has no index to search in")
}
