package clients

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Server is the server that clients are pointed at.
type Server struct {
	// BaseURL is the Tenant URL, without a slash at the end.
	BaseURL string
	// Token is a bearer token.
	Token string
	// HTTP sends the requests; nil stands for a client that follows no redirects,
	// since provisioning clients don't.
	HTTP *http.Client
}

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 32 << 20

var plain = &http.Client{
	Timeout:       30 * time.Second,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// answer is what came back.
type answer struct {
	method, target string
	status         int
	header         http.Header
	raw            []byte
	// body is decoded JSON; nil without any.
	body any
}

func (a *answer) String() string {
	return fmt.Sprintf("%s %s was answered with %d %s", a.method, a.target, a.status, shorten(string(a.raw)))
}

// send sends one request. The error says that no answer came, or that it isn't
// what every client needs.
func (s *Server) send(ctx context.Context, method, target, body string, header []field) (*answer, error) {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.BaseURL+target, reader)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.Token)
	for _, f := range header {
		// A type without a body is nothing that clients send, so a script may name
		// it once for all requests.
		if f.value == "" || body == "" && strings.EqualFold(f.name, "Content-Type") {
			request.Header.Del(f.name)
		} else {
			request.Header.Set(f.name, f.value)
		}
	}
	client := s.HTTP
	if client == nil {
		client = plain
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	a := &answer{method: method, target: target, status: response.StatusCode, header: response.Header}
	if a.raw, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer)); err != nil {
		return nil, fmt.Errorf("reading the answer to %s %s: %w", method, target, err)
	}
	if len(a.raw) > 0 {
		if a.body, err = decode(a.raw); err != nil {
			return nil, fmt.Errorf("%s: it is no JSON: %w", a, err)
		}
	}
	if err := s.invariants(a); err != nil {
		return nil, fmt.Errorf("%s: %w", a, err)
	}
	return a, nil
}
