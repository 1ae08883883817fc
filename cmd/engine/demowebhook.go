package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// maxDemoDelivery bounds what the receiver reads, in bytes.
const maxDemoDelivery = 1 << 20

// deliver starts a receiver, as a bot would be one, has the engine push the
// reply to it, and shows what came.
func (d *demo) deliver(ctx context.Context, timeout time.Duration) (err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start the receiver: %w", err)
	}
	secret := rand.Text()
	came := make(chan json.RawMessage, 1)
	receiver := &http.Server{Handler: demoReceiver(secret, came), ReadTimeout: timeout, ReadHeaderTimeout: timeout}
	served := make(chan error, 1)
	go func() { served <- receiver.Serve(listener) }()
	defer func() {
		// Not Close: the engine waits for the answer.
		err = errors.Join(err, receiver.Shutdown(context.WithoutCancel(ctx)))
		if serr := <-served; !errors.Is(serr, http.ErrServerClosed) {
			err = errors.Join(err, serr)
		}
	}()
	url := "http://" + listener.Addr().String() + "/replies"
	webhook, err := d.client.mutate(ctx, "setWebhook", "webhook { id }", map[string]any{"channelType": demoChannel, "url": url, "secret": secret})
	if err != nil {
		return fmt.Errorf("set the webhook: %w", err)
	}
	// What comes later waits for whoever asks for it.
	defer func() {
		_, rerr := d.client.mutate(context.WithoutCancel(ctx), "removeWebhook", "removed", map[string]any{"id": text(webhook, "webhook", "id")})
		err = errors.Join(err, rerr)
	}()
	select {
	case body := <-came:
		d.step("The chat has a webhook now, a receiver of this demo's at %s: the answer is pushed there, signed:", url)
		return flatten(body, "", func(key string, value json.RawMessage) {
			switch key {
			case "deliveryId", "attempt", "reply.id", "reply.content.text":
				d.show(key, cell(value))
			}
		})
	case <-time.After(timeout):
		return fmt.Errorf("the receiver got nothing within %s", timeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// demoReceiver takes what the engine signed, and refuses anything else.
func demoReceiver(secret string, came chan<- json.RawMessage) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDemoDelivery))
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(r.Header.Get("Twinbox-Timestamp") + "."))
		mac.Write(body)
		want := fmt.Sprintf("v1=%x", mac.Sum(nil))
		if err != nil || !hmac.Equal([]byte(want), []byte(r.Header.Get("Twinbox-Signature"))) {
			http.Error(w, "the signature is not the engine's", http.StatusUnauthorized)
			return
		}
		select {
		case came <- body:
		default: // a repeat
		}
		fmt.Fprintln(w, `{"platformMessageId":"demo-1"}`)
	})
}
