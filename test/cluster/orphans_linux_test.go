//go:build integration

package cluster_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/test/cluster"
)

// doomed makes this test program one that starts a cluster and then hangs, as a
// test does that is about to be killed.
const doomed = "ROLLCALL_TEST_DOOMED_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(doomed); dir != "" {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := cluster.Start(ctx, cluster.Options{Dir: dir}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("started")
		select {}
	}
	os.Exit(m.Run())
}

// running lists the processes whose command line mentions the folder.
func running(dir string) []string {
	GinkgoHelper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	Expect(err).NotTo(HaveOccurred())
	var found []string
	for _, path := range paths {
		// A process may end while it is looked at.
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), dir) {
			found = append(found, filepath.Base(strings.SplitN(string(text), "\x00", 2)[0]))
		}
	}
	return found
}

var _ = Describe("A program that dies without stopping its cluster", func() {
	It("leaves no process behind, and the next one may use the folder", func(ctx SpecContext) {
		dir := GinkgoT().TempDir()
		start := func() *exec.Cmd {
			GinkgoHelper()
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append(os.Environ(), doomed+"="+dir)
			out, err := cmd.StdoutPipe()
			Expect(err).NotTo(HaveOccurred())
			Expect(cmd.Start()).To(Succeed())
			lines := bufio.NewScanner(out)
			Expect(lines.Scan()).To(BeTrue())
			Expect(lines.Text()).To(Equal("started"))
			return cmd
		}
		first := start()
		Expect(running(dir)).To(ConsistOf("etcd", "kube-apiserver"))

		_, err := cluster.Start(ctx, cluster.Options{Dir: dir})
		Expect(err).To(MatchError(ContainSubstring("another cluster runs in")))

		Expect(first.Process.Kill()).To(Succeed())
		_ = first.Wait() // it was killed, and says so
		Eventually(func() []string { return running(dir) }, "10s", "50ms").Should(BeEmpty())

		second := start()
		Expect(second.Process.Kill()).To(Succeed())
		_ = second.Wait()
		Eventually(func() []string { return running(dir) }, "10s", "50ms").Should(BeEmpty())
	})
})
