// Package suite starts Ginkgo suites that talk to a control plane, all in one way.
package suite

import (
	"io"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// Timeout is how long a condition may take to come true, on a busy machine too.
	Timeout = 20 * time.Second
	// Interval is how often it is looked at.
	Interval = 20 * time.Millisecond
)

// Run runs the specs of the package that calls it.
func Run(t *testing.T, description string) {
	// Client libraries have much to say about a server that comes and goes.
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	log.SetLogger(logr.Discard())
	gomega.SetDefaultEventuallyTimeout(Timeout)
	gomega.SetDefaultEventuallyPollingInterval(Interval)
	gomega.EnforceDefaultTimeoutsWhenUsingContexts()
	gomega.RegisterFailHandler(ginkgo.Fail)
	ginkgo.RunSpecs(t, description)
}
