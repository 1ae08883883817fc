package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

const connections = 64

// uniqueMark in a target's variables stands for what differs in each request.
const uniqueMark = "################"

// target is a GraphQL request that is sent again and again.
type target struct {
	address, path, token string
	document             string
	variables            map[string]any
	// want is in each right answer.
	want string
}

// load sends t's request over 64 kept connections for a while. It speaks HTTP
// itself: on a small machine net/http's client would take as much of the
// processor as the server that is measured.
func load(ctx context.Context, t target, d time.Duration) (_ sample, err error) {
	all, err := connect(ctx, t.address)
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, all.close()) }()
	return all.send(ctx, t, d)
}

// connected are connections to one server.
type connected []*connection

type connection struct {
	net.Conn
	answers *bufio.Reader
	sent    int
}

func connect(ctx context.Context, address string) (all connected, err error) {
	for range connections {
		var dialer net.Dialer
		c, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, errors.Join(err, all.close())
		}
		all = append(all, &connection{Conn: c, answers: bufio.NewReaderSize(c, 16<<10)})
	}
	return all, nil
}

func (all connected) close() error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// send sends t's request over each connection, again and again for a while.
func (all connected) send(ctx context.Context, t target, d time.Duration) (sample, error) {
	body, err := json.Marshal(map[string]any{"query": t.document, "variables": t.variables})
	if err != nil {
		return sample{}, err
	}
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept: application/json\r\n"+
		"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", t.path, t.address, t.token, len(body), body)
	var took [connections][]time.Duration
	g, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for i, c := range all {
		g.Go(func() (err error) {
			took[i], err = c.sendUntil(ctx, t, i, bytes.Clone(request), start.Add(d))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return sample{}, err
	}
	return summarise(slices.Concat(took[:]...), time.Since(start)), nil
}

func (c *connection) sendUntil(ctx context.Context, t target, number int, request []byte, end time.Time) ([]time.Duration, error) {
	// An answer that never comes must not hang the benchmark.
	if err := c.SetDeadline(end.Add(time.Minute)); err != nil {
		return nil, err
	}
	mark := bytes.Index(request, []byte(uniqueMark))
	var took []time.Duration
	for body := []byte(nil); ; {
		begun := time.Now()
		if begun.After(end) || ctx.Err() != nil {
			return took, ctx.Err()
		}
		if mark >= 0 {
			copy(request[mark:], fmt.Sprintf("%0*d", len(uniqueMark), c.sent*connections+number))
		}
		c.sent++
		if _, err := c.Write(request); err != nil {
			return nil, err
		}
		var err error
		if body, err = readAnswer(c.answers, body[:0]); err != nil {
			return nil, err
		}
		if !bytes.Contains(body, []byte(t.want)) {
			return nil, fmt.Errorf("%s answered %.500s", t.address, body)
		}
		took = append(took, time.Since(begun))
	}
}

// readAnswer appends the body of the next answer to body.
func readAnswer(r *bufio.Reader, body []byte) ([]byte, error) {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	ok := bytes.HasPrefix(status, []byte("HTTP/1.1 200"))
	length, chunked := 0, false
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value = bytes.TrimSpace(value); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return nil, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	if chunked {
		if body, err = io.ReadAll(httputil.NewChunkedReader(r)); err != nil {
			return nil, err
		}
		if _, err = r.ReadSlice('\n'); err != nil { // the empty line after the last chunk
			return nil, err
		}
	} else {
		body = slices.Grow(body, length)[:length]
		if _, err = io.ReadFull(r, body); err != nil {
			return nil, err
		}
	}
	if !ok {
		return nil, fmt.Errorf("an answer with status 200 was expected: %.500s", body)
	}
	return body, nil
}
