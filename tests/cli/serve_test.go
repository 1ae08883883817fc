package cli_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestServeMakesATokenOnceAndKeepsItToItself(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := serve(t, data)
	path := filepath.Join(data, "admin-token")
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	token := strings.TrimSpace(string(mustRead(t, path)))
	if len(token) < 40 || strings.Contains(strings.Join(s.lines, "\n"), token) {
		t.Errorf("the token %q, told by %q", token, s.lines)
	}
	address, _, _ := strings.Cut(strings.TrimPrefix(s.lines[1], "open "), " ")
	signsInOnce(t, s.url, address)
	for name, authorization := range map[string]string{"none": "", "another": "Bearer " + strings.Repeat("x", len(token))} {
		if status := post(t, s.url, authorization); status != http.StatusUnauthorized {
			t.Errorf("with %s: %d", name, status)
		}
	}
	if status := post(t, s.url, "Bearer "+token); status != http.StatusOK {
		t.Errorf("with the token: %d", status)
	}
	if code := s.end(t, syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	again := serve(t, data)
	if strings.Contains(again.lines[1], token) || !strings.Contains(again.lines[1], path) {
		t.Errorf("the next start says %q", again.lines[1])
	}
	if status := post(t, again.url, "Bearer "+token); status != http.StatusOK {
		t.Errorf("with the token, after a restart: %d", status)
	}
}

// signsInOnce opens an address as a browser does that has the console.
func signsInOnce(t *testing.T, url, address string) {
	t.Helper()
	code, ok := strings.CutPrefix(address, url+"/#code=")
	if !ok {
		t.Fatalf("%q is not an address of %s with a code", address, url)
	}
	for _, status := range []int{http.StatusOK, http.StatusUnauthorized} {
		res, err := http.Post(url+"/sign-in", "application/json", strings.NewReader(`{"code":"`+code+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != status {
			t.Errorf("%s is answered with %d, not %d", address, res.StatusCode, status)
		}
	}
}

func post(t *testing.T, url, authorization string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/graphql", strings.NewReader(`{"query":"{ __typename }"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

func TestMetricsTellOfTheMailboxesAndTheAPI(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	must[message](t, s, "message", "write", s.session(t).ID, "--text", "hello")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(mustRead(t, filepath.Join(s.data, "admin-token")))))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	mustContain(t, string(text), `twinbox_messages_total{outcome="WRITTEN"} 1`, "twinbox_http_requests_total")
}

func TestATokenThatOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := serve(t, data)
	path := filepath.Join(data, "admin-token")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if r := s.engine(t, "session", "list"); r.code != 6 || !strings.Contains(r.stderr, "0640") {
		t.Errorf("the client: %+v", r)
	}
	if code := s.end(t, syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if r := run(t, command(t, "serve", "--data", data, "--listen", "127.0.0.1:0")); r.code != 1 || !strings.Contains(r.stderr, "0640") {
		t.Errorf("the server: %+v", r)
	}
}

func TestTheTokenFromTheEnvironment(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	c := command(t, "serve", "--data", data, "--listen", "127.0.0.1:0")
	const token = "a-token-of-my-own-0123456789"
	c.Env = append(c.Env, "ENGINE_TOKEN="+token)
	s := start(t, c, data)
	if strings.Contains(strings.Join(s.lines, "\n"), token) {
		t.Errorf("it tells the token: %q", s.lines)
	}
	if _, err := os.Stat(filepath.Join(data, "admin-token")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a token file: %v", err)
	}
	ask := s.command(t, "session", "list", "-o", "json")
	ask.Env = append(ask.Env, "ENGINE_TOKEN="+token)
	if r := run(t, ask); r.code != 0 || r.stdout != "[]\n" {
		t.Errorf("with the token: %+v", r)
	}
	wrong := s.command(t, "session", "list")
	wrong.Env = append(wrong.Env, "ENGINE_TOKEN="+token+"x")
	if r := run(t, wrong); r.code != 6 {
		t.Errorf("with another: %+v", r)
	}
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"demo", "--once"}} {
		short := command(t, append(args, "--data", t.TempDir())...)
		short.Env = append(short.Env, "ENGINE_TOKEN=secret")
		if r := run(t, short); r.code != 2 || strings.Contains(r.stderr, "secret") {
			t.Errorf("%q with a token that can be guessed: %+v", args, r)
		}
	}
}

func TestASecondEngineSaysWhoHasTheDataDirectory(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"demo", "--once"}} {
		r := run(t, command(t, append(args, "--data", s.data)...))
		if r.code != 9 || r.stdout != "" {
			t.Errorf("%q: %+v", args, r)
		}
		mustContain(t, r.stderr, fmt.Sprintf("process %d", s.cmd.Process.Pid))
	}
	if r := s.engine(t, "session", "list"); r.code != 0 {
		t.Errorf("the first one afterwards: %+v", r)
	}
}

func TestListeningBeyondThisMachineWithoutTLSIsRefused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0"} {
		data := filepath.Join(t.TempDir(), "data")
		r := run(t, command(t, "serve", "--data", data, "--listen", address))
		if r.code != 2 {
			t.Errorf("%s: %+v", address, r)
		}
		mustContain(t, r.stderr, "--tls-cert", "--insecure-listen")
		if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: it made %s", address, data)
		}
	}
}

