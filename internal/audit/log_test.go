package audit

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

type writer func([]byte) (int, error)

func (f writer) Write(line []byte) (int, error) { return f(line) }

// buffer is a log that several write to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(line)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newLog(to io.Writer) (l *Log, own *buffer) {
	own = &buffer{}
	return New(to, Options{Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.NewJSONHandler(own, nil))}), own
}

func (l *Log) expect(t *testing.T, written, lost float64) {
	t.Helper()
	if w, o := testutil.ToFloat64(l.written), testutil.ToFloat64(l.lost); w != written || o != lost {
		t.Errorf("%v events written, %v lost: want %v, %v", w, o, written, lost)
	}
}

func TestEachEventIsALineOfTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	for range 2 { // as a second process does
		to, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		l, _ := newLog(to)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { l.Audit(t.Context(), write("x")) })
		}
		all.Wait()
		l.expect(t, 50, 0)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := encoded(t, write("x"), false)
	if string(text) != strings.Repeat(want, 100) {
		t.Errorf("the file has %s", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := Open(filepath.Join(path, "log")); err == nil {
		t.Error("no error for a file that can't be")
	}
	if to, err := Open("-"); err != nil || to != os.Stdout {
		t.Errorf("- is %v, %v", to, err)
	}
}

func TestALostEventIsCountedAndTold(t *testing.T) {
	t.Parallel()
	var to bytes.Buffer
	part := 7
	l, own := newLog(writer(func(line []byte) (int, error) {
		if part >= 0 {
			n, _ := to.Write(line[:part])
			part = -1
			return n, errors.New("no space left")
		}
		return to.Write(line)
	}))
	l.Audit(t.Context(), write("personal"))
	l.expect(t, 0, 1)
	for _, want := range []string{`"error":"no space left"`, `"request":"REQUEST"`, `"provider":"entra"`, `"status":409`} {
		if !strings.Contains(own.String(), want) {
			t.Errorf("the manager's log lacks %s: %s", want, own)
		}
	}
	if strings.Contains(own.String(), "personal") {
		t.Errorf("personal data is in the manager's log: %s", own)
	}
	l.Audit(t.Context(), write("x"))
	l.expect(t, 1, 1)
	want, _ := encoded(t, write("x"), false)
	if to.String() != want[:7]+"\n"+want {
		t.Errorf("the next event is no line of its own: %s", to.String())
	}
}

// Nobody waits for a log that nobody reads, and all is well once somebody does.
func TestALogThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		read := make(chan struct{})
		var to bytes.Buffer
		l, own := newLog(writer(func(line []byte) (int, error) {
			<-read
			return to.Write(line)
		}))
		begin := time.Now()
		l.Audit(t.Context(), write("first"))
		if waited := time.Since(begin); waited != patience {
			t.Errorf("the first waited %s", waited)
		}
		begin = time.Now()
		l.Audit(t.Context(), write("second"))
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("others wait too, %s", waited)
		}
		l.expect(t, 0, 1)
		if !strings.Contains(own.String(), errStalled.Error()) {
			t.Errorf("the manager's log: %s", own)
		}
		close(read)
		synctest.Wait()
		l.expect(t, 1, 1)
		l.Audit(t.Context(), write("third"))
		l.expect(t, 2, 1)
		if lines := strings.Count(to.String(), "\n"); lines != 2 {
			t.Errorf("%d lines", lines)
		}
	})
}

// What reads the standard output of a container reads the standard error too, and
// may be gone with it.
func TestNeitherLogIsRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		read := make(chan struct{})
		hangs := writer(func(line []byte) (int, error) {
			<-read
			return len(line), nil
		})
		l := New(hangs, Options{Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.NewJSONHandler(hangs, nil))})
		var waited []time.Duration
		for range 4 {
			begin := time.Now()
			l.Audit(t.Context(), write("x"))
			waited = append(waited, time.Since(begin))
		}
		if want := []time.Duration{patience, patience, 0, 0}; !slices.Equal(waited, want) {
			t.Errorf("they waited %s, want %s", waited, want)
		}
		l.expect(t, 0, 3)
		close(read)
		synctest.Wait()
		l.Audit(t.Context(), write("x"))
		l.expect(t, 2, 3)
	})
}

// A write that ends just when nobody waits any longer has ended: others take turns
// again.
func TestALogThatHangsNoLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var takes time.Duration
		l, _ := newLog(writer(func(line []byte) (int, error) {
			time.Sleep(takes)
			return len(line), nil
		}))
		const rounds = 50
		for range rounds {
			takes = patience
			l.Audit(t.Context(), write("late"))
			synctest.Wait()
			takes = time.Millisecond
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() { l.Audit(t.Context(), write("x")) })
			}
			all.Wait()
		}
		l.expect(t, 4*rounds, 0)
	})
}

// One that was behind the write that hangs waits no longer than that.
func TestThoseInTheQueueOfALogThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		read := make(chan struct{})
		l, _ := newLog(writer(func(line []byte) (int, error) {
			<-read
			return len(line), nil
		}))
		begin := time.Now()
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() { l.Audit(t.Context(), write("x")) })
		}
		all.Wait()
		if waited := time.Since(begin); waited != patience {
			t.Errorf("waited %s", waited)
		}
		l.expect(t, 0, 19)
		close(read)
		synctest.Wait()
		l.expect(t, 1, 19)
	})
}

// Whoever reads the standard output may go, and the manager stays.
func TestStandardOutputThatNobodyReads(t *testing.T) {
	const child, survived = "ROLLCALL_AUDIT_CHILD", 7
	if os.Getenv(child) != "" {
		to, err := Open("-")
		if err != nil {
			t.Fatal(err)
		}
		l, _ := newLog(to)
		l.Audit(t.Context(), write("x"))
		l.expect(t, 0, 1)
		if !t.Failed() {
			os.Exit(survived)
		}
		return
	}
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStandardOutputThatNobodyReads$")
	c.Env = append(os.Environ(), child+"=yes")
	c.Stdout = w
	if err := c.Run(); c.ProcessState.ExitCode() != survived {
		t.Errorf("the process ended with %v", err)
	}
}
