//go:build integration

package ha_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/stall"
)

const (
	clients = 4
	// answerWithin is when a client gives a request up; Entra waits longer.
	answerWithin = 3 * time.Second
	// pause is how long it waits before it asks again.
	pause = 50 * time.Millisecond
)

// load is clients that create users, change them, and read what they wrote.
type load struct {
	base, prefix string
	http         *http.Client

	mu sync.Mutex
	// written is the title that was last acknowledged, by userName; doubtful are the
	// users with a write since of which nobody knows what became.
	written  map[string]string
	doubtful map[string]bool
	problems []string
	requests int
	// missed are the requests without an answer, or that were told to come back.
	missed int
	// refused is the longest time in which one client got no answer, be it to a write
	// or to a read: which of them it was about to send is chance.
	refused time.Duration
	// stalled is for how long the clients didn't get to run.
	stalled *stall.Watch
}

func newLoad(base string, secret *secret, prefix string) *load {
	return &load{
		base: base, prefix: prefix, written: map[string]string{}, doubtful: map[string]bool{},
		http: &http.Client{Timeout: answerWithin, Transport: secret},
	}
}

// during keeps the clients and Entra busy as long as f runs, and a little after. Entra
// ends a cycle in that time which has begun in it.
func (l *load) during(ctx context.Context, f func()) {
	GinkgoHelper()
	running, stop := context.WithCancel(ctx)
	defer stop()
	l.stalled = stall.Start(running)
	var group sync.WaitGroup
	cycles := contoso.done()
	group.Go(func() {
		defer GinkgoRecover()
		contoso.work(running, ctx)
	})
	for i := range clients {
		group.Go(func() {
			defer GinkgoRecover()
			for n := 0; running.Err() == nil; n++ {
				l.person(ctx, fmt.Sprintf("%s-%d-%d@example.com", l.prefix, i, n))
			}
		})
	}
	f()
	Eventually(contoso.done).WithContext(ctx).WithTimeout(time.Minute).WithPolling(pause).Should(BeNumerically(">", cycles+1))
	stop()
	group.Wait()
}

// person creates a user, reads it in two ways, changes it and reads it again.
func (l *load) person(ctx context.Context, userName string) {
	id := l.create(ctx, userName)
	for i := range 2 {
		title := "title " + strconv.Itoa(i)
		l.write(ctx, userName, func() (bool, bool) {
			status, _ := l.send(ctx, http.MethodPatch, "/Users/"+id, fmt.Sprintf(
				`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"title","value":%q}]}`, title))
			return status == http.StatusOK, status == 0
		}, title)
		l.read(ctx, userName, id)
	}
}

