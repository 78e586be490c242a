package entra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// attempts is how often a request is sent that is answered with a
	// Retry-After, before it is left to the next cycle.
	attempts = 4
	// longestPause is the longest Retry-After that a cycle waits for.
	longestPause = 5 * time.Minute
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 32 << 20
)

// Exchange is one request and its answer, as the provisioning log shows them. The
// token isn't in it.
type Exchange struct {
	Method string
	// Target is what follows the Tenant URL: path and query.
	Target string
	// Request and Response are the bodies; nil without one.
	Request, Response []byte
	// Status is 0 when there was no answer.
	Status int
	// Header of the answer.
	Header http.Header
	// Err is why there was none.
	Err error
	// Sent and Answered are when it began and when the answer's head was there.
	Sent, Answered time.Time
}

// StatusError is an answer other than 2xx.
type StatusError struct {
	Method, Target string
	Status         int
	ScimType       string
	Detail         string
}

// Error implements error.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: %d", e.Method, e.Target, e.Status)
	if e.ScimType != "" {
		text += " " + e.ScimType
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// status returns the HTTP status of an error, or 0.
func status(err error) int {
	if e, ok := errors.AsType[*StatusError](err); ok {
		return e.Status
	}
	return 0
}

// Client sends requests as the provisioning service does.
type Client struct {
	base    string
	query   string
	token   string
	options Options
}

// NewClient makes a client for a Tenant URL. Without a token it sends none.
func NewClient(tenantURL, token string, o Options) (*Client, error) {
	o = o.withDefaults()
	u, err := url.Parse(tenantURL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("entra: %q is no Tenant URL", tenantURL)
	}
	c := &Client{query: u.RawQuery, token: token, options: o}
	u.RawQuery = ""
	c.base = strings.TrimSuffix(u.String(), "/")
	if o.Dialect == AadOptscim062020 && !strings.Contains(c.query, flag) {
		c.query = strings.TrimPrefix(c.query+"&"+flag, "&")
	}
	return c, nil
}

// do sends a request and decodes a 2xx answer into out. target is what follows
// the Tenant URL.
func (c *Client) do(ctx context.Context, method, target string, body, out any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return fmt.Errorf("entra: encoding a request: %w", err)
		}
	}
	for attempt := 1; ; attempt++ {
		pause, err := c.once(ctx, method, target, text, out)
		if err == nil || pause == 0 || attempt == attempts {
			return err
		}
		if waitErr := c.options.Wait(ctx, pause); waitErr != nil {
			return errors.Join(err, waitErr)
		}
	}
}

// once returns how long to wait before another attempt; 0 for none.
func (c *Client) once(ctx context.Context, method, target string, text []byte, out any) (pause time.Duration, err error) {
	x := c.Send(ctx, method, target, text)
	if x.Err != nil {
		return 0, x.Err
	}
	if x.Status/100 != 2 {
		return retryAfter(x), refusal(x)
	}
	if out == nil {
		return 0, nil
	}
	if err := json.Unmarshal(x.Response, out); err != nil {
		return 0, fmt.Errorf("entra: the answer to %s %s is not as SCIM wants it: %w", method, target, err)
	}
	return 0, nil
}

// Send sends one request and returns what came of it, whatever the status.
func (c *Client) Send(ctx context.Context, method, target string, body []byte) Exchange {
	x := Exchange{Method: method, Target: target, Request: body, Sent: time.Now()}
	if err := c.send(ctx, &x); err != nil {
		x.Err = fmt.Errorf("entra: %s %s: %w", method, target, err)
	}
	if c.options.Record != nil {
		c.options.Record(x)
	}
	return x
}

func (c *Client) send(ctx context.Context, x *Exchange) error {
	address := c.base + x.Target
	if c.query != "" {
		separator := "?"
		if strings.Contains(x.Target, "?") {
			separator = "&"
		}
		address += separator + c.query
	}
	request, err := http.NewRequestWithContext(ctx, x.Method, address, bytes.NewReader(x.Request))
	if err != nil {
		return err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	request.Header.Set("Accept", "application/scim+json")
	if x.Request != nil {
		request.Header.Set("Content-Type", "application/scim+json; charset=utf-8")
	}
	response, err := c.options.HTTP.Do(request)
	x.Answered = time.Now()
	if err != nil {
		return err
	}
	defer response.Body.Close()
	x.Status, x.Header = response.StatusCode, response.Header
	if x.Response, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer)); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return nil
}

// retryAfter reads a Retry-After in seconds; a date is none (fact 68).
func retryAfter(x Exchange) time.Duration {
	if x.Status != http.StatusTooManyRequests && x.Status != http.StatusServiceUnavailable {
		return 0
	}
	seconds, err := strconv.Atoi(x.Header.Get("Retry-After"))
	pause := time.Duration(seconds) * time.Second
	if err != nil || pause < 0 || pause > longestPause {
		return 0
	}
	return pause
}

// Want is an error unless the answer has that status.
func (x Exchange) Want(status int) error {
	switch {
	case x.Err != nil:
		return x.Err
	case x.Status != status:
		return refusal(x)
	default:
		return nil
	}
}

func refusal(x Exchange) error {
	var message struct {
		ScimType string `json:"scimType"`
		Detail   string `json:"detail"`
	}
	e := &StatusError{Method: x.Method, Target: x.Target, Status: x.Status}
	if err := json.Unmarshal(x.Response, &message); err != nil {
		e.Detail = "the error is no JSON, so the service can't read it"
		return e
	}
	e.ScimType, e.Detail = message.ScimType, message.Detail
	return e
}

// listing is a ListResponse.
type listing struct {
	TotalResults int              `json:"totalResults"`
	Resources    []map[string]any `json:"Resources"`
}

// find searches by equality.
func (c *Client) find(ctx context.Context, endpoint, options, attribute, value string) ([]map[string]any, error) {
	quoted, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("entra: %w", err)
	}
	target := endpoint + "?" + options + "filter=" + url.QueryEscape(attribute+" eq "+string(quoted))
	var list listing
	if err := c.do(ctx, http.MethodGet, target, nil, &list); err != nil {
		return nil, err
	}
	return list.Resources, nil
}