func TestServeOverTLS(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	s := serve(t, t.TempDir(), "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(s.url, "https://127.0.0.1:") {
		t.Fatalf("listens on %s", s.url)
	}
	c := s.command(t, "session", "list", "-o", "json")
	c.Env = append(c.Env, "SSL_CERT_FILE="+cert)
	if r := run(t, c); r.code != 0 || r.stdout != "[]\n" {
		t.Errorf("trusted: %+v", r)
	}
	if r := s.engine(t, "session", "list"); r.code != 5 {
		t.Errorf("a certificate that nobody vouches for: %+v", r)
	}
}

// certificate makes a certificate for 127.0.0.1 that vouches for itself.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert = mustWrite(t, filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	key = mustWrite(t, filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// upload is a request that the server has begun to read and that has not ended.
type upload struct {
	body   *io.PipeWriter
	status chan int // 0: the connection broke
}

// beginUpload returns when the server reads the body: it asked for it.
func (s *server) beginUpload(t *testing.T) upload {
	t.Helper()
	r, w := io.Pipe()
	u := upload{body: w, status: make(chan int, 1)}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/uploads", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Expect", "100-continue")
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(mustRead(t, filepath.Join(s.data, "admin-token")))))
	transport := &http.Transport{ExpectContinueTimeout: time.Hour}
	t.Cleanup(transport.CloseIdleConnections)
	go func() {
		res, err := transport.RoundTrip(req)
		if err != nil {
			u.status <- 0
			return
		}
		res.Body.Close()
		u.status <- res.StatusCode
	}()
	// The pipe takes bytes only once the server asked for the body.
	if _, err := w.Write([]byte("first half, ")); err != nil {
		t.Fatal(err)
	}
	return u
}

func (s *server) awaitRefusal(t *testing.T) {
	t.Helper()
	for {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			return
		}
		c.Close()
		if t.Context().Err() != nil {
			t.Fatal("the server still takes connections")
		}
	}
}

func TestSIGTERMFinishesWhatWasAccepted(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	u := s.beginUpload(t)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.awaitRefusal(t)
	if _, err := io.Copy(u.body, bytes.NewReader([]byte("second half"))); err != nil {
		t.Fatal(err)
	}
	u.body.Close()
	if status := <-u.status; status/100 != 2 {
		t.Errorf("the upload was answered with %d", status)
	}
	<-s.exited
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
	if _, err := os.Stat(filepath.Join(s.data, "engine.url")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it left the note of its URL: %v", err)
	}
	if r := s.engine(t, "session", "list", "--url", s.url); r.code != 5 {
		t.Errorf("a client afterwards: %+v", r)
	}
}

func TestASecondSIGTERMEndsTheServerAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir(), "--grace", "1h")
	u := s.beginUpload(t)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.awaitRefusal(t)
	for running := true; running; {
		select {
		case <-s.exited:
			running = false
		default:
			if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
		}
	}
	if s.cmd.ProcessState.Success() {
		t.Error("it claims to have ended well")
	}
	u.body.Close()
	if status := <-u.status; status != 0 {
		t.Errorf("the upload was answered with %d", status)
	}
	// What it had locked is free, and the note that it left behind is replaced.
	if next := serve(t, s.data); next.engine(t, "session", "list").code != 0 {
		t.Error("the next one cannot be asked")
	}
}

func TestGraceBoundsTheEnd(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir(), "--grace", "50ms")
	u := s.beginUpload(t)
	if code := s.end(t, syscall.SIGTERM); code != 1 {
		t.Errorf("exit code %d", code)
	}
	mustContain(t, s.stderr.String(), "cut off after 50ms")
	u.body.Close()
	if status := <-u.status; status != 0 {
		t.Errorf("the upload was answered with %d", status)
	}
}

func TestServeKeepsToItsLimitsAndModes(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir(), "--max-attachment", "1KiB", "--max-upload", "400KiB", "--max-content", "2KiB", "--dir-mode", "0700", "--file-mode", "0600",
		"--folder-owner", fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()))
	x := s.session(t)
	info, err := os.Stat(filepath.Join(s.workspace(x), "inbound.db"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("inbound.db: %v %v", info.Mode(), err)
	}
	dir := t.TempDir()
	small := mustWrite(t, filepath.Join(dir, "small"), make([]byte, 1<<10+1))
	large := mustWrite(t, filepath.Join(dir, "large"), make([]byte, 400<<10+1))
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--attach", small}, "content.attachments.0"},
		{[]string{"--attach", large}, "LIMIT_EXCEEDED"},
		{[]string{"--text", strings.Repeat("x", 2<<10)}, "content: "},
	} {
		r := s.engine(t, append([]string{"message", "write", x.ID}, c.args...)...)
		if r.code != 7 || r.stdout != "" {
			t.Errorf("%q: %d %s", c.says, r.code, r.stderr)
		}
		mustContain(t, r.stderr, c.says, "LIMIT_EXCEEDED")
	}
}
