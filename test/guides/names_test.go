package guides_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	operator "github.com/rollcall-dev/rollcall/internal/manager"
)

// elsewhere are flags of other programs that pages name without the program.
var elsewhere = []string{
	"oidc-username-claim", "oidc-username-prefix", "authentication-config", // kube-apiserver
	"dry-run", "context", "as", // kubectl
	"existing-resource-policy", "exclude-resources", // velero
}

// help is what kubectl-rollcall says of each of its verbs.
func help(t *testing.T) map[string]string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "kubectl-rollcall")
	run := func(name string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Env = projectRoot(t), append(os.Environ(), "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	run("go", "build", "-buildvcs=false", "-o", binary, "./cmd/kubectl-rollcall")
	all := map[string]string{}
	for _, c := range available.FindAllStringSubmatch(run(binary, "--help"), -1) {
		all[c[1]] = run(binary, c[1], "--help")
	}
	if len(all) < 15 {
		t.Fatalf("the help lists only %d verbs", len(all))
	}
	return all
}

var (
	longFlag  = regexp.MustCompile(`(?:^|\s)--([a-z][a-z0-9-]*)`)
	shortFlag = regexp.MustCompile(`(?:^|\s)(-[a-zA-Z])\b`)
	command   = regexp.MustCompile(`kubectl rollcall ([a-z]+)([^|;>)]*)`)
	available = regexp.MustCompile(`(?m)^  ([a-z]+)  +[A-Z]`)
	flagName  = regexp.MustCompile(`^--([a-z][a-z0-9-]*)`)
)

func hasFlag(help, name string) bool {
	return regexp.MustCompile(`(?m)(^ +|, )` + regexp.QuoteMeta(name) + `\b`).MatchString(help)
}

func TestCommandsAndFlagsExist(t *testing.T) {
	verbs := help(t)
	var everything strings.Builder
	for _, text := range verbs {
		everything.WriteString(text)
	}
	t.Run("of the plugin", func(t *testing.T) {
		count := 0
		for _, p := range pages(t) {
			for _, line := range p.code() {
				for _, c := range command.FindAllStringSubmatch(line, -1) {
					count++
					verb, rest := c[1], c[2]
					if verbs[verb] == "" {
						t.Errorf("%s: %q: there is no verb %s", p.path, line, verb)
						continue
					}
					for _, f := range append(longFlag.FindAllString(rest, -1), shortFlag.FindAllString(rest, -1)...) {
						if f = strings.TrimSpace(f); !hasFlag(verbs[verb], f) {
							t.Errorf("%s: %q: %s has no flag %s", p.path, line, verb, f)
						}
					}
				}
			}
		}
		if count < 50 {
			t.Errorf("only %d commands were found", count)
		}
	})
	// A flag that stands alone is the manager's, or one of the plugin's.
	t.Run("of the manager", func(t *testing.T) {
		flags := flag.NewFlagSet("manager", flag.ContinueOnError)
		new(operator.Options).BindFlags(flags)
		count := 0
		for _, p := range pages(t) {
			for _, s := range span.FindAllString(p.prose(), -1) {
				name := flagName.FindStringSubmatch(strings.Trim(s, "`"))
				if name == nil {
					continue
				}
				switch {
				case flags.Lookup(name[1]) != nil:
					count++
				case !slices.Contains(elsewhere, name[1]) && !hasFlag(everything.String(), "--"+name[1]):
					t.Errorf("%s: neither the manager nor the plugin has a flag --%s", p.path, name[1])
				}
			}
		}
		if count < 4 {
			t.Errorf("only %d flags were found", count)
		}
	})
}

var (
	setValue  = regexp.MustCompile(`--set(?:-string)? '?([a-zA-Z0-9.]+)=`)
	yamlBlock = regexp.MustCompile("(?ms)^( *)```yaml\n(.*?)^ *```")
	dotted    = regexp.MustCompile(`^([a-zA-Z]+(?:\.[a-zA-Z]+)*)(?:=\S*)?$`)
)

// dedent takes the indentation of its fence off a block that stands in a list.
func dedent(text, indentation string) string {
	return strings.TrimPrefix(strings.ReplaceAll("\n"+text, "\n"+indentation, "\n"), "\n")
}

// paths are those of all that is no map in values of the chart.
func paths(values map[string]any) []string {
	var all []string
	for name, value := range values {
		below, ok := value.(map[string]any)
		if !ok {
			all = append(all, name)
			continue
		}
		for _, path := range paths(below) {
			all = append(all, name+"."+path)
		}
	}
	return all
}

// has says whether there is a value at a path. What is empty may have anything below.
func has(values any, path []string) bool {
	if len(path) == 0 {
		return true
	}
	fields, ok := values.(map[string]any)
	if !ok {
		return false
	}
	value, ok := fields[path[0]]
	return ok && has(value, path[1:])
}

func TestValuesOfTheChartExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(projectRoot(t), "charts", "rollcall", "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.UnmarshalStrict(text, &values); err != nil {
		t.Fatal(err)
	}
	count := 0
	check := func(p page, name string) {
		count++
		if !has(values, strings.Split(name, ".")) {
			t.Errorf("%s: the chart has no value %s", p.path, name)
		}
	}
	for _, p := range pages(t) {
		for _, block := range yamlBlock.FindAllStringSubmatch(p.text, -1) {
			var sample map[string]any
			if yaml.Unmarshal([]byte(dedent(block[2], block[1])), &sample) != nil || sample["apiVersion"] != nil {
				continue
			}
			for name := range sample {
				if values[name] != nil {
					for _, path := range paths(sample) {
						check(p, path)
					}
					break
				}
			}
		}
		for _, line := range p.code() {
			for _, set := range setValue.FindAllStringSubmatch(line, -1) {
				check(p, set[1])
			}
			// Such as `crds.keep=false` in a sentence.
			if name := dotted.FindStringSubmatch(line); name != nil && strings.Contains(name[1], ".") {
				if first, _, _ := strings.Cut(name[1], "."); values[first] != nil {
					check(p, name[1])
				}
			}
		}
	}
	if count < 15 {
		t.Errorf("only %d values were found", count)
	}
}

var kubectlGet = regexp.MustCompile(`kubectl (?:get|delete|patch|annotate) ([a-z,]+)`)

func TestKindsOfKubectlExist(t *testing.T) {
	known := []string{
		"rollcall", "secrets", "crd", "pods", "lease", "certificates", "events", "rolebindings", "clusterrolebindings",
		"validatingadmissionpolicies", "namespace", "deployment",
	}
	paths, err := filepath.Glob(filepath.Join(projectRoot(t), "config", "crd", "bases", "*.yaml"))
	if err != nil || len(paths) != 5 {
		t.Fatalf("%d CRDs: %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var crd struct {
			Spec struct {
				Names struct {
					Plural, Singular string
					ShortNames       []string
				}
			}
		}
		if err := yaml.Unmarshal(text, &crd); err != nil {
			t.Fatal(err)
		}
		known = append(append(known, crd.Spec.Names.Plural, crd.Spec.Names.Singular), crd.Spec.Names.ShortNames...)
	}
	for _, p := range pages(t) {
		for _, line := range p.code() {
			for _, found := range kubectlGet.FindAllStringSubmatch(line, -1) {
				for kind := range strings.SplitSeq(found[1], ",") {
					if !slices.Contains(known, kind) {
						t.Errorf("%s: %q: there is no kind %s", p.path, line, kind)
					}
				}
			}
		}
	}
}
