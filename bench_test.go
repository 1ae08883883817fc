package twinbox_test

import (
	"encoding/base64"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/twinbox/twinbox"
	"github.com/twinbox/twinbox/engine"
)

// Each reports what the engine itself computes and allocates; "make bench"
// compares with the peer and the disk.

const benchCallers = 64

func openBench(b *testing.B) *twinbox.Host {
	b.Helper()
	host, err := twinbox.Open(b.Context(), b.TempDir(), twinbox.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := host.Close(); err != nil {
			b.Error(err)
		}
	})
	id := "group"
	if _, err := host.CreateAgentGroup(b.Context(), engine.CreateAgentGroupInput{ID: &id, Name: "Bench"}); err != nil {
		b.Fatal(err)
	}
	return host
}

func benchSession(b *testing.B, host *twinbox.Host, chat string) engine.Session {
	b.Helper()
	if _, _, err := host.EnsureMessagingGroup(b.Context(), engine.EnsureMessagingGroupInput{ID: &chat, ChannelType: "bench", PlatformID: chat}); err != nil {
		b.Fatal(err)
	}
	s, _, err := host.ResolveSession(b.Context(), engine.ResolveSessionInput{AgentGroupID: "group", MessagingGroupID: &chat})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func benchWrite(b *testing.B, host *twinbox.Host, s engine.Session, n int64, attachments ...any) {
	id := fmt.Sprintf("m%d", n)
	content := map[string]any{"sender": "Ada", "text": "Please look at the pull request and say what you think of it"}
	if attachments != nil {
		content["attachments"] = attachments
	}
	if _, _, err := host.WriteMessage(b.Context(), engine.WriteMessageInput{SessionID: s.ID, MessageID: &id, Content: content, Trigger: true}); err != nil {
		b.Error(err)
	}
}

func BenchmarkCreateSession(b *testing.B) {
	host := openBench(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := host.ResolveSession(b.Context(), engine.ResolveSessionInput{AgentGroupID: "group"}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFindSession(b *testing.B) {
	host := openBench(b)
	s := benchSession(b, host, "chat")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := host.ResolveSession(b.Context(), engine.ResolveSessionInput{AgentGroupID: "group", MessagingGroupID: s.MessagingGroupID}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteMessage(b *testing.B) {
	host := openBench(b)
	s := benchSession(b, host, "chat")
	b.ReportAllocs()
	for n := int64(0); b.Loop(); n++ {
		benchWrite(b, host, s, n)
	}
}

func BenchmarkWriteMessageWithAttachmentOf1MiB(b *testing.B) {
	host := openBench(b)
	s := benchSession(b, host, "chat")
	data := base64.StdEncoding.EncodeToString(make([]byte, 1<<20))
	b.ReportAllocs()
	for n := int64(0); b.Loop(); n++ {
		benchWrite(b, host, s, n, map[string]any{"name": "photo.bin", "data": data})
	}
}

func BenchmarkWriteMessage64CallersOneSession(b *testing.B) { benchCallersOn(b, 1) }
func BenchmarkWriteMessage64Callers64Sessions(b *testing.B) { benchCallersOn(b, benchCallers) }

func benchCallersOn(b *testing.B, sessions int) {
	host := openBench(b)
	list := make([]engine.Session, sessions)
	for i := range list {
		list[i] = benchSession(b, host, fmt.Sprintf("chat-%d", i))
	}
	var caller, n atomic.Int64
	b.SetParallelism(benchCallers / 2) // times GOMAXPROCS, which is 2 where figures are taken
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		s := list[int(caller.Add(1))%sessions]
		for pb.Next() {
			benchWrite(b, host, s, n.Add(1))
		}
	})
}
