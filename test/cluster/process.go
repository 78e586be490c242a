package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a child with a log file of its own.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // of Wait; valid once done is closed
}

// launch runs starts on one thread that lives as long as the program: the kernel
// signals a child's death wish when the *thread* that made it ends, and Go ends
// threads when it likes.
var launch = sync.OnceValue(func() chan<- func() {
	requests := make(chan func())
	go func() {
		runtime.LockOSThread()
		for request := range requests {
			request()
		}
	}()
	return requests
})

// startProcess starts a child in a process group of its own, so that the Ctrl-C
// of a terminal reaches this program alone and Stop can end things in order.
func startProcess(name, path string, args []string, logPath string, env ...string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer log.Close() // the child has its own handle by then
	p := &process{name: name, log: logPath, done: make(chan struct{}), cmd: exec.Command(path, args...)}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Dir = filepath.Dir(logPath)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = childAttributes()

	started := make(chan error)
	launch() <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// ready waits until the URL answers 200. It gives up early, with the end of the
// log, when the process ends.
func (p *process) ready(ctx context.Context, url string, config *tls.Config) error {
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 2 * time.Second}
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	var last string
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		switch response, err := client.Do(request); {
		case err != nil:
			last = err.Error()
		default:
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			last = response.Status
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended (%w) before it was ready; the end of %s:\n%s", p.name, p.exit(), p.log, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready (%s): %w; the end of %s:\n%s", p.name, last, ctx.Err(), p.log, p.tail())
		case <-poll.C:
		}
	}
}

func (p *process) exit() error {
	<-p.done
	if p.err == nil {
		return errors.New("exit status 0")
	}
	return p.err
}

// stop asks politely and then doesn't. It may be called again.
func (p *process) stop(timeout time.Duration) error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		return errors.Join(fmt.Errorf("%s did not stop within %s", p.name, timeout), p.kill())
	}
}

// kill ends it at once, as a crash or the kernel would.
func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

func (p *process) signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("sending %s to %s: %w", sig, p.name, err)
	}
	return nil
}

// tail returns the last lines of the log, for an error message.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// pause freezes it: its sockets stay open and nobody answers. It returns when the kernel
// has stopped all of its threads, one of which may have been about to answer.
func (p *process) pause() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	if err := awaitStop(p.cmd.Process.Pid); err != nil {
		return fmt.Errorf("waiting for %s to stop: %w", p.name, err)
	}
	return nil
}

func (p *process) resume() error { return p.signal(syscall.SIGCONT) }
