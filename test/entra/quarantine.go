package entra

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// The limits of a healthy job (fact 71).
const (
	ratedOperations = 5000
	ratedPercent    = 40
	maxFailures     = 40000
	disabledAfter   = 28 * 24 * time.Hour
)

// errIncompatible is a 404 in answer to a search.
var errIncompatible = errors.New("entra: SystemForCrossDomainIdentityManagementServiceIncompatible")

// ErrQuarantined says that a job doesn't run, or runs no further.
type ErrQuarantined struct {
	Reason string
	// Next is when it will be tried again; zero when it was disabled.
	Next time.Time
}

// Error implements error.
func (e *ErrQuarantined) Error() string {
	if e.Next.IsZero() {
		return "entra: the job is disabled: " + e.Reason
	}
	return fmt.Sprintf("entra: the job is in quarantine until %s: %s", e.Next.Format(time.RFC3339), e.Reason)
}

// health is what the service counts. Guarded by Job.mu.
type health struct {
	operations, failures int
	// reason is empty outside the quarantine.
	reason string
	since  time.Time
	next   time.Time
	tries  int
}

// Counters returns how many operations there x.
func (j *Job) Counters() (operations, failures int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.health.operations, j.health.failures
}

// Restart ends a quarantine, as the button of that name does.
func (j *Job) Restart() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.health = health{}
}

// mayRun refuses a cycle in quarantine until its time has come.
func (j *Job) mayRun() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	h, now := &j.health, j.options.Now()
	switch {
	case h.reason == "":
		return nil
	case now.Sub(h.since) >= disabledAfter:
		return &ErrQuarantined{Reason: h.reason}
	case now.Before(h.next):
		return &ErrQuarantined{Reason: h.reason, Next: h.next}
	default:
		return nil
	}
}

// failed counts a failure, and returns an error when the job has to stop.
func (j *Job) failed(err error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	h := &j.health
	h.failures++
	switch {
	case status(err) == http.StatusUnauthorized || status(err) == http.StatusForbidden:
		return j.quarantine("SystemForCrossDomainIdentityManagementCredentialValidationFailure")
	case errors.Is(err, errIncompatible):
		return j.quarantine("SystemForCrossDomainIdentityManagementServiceIncompatible")
	case h.failures >= maxFailures,
		h.operations >= ratedOperations && h.failures*100 > h.operations*ratedPercent:
		return j.quarantine("EncounteredQuarantineException")
	default:
		return nil
	}
}

// quarantine postpones the next try by 6, 12 and then 24 hours.
func (j *Job) quarantine(reason string) error {
	h, now := &j.health, j.options.Now()
	if h.reason == "" || !now.Before(h.next) {
		if h.reason == "" {
			h.since = now
		}
		h.reason = reason
		h.next = now.Add(min(6*time.Hour<<min(h.tries, 2), 24*time.Hour))
		h.tries++
		h.operations, h.failures = 0, 0
	}
	return &ErrQuarantined{Reason: h.reason, Next: h.next}
}

// cycleEnded lifts the quarantine after a cycle that came to its end.
func (j *Job) cycleEnded() {
	j.mu.Lock()
	defer j.mu.Unlock()
	operations, failures := j.health.operations, j.health.failures
	j.health = health{operations: operations, failures: failures}
}