// create makes a user, as a client does that looks before it asks again.
func (l *load) create(ctx context.Context, userName string) (id string) {
	l.write(ctx, userName, func() (bool, bool) {
		status, body := l.send(ctx, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q,"active":true}`, userName))
		if status == http.StatusConflict {
			// An earlier try has come through after all.
			status, body = l.find(ctx, userName)
		}
		id = body
		return status == http.StatusCreated || (status == http.StatusOK && id != ""), status == 0
	}, "")
	l.read(ctx, userName, id)
	return id
}

// write repeats a write until it is acknowledged. do says whether it was, and
// otherwise whether nobody knows.
func (l *load) write(ctx context.Context, userName string, do func() (done, unknown bool), title string) {
	begin := time.Now()
	for ctx.Err() == nil {
		done, unknown := do()
		l.mu.Lock()
		if unknown {
			l.doubtful[userName] = true
		}
		if done {
			l.written[userName] = title
			delete(l.doubtful, userName)
		}
		l.mu.Unlock()
		if done {
			l.answered(begin)
			return
		}
		wait(ctx)
	}
}

func (l *load) answered(begin time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = max(l.refused, time.Since(begin))
}

// wait is between two tries of a client that got no answer.
func wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// read expects what was written, in one answer or another: none is better than one
// of yesterday.
func (l *load) read(ctx context.Context, userName, id string) {
	l.mu.Lock()
	title := l.written[userName]
	l.mu.Unlock()
	defer l.answered(time.Now())
	for ctx.Err() == nil {
		status, body := l.send(ctx, http.MethodGet, "/Users/"+id, "")
		if status == 0 || status == http.StatusServiceUnavailable {
			wait(ctx)
			continue
		}
		var user struct{ ID, UserName, Title string }
		if status != http.StatusOK || json.Unmarshal([]byte(body), &user) != nil || user.UserName != userName || user.Title != title {
			l.problem("GET of %s, title %q: %d %s", userName, title, status, body)
		}
		break
	}
	for ctx.Err() == nil {
		status, found := l.find(ctx, userName)
		if status == 0 || status == http.StatusServiceUnavailable {
			wait(ctx)
			continue
		}
		if status != http.StatusOK || found != id {
			l.problem("search for %s: %d %q, want %q", userName, status, found, id)
		}
		break
	}
}

// find looks a user up by name, and returns its id if there is just one.
func (l *load) find(ctx context.Context, userName string) (status int, id string) {
	status, body := l.send(ctx, http.MethodGet, "/Users?filter="+url.QueryEscape(fmt.Sprintf("userName eq %q", userName)), "")
	var list struct{ Resources []struct{ ID string } }
	if status != http.StatusOK || json.Unmarshal([]byte(body), &list) != nil || len(list.Resources) != 1 {
		return status, ""
	}
	return status, list.Resources[0].ID
}

// send returns status 0 when there was no answer. A POST returns the id that was
// made.
func (l *load) send(ctx context.Context, method, target, body string) (status int, answer string) {
	request, err := http.NewRequestWithContext(ctx, method, l.base+target, strings.NewReader(body))
	if err != nil {
		l.problem("%v", err)
		return 0, ""
	}
	request.Header.Set("Content-Type", "application/scim+json")
	l.mu.Lock()
	l.requests++
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if status == 0 || status == http.StatusServiceUnavailable {
			l.missed++
		}
	}()
	response, err := l.http.Do(request)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, ""
	}
	switch response.StatusCode {
	case http.StatusOK, http.StatusConflict:
	case http.StatusCreated:
		var user struct{ ID string }
		if json.Unmarshal(text, &user) != nil {
			l.problem("%s %s: %s", method, target, text)
		}
		return response.StatusCode, user.ID
	case http.StatusServiceUnavailable:
		if _, err := strconv.Atoi(response.Header.Get("Retry-After")); err != nil {
			l.problem("%s %s: 503 without an integer Retry-After", method, target)
		}
	default:
		l.problem("%s %s %s: %d %s", method, target, body, response.StatusCode, text)
	}
	return response.StatusCode, string(text)
}

func (l *load) problem(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

// expectKept holds what was acknowledged against what the API server has.
func (l *load) expectKept(ctx context.Context) {
	GinkgoHelper()
	contoso.expectKept(ctx)
	Expect(l.problems).To(BeEmpty())
	Expect(len(l.written)).To(BeNumerically(">", clients), "users written")
	var list v1alpha1.ProvisionedUserList
	Expect(control.Client().List(ctx, &list)).To(Succeed())
	titles := map[string][]string{}
	for _, u := range list.Items {
		var attributes struct{ Title string }
		if u.Spec.Attributes != nil {
			Expect(json.Unmarshal(u.Spec.Attributes.Raw, &attributes)).To(Succeed())
		}
		titles[u.Spec.UserName] = append(titles[u.Spec.UserName], attributes.Title)
	}
	for userName, title := range l.written {
		if l.doubtful[userName] {
			Expect(titles[userName]).To(HaveLen(1), userName)
			continue
		}
		Expect(titles[userName]).To(Equal([]string{title}), userName)
	}
	AddReportEntry("load", fmt.Sprintf("%d requests, %d without an answer, %d users, none for %s at most", l.requests, l.missed, len(l.written), l.refused))
}
