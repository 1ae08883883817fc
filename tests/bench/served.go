package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twinbox/twinbox/tests/internal/engineproc"
)

// served is the real binary in a process of its own, reached over HTTP.
type served struct {
	process *engineproc.Process
	data    string
	chat    string // id of a messaging group
	next    int    // the number of the next thread, for keys that are new
}

func serve(ctx context.Context, bin, data string, args ...string) (*served, error) {
	p, err := engineproc.Serve(bin, data, args...)
	if err != nil {
		return nil, err
	}
	var out struct {
		EnsureMessagingGroup struct{ MessagingGroup *struct{ ID string } }
	}
	err = p.Query(ctx, `mutation {
		plain: createAgentGroup(input: {id: "ag", name: "Agents"}) { userErrors { message } }
		pass: createAgentGroup(input: {id: "pass", name: "Agents whose messages go through hooks"}) { userErrors { message } }
		look: createAgentGroup(input: {id: "look", name: "Agents whose messages go through others"}) { userErrors { message } }
		ensureMessagingGroup(input: {channelType: "telegram", platformId: "1"}) { messagingGroup { id } }
	}`, nil, &out)
	if err == nil && out.EnsureMessagingGroup.MessagingGroup == nil {
		err = errors.New("the messaging group was not made")
	}
	if err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	return &served{process: p, data: data, chat: out.EnsureMessagingGroup.MessagingGroup.ID}, nil
}

const resolveDocument = `mutation($input: ResolveSessionInput!) {
	resolveSession(input: $input) { session { id } created userErrors { message } } }`

func (s *served) newSession(ctx context.Context, agentGroup string) (id string, err error) {
	var out struct {
		ResolveSession struct {
			Session *struct{ ID string }
			Created bool
		}
	}
	err = s.process.Query(ctx, resolveDocument, map[string]any{"input": s.key(agentGroup, s.next)}, &out)
	s.next++
	if err == nil && !out.ResolveSession.Created {
		err = fmt.Errorf("resolveSession: %+v", out)
	}
	if err != nil {
		return "", err
	}
	return out.ResolveSession.Session.ID, nil
}

func (s *served) key(agentGroup string, thread int) map[string]any {
	return map[string]any{"agentGroupId": agentGroup, "messagingGroupId": s.chat, "mode": "PER_THREAD", "threadId": fmt.Sprint(thread)}
}

// The same fields on all sides: what the peer's Session has, too.
const sessionDocument = `query($id: ID!) { session(id: $id) { id containerStatus lastActive createdAt } }`

func sessionTarget(address, path, token, id string) target {
	return target{address: address, path: path, token: token, document: sessionDocument,
		variables: map[string]any{"id": id}, want: fmt.Sprintf(`"session":{"id":%q`, id)}
}

func (s *served) query(d time.Duration) side {
	return func(ctx context.Context, _ int) (sample, error) {
		id, err := s.newSession(ctx, "ag")
		if err != nil {
			return sample{}, err
		}
		return load(ctx, sessionTarget(s.process.Address, "/graphql", s.process.Token, id), d)
	}
}

func (s *served) write(d time.Duration) side {
	return func(ctx context.Context, _ int) (sample, error) {
		id, err := s.newSession(ctx, "ag")
		if err != nil {
			return sample{}, err
		}
		return load(ctx, s.writeTarget(id), d)
	}
}

func (s *served) writeTarget(session string) target {
	return target{address: s.process.Address, path: "/graphql", token: s.process.Token,
		document: `mutation($input: WriteMessageInput!) {
			writeMessage(input: $input) { message { messageId } outcome userErrors { message } } }`,
		variables: map[string]any{"input": map[string]any{"sessionId": session, "content": chatText}},
		want:      `"outcome":"WRITTEN"`}
}

// peerServed is the peer's server.
type peerServed struct {
	address string
	client  *engineproc.Client
}

func (p peerServed) newSession(ctx context.Context, key string) (string, error) {
	var out struct {
		ResolveSession struct{ ID string }
	}
	err := p.client.Query(ctx,
		`mutation($mg: ID!) { resolveSession(agentGroupId: "ag", messagingGroupId: $mg) { id } }`, map[string]any{"mg": key}, &out)
	return out.ResolveSession.ID, err
}

func (p peerServed) query(d time.Duration) side {
	return func(ctx context.Context, round int) (sample, error) {
		id, err := p.newSession(ctx, fmt.Sprint("query-", round))
		if err != nil {
			return sample{}, err
		}
		return load(ctx, sessionTarget(p.address, "/graphql", "", id), d)
	}
}

func (p peerServed) write(d time.Duration) side {
	return func(ctx context.Context, round int) (sample, error) {
		id, err := p.newSession(ctx, fmt.Sprint("write-", round))
		if err != nil {
			return sample{}, err
		}
		return load(ctx, target{address: p.address, path: "/graphql",
			document:  `mutation($s: ID!, $c: String!) { writeMessage(sessionId: $s, kind: "chat", content: $c) }`,
			variables: map[string]any{"s": id, "c": chatText}, want: `"data":{"writeMessage":"m`}, d)
	}
}
