package server

import (
	"crypto/tls"
	"net/http"
	"time"
)

// The limits of the HTTP side. The identity providers' own are known: Okta gives
// up after 60 seconds, Microsoft asks for at least 25 requests a second.
const (
	// MaxHeader is the size of a request's line and headers, in bytes.
	MaxHeader = 32 << 10
	// MaxBody is the size of a request's body, in bytes.
	MaxBody = 4 << 20
	// MaxBulkOperations is how many operations a bulk request has, and MaxBulks how
	// many such requests are worked on at once: they are the largest, and take the
	// longest.
	MaxBulkOperations = 1000
	MaxBulks          = 16
	// MaxDepth is how deep JSON objects and arrays may stand in each other.
	MaxDepth = 64

	// DefaultPage and MaxPage are how many resources one page of a list has
	// when the client doesn't say, and at most.
	DefaultPage = 100
	MaxPage     = 200

	// MaxMerged is the index at which a sorted search of users and groups together
	// ends. Each page of it takes all that is in front of it; cursors don't.
	MaxMerged = 2000

	// CursorTimeout is how long a cursor is good for.
	CursorTimeout = time.Hour

	// ReadHeaderTimeout, ReadTimeout, WriteTimeout and IdleTimeout are those of
	// http.Server. WriteTimeout starts with the request, so it has room for
	// reading the body and for working on it.
	ReadHeaderTimeout = 10 * time.Second
	ReadTimeout       = 30 * time.Second
	WriteTimeout      = ReadTimeout + RequestTimeout + 10*time.Second
	IdleTimeout       = 120 * time.Second

	// RequestTimeout is how long one request is worked on.
	RequestTimeout = 20 * time.Second

	// MaxInFlight is how many requests are worked on at once, and three quarters of it
	// how many of one provider.
	MaxInFlight = 256
	// MaxMemory bounds the memory that the bodies of all these take together, and
	// what they are answered with of the attributes that clients have stored, in bytes;
	// and three quarters of it those of one provider. One of MaxBody bytes can take fifty
	// times as much when it is decoded.
	MaxMemory = 256 << 20

	// MaxListedMembers is how many members the groups of one list have together;
	// groups beyond are for the next page. A single group is never cut.
	// MaxMemberLists is how many lists with members are made and sent at once.
	// Together they bound the memory that such lists take.
	MaxListedMembers = 50_000
	MaxMemberLists   = 4

	// ProviderRate and ProviderBurst limit the authenticated requests of one
	// provider, in requests per second and in requests. A full sync looks every
	// user up before it writes, so this is more than twice the writes that the API
	// server does in a second: the limit is for clients that have run wild.
	ProviderRate  = 2000
	ProviderBurst = 4000

	// FailureRate and FailureBurst limit the failed authentications from one
	// address at one provider.
	FailureRate  = 1.0 / 3
	FailureBurst = 20
)

// The waits that clients are told in Retry-After.
const (
	retryBusy    = time.Second
	retryTimeout = 5 * time.Second
	retryPaused  = time.Minute
)

const (
	// maxTracked is how many addresses and providers are counted apart.
	maxTracked = 4096
	// maxDetail is how many bytes of an error's detail are sent: details may
	// quote the request.
	maxDetail = 1000
	// maxLogged is how many bytes of a value from the request are logged.
	maxLogged = 128
	// refusalRate and refusalBurst limit the log's lines about refused reads of one
	// provider, in lines per second and in lines.
	refusalRate  = 10
	refusalBurst = 100
)

// Limits overrides the constants above; zero values stand for them. A rate of
// math.MaxFloat64 is no limit.
type Limits struct {
	MaxBody          int64
	RequestTimeout   time.Duration
	MaxInFlight      int
	MaxMemory        int64
	MaxBulks         int
	MaxListedMembers int
	MaxMemberLists   int
	ProviderRate     float64
	ProviderBurst    int
	FailureRate      float64
	FailureBurst     int
	// CursorTimeout counts in whole seconds.
	CursorTimeout time.Duration
}

func (l Limits) withDefaults() Limits {
	l.MaxBody = orDefault(l.MaxBody, MaxBody)
	l.RequestTimeout = orDefault(l.RequestTimeout, RequestTimeout)
	l.MaxInFlight = orDefault(l.MaxInFlight, MaxInFlight)
	l.MaxMemory = orDefault(l.MaxMemory, MaxMemory)
	l.MaxBulks = orDefault(l.MaxBulks, MaxBulks)
	l.MaxListedMembers = orDefault(l.MaxListedMembers, MaxListedMembers)
	l.MaxMemberLists = orDefault(l.MaxMemberLists, MaxMemberLists)
	l.ProviderRate = orDefault(l.ProviderRate, ProviderRate)
	l.ProviderBurst = orDefault(l.ProviderBurst, ProviderBurst)
	l.FailureRate = orDefault(l.FailureRate, FailureRate)
	l.FailureBurst = orDefault(l.FailureBurst, FailureBurst)
	l.CursorTimeout = orDefault(l.CursorTimeout, CursorTimeout)
	return l
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// NewHTTPServer returns a server for the handler, with this package's limits.
// The caller sets the address, and the certificates if it speaks TLS.
func NewHTTPServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: ReadHeaderTimeout,
		ReadTimeout:       ReadTimeout,
		WriteTimeout:      WriteTimeout,
		IdleTimeout:       IdleTimeout,
		MaxHeaderBytes:    MaxHeader,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12},
		// OPTIONS * gets a SCIM answer too.
		DisableGeneralOptionsHandler: true,
	}
}
